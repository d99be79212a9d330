// Activation functions with up to two parameters, and their gradients: one pass over the memory each.
//
// At kinks and for NaN the branches are PyTorch's: a comparison's outcome decides which formula an element gets.
#include <math.h>

#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// ---------------------------------------------------------------------------------------------------------- smooth

// x times the normal distribution's probability of a number below x.
struct Gelu {
  // The probability of a number beyond a = |x| is exp(-a^2 / 2 - p(a)), with a polynomial p for a <= 6, beyond which it
  // is less than 10^-9. Approximation error of a times that: 2^-25.8.
  FASTGRAD_INLINE static Vec<float> probability(Vec<float> x) {
    using V = Vec<float>;
    const V a = magnitude(x);
    const V p = polynomial(min(splat<V>(6), a), 0x1.795830p-20f, -0x1.5f19d8p-16f, 0x1.a59d6ep-14f, 0x1.4df690p-13f,
                           -0x1.45f098p-8f, 0x1.2a7c78p-5f, -0x1.742756p-3f, 0x1.9884a4p-1f, 0x1.62e42ep-1f);
    const V beyond = exp_negative(fma(a * -0.5f, a, -p));
    return x < 0 ? beyond : 1 - beyond;
  }
  FASTGRAD_INLINE static Vec<double> probability(Vec<double> x) { return erfc(x * -0x1.6a09e667f3bcdp-1) * 0.5; }
  template <class V>
  FASTGRAD_INLINE static V value(V x, V, V) {
    return x * probability(x);
  }
  template <class V>
  FASTGRAD_INLINE static V gradient(V g, V x, V, V) {
    const V density = exp_negative(x * x * Element<V>(-0.5)) * Element<V>(0x1.9884533d43651p-2);  // 1 / sqrt(2 pi)
    return g * fma(x, density, probability(x));
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

// ----------------------------------------------------------------------------------------------------------- loops

template <class F, class T>
void value_loop(T* out, const T* x, Index n, T a, T b) {
  const Vec<T> first = splat<Vec<T>>(a), second = splat<Vec<T>>(b);
  for_pieces<T>(n, [&](Index i, auto piece) { piece.store(out + i, F::value(piece.load(x + i, 0), first, second)); });
}

template <class F, class T>
void gradient_loop(T* dx, const T* g, const T* x, Index n, T a, T b) {
  const Vec<T> first = splat<Vec<T>>(a), second = splat<Vec<T>>(b);
  for_pieces<T>(n, [&](Index i, auto piece) {
    piece.store(dx + i, F::gradient(piece.load(g + i, 0), piece.load(x + i, 0), first, second));
  });
}

template <class F, class T>
void set(ActivationKernels<T>& kernels, Activation op) {
  kernels.value[static_cast<int>(op)] = value_loop<F, T>;
  kernels.gradient[static_cast<int>(op)] = gradient_loop<F, T>;
}

template <class T>
void fill(ActivationKernels<T>& kernels) {
  set<Gelu>(kernels, Activation::gelu);
  set<GeluTanh>(kernels, Activation::gelu_tanh);
  set<Silu>(kernels, Activation::silu);
  set<Mish>(kernels, Activation::mish);
  set<Softplus>(kernels, Activation::softplus);
  set<Logsigmoid>(kernels, Activation::logsigmoid);
  set<Softsign>(kernels, Activation::softsign);
  set<Tanhshrink>(kernels, Activation::tanhshrink);
  set<Elu>(kernels, Activation::elu);
  set<Celu>(kernels, Activation::celu);
  set<LeakyRelu>(kernels, Activation::leaky_relu);
  set<Hardtanh>(kernels, Activation::hardtanh);
  set<Hardswish>(kernels, Activation::hardswish);
  set<Hardsigmoid>(kernels, Activation::hardsigmoid);
  set<Threshold>(kernels, Activation::threshold);
  set<Hardshrink>(kernels, Activation::hardshrink);
  set<Softshrink>(kernels, Activation::softshrink);
}

}  // namespace

void fill_activation(Kernels& table) {
  fill(table.float32.activation);
  fill(table.float64.activation);
}

}  // namespace fastgrad::FASTGRAD_ISA
