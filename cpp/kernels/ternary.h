// The elementwise functions of three numbers, with the element types that they are defined for.
#pragma once

#include "kernels/function.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// Integer arithmetic wraps around; in C++ only that of unsigned types does.
template <class T>
FASTGRAD_FUNCTION T wrapped(std::uint64_t x) {
  return static_cast<T>(x);
}

struct Addcmul {
  using Types = Numbers;
  FASTGRAD_FUNCTION static float of(float a, float b, float c) { return a + b * c; }
  FASTGRAD_FUNCTION static double of(double a, double b, double c) { return a + b * c; }
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b, T c) {
    return wrapped<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b) * static_cast<std::uint64_t>(c));
  }
};

struct Addcdiv {
  using Types = Floats;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b, T c) {
    return a + b / c;
  }
};

// From the nearer end, so that a weight of 1 gives the other end exactly.
struct Lerp {
  using Types = Floats;
  template <class T>
  FASTGRAD_FUNCTION static T of(T a, T b, T weight) {
    const T way = b - a;
    return weight < T{0.5} && weight > T{-0.5} ? a + weight * way : b - way * (T{1} - weight);
  }
};

// NaN wins, then the upper limit.
struct Clamp {
  using Types = Numbers;
  template <class T>
  FASTGRAD_FUNCTION static T of(T x, T low, T high) {
    const T raised = x > low || x != x ? x : low;
    return raised < high || raised != raised ? raised : high;
  }
};

// f(Function{}) with the function of an op.
template <class F>
void visit_function(Ternary op, const F& f) {
  switch (op) {
    case Ternary::addcmul:
      return f(Addcmul{});
    case Ternary::addcdiv:
      return f(Addcdiv{});
    case Ternary::lerp:
      return f(Lerp{});
    case Ternary::clamp:
      return f(Clamp{});
    case Ternary::count:
      return;
  }
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
