// Elementwise functions of two operands. Those of floats have a kernel each; the others share one that is told at run
// time which function to compute.
#include "cuda/families.h"
#include "cuda/special.cuh"
#include "kernels/binary.h"

namespace fastgrad::cuda {
namespace {

template <class F, class T>
using ResultOf = decltype(F::of(T{}, T{}));

template <class F>
struct OfFloats {
  template <class T>
  __device__ auto operator()(T a, T b) const {
    return F::of(a, b);
  }
};

template <class R>
struct OfWholeNumbers {
  Binary op;

  template <class T>
  __device__ R operator()(T a, T b) const {
    R result{};
    visit_function(op, [&](auto function) {
      using F = decltype(function);
      if constexpr (is_among<T, typename F::Types>) {
        if constexpr (std::is_same_v<ResultOf<F, T>, R>) result = F::of(a, b);
      }
    });
    return result;
  }
};

template <class T>
void of_floats(Binary op, const Tensor& out, const std::array<Term, 2>& terms) {
  if (is_special(op)) return map<T, T, T>("binary", Special<T, Binary>{op}, out, terms);
  visit_function(op, [&](auto function) {
    using F = decltype(function);
    if constexpr (is_among<T, typename F::Types>) map<ResultOf<F, T>, T, T>("binary", OfFloats<F>{}, out, terms);
  });
}

}  // namespace

void binary(Binary op, DType dtype, const Tensor& out, Term a, Term b) {
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      of_floats<T>(op, out, {a, b});
    } else if (gives_bool(op)) {
      map<bool, T, T>("binary", OfWholeNumbers<bool>{op}, out, {a, b});
    } else {
      map<T, T, T>("binary", OfWholeNumbers<T>{op}, out, {a, b});
    }
  });
}

}  // namespace fastgrad::cuda
