// Elementwise functions of three operands.
#include "cuda/elementwise.cuh"
#include "cuda/families.h"
#include "kernels/ternary.h"

namespace fastgrad::cuda {
namespace {

template <class F>
struct Elementwise {
  template <class T>
  __device__ T operator()(T a, T b, T c) const {
    return F::of(a, b, c);
  }
};

}  // namespace

void ternary(Ternary op, const Tensor& out, Term a, Term b, Term c) {
  visit_function(op, [&](auto function) {
    using F = decltype(function);
    visit_dtype(out.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (is_among<T, typename F::Types>) map<T, T, T, T>("ternary", Elementwise<F>{}, out, {a, b, c});
    });
  });
}

}  // namespace fastgrad::cuda
