// Which dtype an operation computes in: PyTorch's promotion rules.
#pragma once

#include <string>

#include "core/tensor.h"

namespace fastgrad {

// A Python number.
struct Scalar {
  enum class Kind { boolean, integer, floating };
  Kind kind = Kind::integer;
  Index integer = 0;    // also 0 or 1 for booleans
  double floating = 0;  // the value as a float, whatever the kind

  static Scalar of(bool value) { return {Kind::boolean, value, value ? 1.0 : 0.0}; }
  static Scalar of(Index value) { return {Kind::integer, value, static_cast<double>(value)}; }
  static Scalar of(double value) { return {Kind::floating, 0, value}; }
};

// A tensor or a number: what either side of an operator may be.
struct Operand {
  const Tensor* tensor = nullptr;
  Scalar scalar;
};

// A tensor that lies on the host in calls on any device: its numbers say what there is to do.
struct HostTensor {
  Tensor tensor;
};

// The dtype of a tensor, or the one that PyTorch gives to a number.
DType own_dtype(const Operand& x);

DType default_dtype();
void set_default_dtype(DType t);

DType promote_types(DType a, DType b);
// With PyTorch's ranks: tensors with dimensions over 0-d tensors over numbers, unless the lower one is of a
// higher category (bool < integer < float).
DType result_type(const Operand& a, const Operand& b);
DType result_type(const Operand& a, const Operand& b, const Operand& c);

// The number as an element of dtype t, written to `to`. RuntimeError when an integer does not fit.
void write_scalar(const Scalar& value, DType t, void* to);
Tensor scalar_tensor(const Scalar& value, DType t);
// The dtype that PyTorch gives a number of its own.
DType scalar_dtype(const Scalar& value);

// RuntimeError when a result of dtype `from` may not be written into a tensor of dtype `to`.
void check_can_cast(const char* op, DType from, DType to);

}  // namespace fastgrad
