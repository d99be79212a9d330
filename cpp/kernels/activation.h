// Activation functions with up to two parameters, and their gradients, for vectors V.
//
// At kinks and for NaN the branches are PyTorch's: a comparison's outcome decides which formula an element gets.
#pragma once

#include "kernels/vectors.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------- smooth

// x times the normal distribution's probability of a number below x.
struct Gelu {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return x * normal_probability(x);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    const V density = exp_negative(x * x * Element<V>(-0.5)) * Element<V>(0x1.9884533d43651p-2);  // 1 / sqrt(2 pi)
    return g * fma(x, density, normal_probability(x));
  }
};

// The same approximated: 0.5 (1 + tanh(u)) = sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3).
struct GeluTanh {
  template <class V>
  FASTGRAD_INLINE static V probability(V x) {
    const V cubic = x * x * x * Element<V>(0.044715);
    return sigmoid((x + cubic) * Element<V>(0x1.9884533d43651p0));  // 2 sqrt(2 / pi)
  }
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return x * probability(x);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    const V p = probability(x);
    const V slope = (x * x * Element<V>(3 * 0.044715) + 1) * Element<V>(0x1.9884533d43651p0);
    return g * (p + x * (p * (1 - p)) * slope);
  }
};

struct Silu {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return x * sigmoid(x);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    const V s = sigmoid(x);
    return g * (s * (x * (1 - s) + 1));
  }
};

// x tanh(log(1 + e^x)), where the tanh is a quotient of polynomials in e^-|x|; nothing overflows or cancels.
struct Mish {
  template <class V>
  struct Parts {
    V numerator, denominator, rest, sigmoid;  // rest = denominator - numerator
  };
  template <class V>
  FASTGRAD_INLINE static Parts<V> parts(V x) {
    const V e = exp_negative(-magnitude(x)), one = splat<V>(1);
    const auto negative = x < 0;
    const V numerator = negative ? e * (e + 2) : e * 2 + 1;
    const V rest = negative ? splat<V>(2) : e * e * 2;
    return {numerator, numerator + rest, rest, (negative ? e : one) / (e + 1)};
  }
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    const Parts<V> p = parts(x);
    return x * (p.numerator / p.denominator);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    const Parts<V> p = parts(x);
    const V t = p.numerator / p.denominator;
    const V curvature = p.rest / p.denominator * (t + 1);  // 1 - t^2
    return g * fma(x, curvature * p.sigmoid, t);
  }
};

// log(1 + exp(beta x)) / beta, but x where beta x exceeds the threshold.
struct Softplus {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V beta, V threshold) {
    return x * beta > threshold ? x : softplus_of(x * beta) / beta;
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V beta, V threshold) {
    return x * beta > threshold ? g : g * sigmoid(x * beta);
  }
};

struct Logsigmoid {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return -softplus_of(-x);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    return g * sigmoid(-x);
  }
};

struct Softsign {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return x / (magnitude(x) + 1);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    const V d = magnitude(x) + 1;
    return g / (d * d);
  }
};

struct Tanhshrink {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return x - tanh(x);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    const V t = tanh(x);
    return g * (t * t);
  }
};

// ---------------------------------------------------------------------------------------------------------- kinked

struct Elu {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V alpha, V scale) {
    return x > 0 ? x * scale : expm1(x) * (alpha * scale);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V alpha, V scale) {
    return x <= 0 ? g * (exp(x) * (alpha * scale)) : g * scale;
  }
};

struct Celu {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V alpha, V) {
    return x > 0 ? x : expm1(x / alpha) * alpha;
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V alpha, V) {
    return x <= 0 ? g * exp(x / alpha) : g;
  }
};

struct LeakyRelu {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V slope, V) {
    return x > 0 ? x : x * slope;
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V slope, V) {
    return x > 0 ? g : g * slope;
  }
};

struct Hardtanh {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V low, V high) {
    return x < low ? low : (x > high ? high : x);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V low, V high) {
    return (x <= low) | (x >= high) ? V{} : g;
  }
};

// x relu6(x + 3) / 6
struct Hardswish {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return x * Hardtanh::value(x + 3, V{}, splat<V>(6)) / 6;
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    return x <= -3 ? V{} : (x < 3 ? g * (x / 3 + Element<V>(0.5)) : g);
  }
};

struct Hardsigmoid {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return Hardtanh::value(x + 3, V{}, splat<V>(6)) / 6;
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    return (x > -3) & (x < 3) ? g / 6 : V{};
  }
};

struct Threshold {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V threshold, V replacement) {
    return x <= threshold ? replacement : x;
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V threshold, V) {
    return x <= threshold ? V{} : g;
  }
};

struct Hardshrink {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V lambda, V) {
    return (x >= -lambda) & (x <= lambda) ? V{} : x;
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V lambda, V) {
    return (x >= -lambda) & (x <= lambda) ? V{} : g;
  }
};

struct Softshrink {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V lambda, V) {
    return x > lambda ? x - lambda : (x < -lambda ? x + lambda : x * 0);  // NaN stays
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V lambda, V) {
    return (x >= -lambda) & (x <= lambda) ? V{} : g;
  }
};

// f(Function{}) with the function of an op.
template <class F>
void visit_function(Activation op, const F& f) {
  switch (op) {
    case Activation::gelu:
      return f(Gelu{});
    case Activation::gelu_tanh:
      return f(GeluTanh{});
    case Activation::silu:
      return f(Silu{});
    case Activation::mish:
      return f(Mish{});
    case Activation::softplus:
      return f(Softplus{});
    case Activation::logsigmoid:
      return f(Logsigmoid{});
    case Activation::softsign:
      return f(Softsign{});
    case Activation::tanhshrink:
      return f(Tanhshrink{});
    case Activation::elu:
      return f(Elu{});
    case Activation::celu:
      return f(Celu{});
    case Activation::leaky_relu:
      return f(LeakyRelu{});
    case Activation::hardtanh:
      return f(Hardtanh{});
    case Activation::hardswish:
      return f(Hardswish{});
    case Activation::hardsigmoid:
      return f(Hardsigmoid{});
    case Activation::threshold:
      return f(Threshold{});
    case Activation::hardshrink:
      return f(Hardshrink{});
    case Activation::softshrink:
      return f(Softshrink{});
    case Activation::count:
      return;
  }
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
