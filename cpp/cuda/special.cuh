// The special functions in device code: all of them in one kernel, which is told at run time which one to compute.
#pragma once

#include "cuda/elementwise.cuh"
#include "kernels/special.h"

namespace fastgrad::cuda {
namespace {

constexpr bool is_special(Unary op) { return op >= Unary::erfcx && op <= Unary::exponent; }
constexpr bool is_special(Binary op) { return op >= Binary::logaddexp && op <= Binary::zeta; }

__device__ inline double special(Unary op, double x) {
  switch (op) {
    case Unary::erfcx:
      return erfcx(x);
    case Unary::erfinv:
      return erfinv(x);
    case Unary::ndtri:
      return ndtri(x);
    case Unary::lgamma:
      return log_gamma(x);
    case Unary::digamma:
      return digamma(x);
    case Unary::i0:
      return i0(x);
    case Unary::i0e:
      return i0e(x);
    case Unary::i1:
      return i1(x);
    case Unary::i1e:
      return i1e(x);
    case Unary::mantissa:
      return mantissa(x);
    case Unary::exponent:
      return exponent(x);
    default:
      return nan;
  }
}

__device__ inline double special(Binary op, double a, double b) {
  switch (op) {
    case Binary::logaddexp:
      return logaddexp(a, b);
    case Binary::logaddexp2:
      return logaddexp2(a, b);
    case Binary::ldexp:
      return scaled(a, b);
    case Binary::xlogy:
      return xlogy(a, b);
    case Binary::xlog1py:
      return xlog1py(a, b);
    case Binary::zeta:
      return zeta(a, b);
    default:
      return nan;
  }
}

template <class T, class Op>
struct Special {
  Op op;

  template <class... X>
  __device__ T operator()(X... x) const {
    return static_cast<T>(special(op, static_cast<double>(x)...));
  }
};

// One after the other, because the functions are long.
template <class T, class Op, int width, class... X>
__device__ void apply(const Special<T, Op>& f, Pack<T, width>& result, const Pack<X, width>&... x) {
#pragma unroll 1
  for (int i = 0; i < width; ++i) result.v[i] = f(x.v[i]...);
}

}  // namespace
}  // namespace fastgrad::cuda
