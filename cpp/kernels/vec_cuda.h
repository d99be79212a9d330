// The vectors and elementary functions of the kernels' functions, in device code: vectors of one element, and CUDA's
// functions.
#pragma once

#include <math.h>

#include "kernels/function.h"

#define FASTGRAD_INLINE __device__ __forceinline__

namespace fastgrad::cuda {
namespace {

template <class V>
using Element = V;

using ::exp;
using ::expm1;
using ::fma;
using ::log;
using ::log1p;
using ::tanh;

template <class V>
FASTGRAD_INLINE V splat(Element<V> x) {
  return x;
}

// The smaller (larger) one; b where a or b is NaN.
template <class V>
FASTGRAD_INLINE V min(V a, V b) {
  return a < b ? a : b;
}
template <class V>
FASTGRAD_INLINE V max(V a, V b) {
  return a > b ? a : b;
}

FASTGRAD_INLINE float magnitude(float x) { return fabsf(x); }
FASTGRAD_INLINE double magnitude(double x) { return fabs(x); }

template <class V>
FASTGRAD_INLINE V exp_negative(V x) {
  return exp(x);
}

// From e^-|x|, which cannot overflow.
template <class V>
FASTGRAD_INLINE V sigmoid(V x) {
  const V e = exp(-magnitude(x));
  return (x < 0 ? e : V{1}) / (e + 1);
}

// log(1 + e^x) for any x.
template <class V>
FASTGRAD_INLINE V softplus_of(V x) {
  return max(V{}, x) + log1p(exp(-magnitude(x)));
}

FASTGRAD_INLINE float normal_probability(float x) { return erfcf(x * -0x1.6a09e6p-1f) * 0.5f; }
FASTGRAD_INLINE double normal_probability(double x) { return erfc(x * -0x1.6a09e667f3bcdp-1) * 0.5; }

}  // namespace
}  // namespace fastgrad::cuda
