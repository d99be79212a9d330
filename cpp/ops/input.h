// What the elementwise functions of several operands read.
#pragma once

#include <optional>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {

// An operand in the dtype of the computation: a tensor, or one element on the stack.
struct Input {
  std::optional<Tensor> holder;    // keeps a converted copy alive
  const Tensor* tensor = nullptr;  // null for a number
  alignas(8) unsigned char number[8];

  Input(const Operand& x, DType dtype) {
    if (x.tensor == nullptr) {
      write_scalar(x.scalar, dtype, number);
    } else if (x.tensor->dtype == dtype) {
      tensor = x.tensor;
    } else {
      tensor = &holder.emplace(cast(*x.tensor, dtype));
    }
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  const char* data() const {
    return static_cast<const char*>(tensor == nullptr ? static_cast<const void*>(number) : tensor->raw());
  }
  Term term() const { return {tensor, number}; }
  Dims sizes() const { return tensor == nullptr ? Dims{} : tensor->sizes; }
  Dims strides(const Dims& shape) const {
    return tensor == nullptr ? Dims(shape.size()) : broadcast_strides(*tensor, shape);
  }
  // Contiguous in `shape`, or one element: what a single call of the kernel can read.
  bool is_simple(const Dims& shape) const {
    return tensor == nullptr || (tensor->sizes == shape && tensor->is_contiguous());
  }
};

}  // namespace fastgrad::ops
