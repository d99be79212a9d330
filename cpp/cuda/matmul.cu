// Matrix products of tensors.
#include <algorithm>
#include <atomic>

#include "cuda/bias.cuh"
#include "cuda/families.h"
#include "cuda/gemm.h"
#include "cuda/gemm_kernels.cuh"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::cuda {
namespace {

std::atomic<bool> tf32_allowed = false;

// All dimensions but the last two.
Tensor stack(const Tensor& t) {
  Tensor front = t;
  for (Dims* dims : {&front.sizes, &front.strides}) {
    dims->erase(dims->size() - 1);
    dims->erase(dims->size() - 1);
  }
  return front;
}

Factor factor_of(const Tensor& t) { return {t.address(), t.strides[t.dim() - 2], t.strides[t.dim() - 1]}; }

// The tensor, or a copy where that is what cuBLAS needs to read it.
Tensor readable(const Tensor& t) {
  const bool as_it_is = !is_floating(t.dtype) || !blas_is_available() ||
                        is_readable_by_blas(t.sizes[t.dim() - 2], t.sizes.back(), factor_of(t));
  return as_it_is ? t : ops::contiguous(t);
}

// Line i of `out` is filled with number i % count of the bias.
template <class T>
__global__ void fill_lines(T* out, Index lines, Index length, const T* bias, Index count, Index step) {
  const Index first = static_cast<Index>(blockIdx.y) * blockDim.y + static_cast<Index>(threadIdx.y);
  for (Index line = first; line < lines; line += static_cast<Index>(gridDim.y) * blockDim.y) {
    const T number = bias[line % count * step];
    for (Index j = thread_index(); j < length; j += thread_count()) out[line * length + j] = number;
  }
}

// Every line of `out` is the bias.
template <class T>
__global__ void fill_with_line(T* out, Index lines, const T* bias, Index count, Index step) {
  const Index first = static_cast<Index>(blockIdx.y) * blockDim.y + static_cast<Index>(threadIdx.y);
  for (Index j = thread_index(); j < count; j += thread_count()) {
    const T number = bias[j * step];
    for (Index line = first; line < lines; line += static_cast<Index>(gridDim.y) * blockDim.y) {
      out[line * count + j] = number;
    }
  }
}

}  // namespace

void fill_with_bias(const Tensor& out, const Tensor& bias, Index run) {
  const Index count = bias.numel(), step = bias.strides[0], length = run == 1 ? count : run;
  const Index lines = out.numel() / length;
  const dim3 block(32, 8);
  const Index across = std::min<Index>(ceil_div(length, 32), 64);
  const dim3 grid(static_cast<unsigned>(across),
                  static_cast<unsigned>(std::min<Index>(
                      {ceil_div(lines, 8), most_blocks_along_y, std::max<Index>(1, multiprocessors() * 64 / across)})));
  visit_width(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto* const to = static_cast<T*>(out.address());
    const auto* const numbers = static_cast<const T*>(bias.address());
    if (run == 1) {
      launch("fill_with_bias", fill_with_line<T>, grid, block, 0, to, lines, numbers, count, step);
    } else {
      launch("fill_with_bias", fill_lines<T>, grid, block, 0, to, lines, length, numbers, count, step);
    }
  });
}

bool tf32_is_allowed() { return tf32_allowed; }
void set_allow_tf32(bool allowed) { tf32_allowed = allowed; }

void matmul(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor* bias) {
  if (out.numel() == 0) return;
  if (bias != nullptr) fill_with_bias(out, *bias, 1);
  const Tensor left = readable(a), right = readable(b);
  const Dims batch = stack(out).sizes;
  const Walk<3> walk(
      batch, {broadcast_strides(stack(left), batch), broadcast_strides(stack(right), batch), stack(out).strides});
  Product p{out.dtype,       out.sizes[out.dim() - 2], out.sizes.back(), left.sizes.back(),
            factor_of(left), factor_of(right),         out.address(),    out.sizes.back()};
  p.accumulate = bias != nullptr;
  // A product sees the two innermost dimensions of the batch; what is left of it is walked over here.
  const int last = walk.last();
  const bool two = last > 0;
  p.inner = walk.inner();
  p.outer = two ? walk.sizes[last - 1] : 1;
  const auto set_strides = [&](int which, Index& outer, Index& inner) {
    inner = walk.strides[which].back();
    outer = two ? walk.strides[which][last - 1] : walk.inner() * inner;
  };
  set_strides(0, p.a.outer, p.a.inner);
  set_strides(1, p.b.outer, p.b.inner);
  set_strides(2, p.c_outer, p.c_inner);
  const auto size = static_cast<Index>(item_size(out.dtype));
  for (Index i = 0; i < walk.outer(); i += p.outer) {
    const auto at = walk.offsets(i);
    Product here = p;
    here.a.data = static_cast<const char*>(p.a.data) + at[0] * size;
    here.b.data = static_cast<const char*>(p.b.data) + at[1] * size;
    here.c = static_cast<char*>(p.c) + at[2] * size;
    multiply(here);
  }
}

}  // namespace fastgrad::cuda
