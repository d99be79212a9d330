// Random words into numbers, with the formulas and the roundings of PyTorch's CPU kernels, which are compiled for
// several instruction sets too: where the processor multiplies and adds with one rounding, so do they.
#include <math.h>

#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

constexpr double pi = 0x1.921fb54442d18p1;

// a * b + c, rounded once where the instruction set can.
FASTGRAD_INLINE double multiply_add(double a, double b, double c) {
#if defined(__FMA__) || defined(__ARM_NEON)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// --------------------------------------------------------------------------------------------------------- uniform

// The uniform numbers in [0, 1) of vectors of words.
FASTGRAD_INLINE Vec<float> unit(Vec<float> words) {
  using Ints = typename VecOf<std::int32_t, lanes<float>>::type;
  const auto bits = reinterpret_cast<Ints>(reinterpret_cast<Bits<Vec<float>>>(words) & 0xffffffU);
  return __builtin_convertvector(bits, Vec<float>) * 0x1p-24F;
}

FASTGRAD_INLINE Vec<double> unit(Vec<double> words) {
  using V = Vec<double>;
  const Bits<V> bits = reinterpret_cast<Bits<V>>(words);
  // The word drawn first lies in the lower half and is the upper part of the number. Each part becomes a double by
  // writing it into the low digits of a power of two.
  const Bits<V> upper = (bits & 0x1fffffU) | __builtin_bit_cast(std::uint64_t, 0x1p84);
  const Bits<V> lower = (bits >> 32) | __builtin_bit_cast(std::uint64_t, 0x1p52);
  return ((reinterpret_cast<V>(upper) - 0x1p84) + (reinterpret_cast<V>(lower) - 0x1p52)) * 0x1p-53;
}

FASTGRAD_INLINE double unit_of(const double* words) {
  std::uint32_t pair[2];
  __builtin_memcpy(pair, words, sizeof pair);
  const std::uint64_t bits = static_cast<std::uint64_t>(pair[0] & 0x1fffffU) << 32 | pair[1];
  return static_cast<double>(bits) * 0x1p-53;
}

template <class T>
void uniform(T* x, Index n, T low, T high) {
  const Vec<T> from = splat<Vec<T>>(low), range = splat<Vec<T>>(high - low);
  for_pieces<T>(n, [&](Index i, auto piece) {
    const Vec<T> value = fma(unit(piece.load(x + i, 0)), range, from);
    piece.store(x + i, value == high ? from : value);  // rounding may reach the end, which does not belong
  });
}

// ---------------------------------------------------------------------------------------------------------- normal

// One rounding of the last step, whatever the instruction set.
FASTGRAD_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
FASTGRAD_INLINE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
FASTGRAD_INLINE float log_of_one(float x) { return ::logf(x); }
FASTGRAD_INLINE double log_of_one(double x) { return ::log(x); }
FASTGRAD_INLINE float root(float x) { return ::sqrtf(x); }
FASTGRAD_INLINE double root(double x) { return ::sqrt(x); }
FASTGRAD_INLINE float cosine(float x) { return ::cosf(x); }
FASTGRAD_INLINE double cosine(double x) { return ::cos(x); }
FASTGRAD_INLINE float sine(float x) { return ::sinf(x); }
FASTGRAD_INLINE double sine(double x) { return ::sin(x); }

template <class T>
void normal_by_libm(T* x, Index blocks, T mean, T std) {
  for (T* const end = x + 16 * blocks; x != end; x += 16) {
    for (int i = 0; i < 8; ++i) {
      const T radius = root(-2 * log_of_one(1 - x[i]));
      const T angle = static_cast<T>(2 * pi * static_cast<double>(x[i + 8]));
      x[i] = fused(radius * cosine(angle), std, mean);
      x[i + 8] = fused(radius * sine(angle), std, mean);
    }
  }
}

#if defined(__AVX2__)
// PyTorch's vectors of float take the logarithm, the sine and the cosine of S. L. Moshier's Cephes library (netlib.org,
// single precision). These are the same polynomials, evaluated in the same order.
namespace cephes {

using V = Vec<float>;
using Ints = typename VecOf<std::int32_t, lanes<float>>::type;

FASTGRAD_INLINE V times_add(V a, V b, float c) { return fma(a, b, splat<V>(c)); }

// Of positive normal numbers.
FASTGRAD_INLINE V log(V x) {
  const Ints bits = reinterpret_cast<Ints>(x);
  const V mantissa = reinterpret_cast<V>((bits & 0x7fffff) | 0x3f000000);  // in [1/2, 1)
  const auto small = mantissa < 0.707106781186547524F;
  const V exponent = __builtin_convertvector((bits >> 23) - 126, V) - (small ? splat<V>(1) : V{});
  const V f = (mantissa - 1) + (small ? mantissa : V{});
  const V square = f * f;
  const V p = polynomial(f, 7.0376836292e-2F, -1.1514610310e-1F, 1.1676998740e-1F, -1.2420140846e-1F, 1.4249322787e-1F,
                         -1.6668057665e-1F, 2.0000714765e-1F, -2.4999993993e-1F, 3.3333331174e-1F);
  const V low = fma(p * f, square, exponent * -2.12194440e-4F);
  return fma(exponent, splat<V>(0.693359375F), f + fma(square, splat<V>(-0.5F), low));
}

struct SineAndCosine {
  V sin, cos;
};

// Of numbers in [0, 2 pi].
FASTGRAD_INLINE SineAndCosine sine_and_cosine(V x) {
  // The nearest multiple of pi / 2, as an even number of eighths of a turn.
  const Ints eighth = (__builtin_convertvector(x * 1.27323954473516F, Ints) + 1) & ~1;
  const V y = __builtin_convertvector(eighth, V);
  const V r = fma(y, splat<V>(-3.77489497744594108e-8F),
                  fma(y, splat<V>(-2.4187564849853515625e-4F), fma(y, splat<V>(-0.78515625F), x)));
  const V z = r * r;
  const V c = polynomial(z, 2.443315711809948e-5F, -1.388731625493765e-3F, 4.166664568298827e-2F) * z;
  const V cos = fma(c, z, z * -0.5F) + 1;
  const V s = polynomial(z, -1.9515295891e-4F, 8.3321608736e-3F, -1.6666654611e-1F) * z;
  const V sin = fma(s, r, r);
  const auto straight = (eighth & 2) == 0;
  const auto turned = [](V value, Ints sign) __attribute__((always_inline)) {
    return reinterpret_cast<V>(reinterpret_cast<Ints>(value) ^ sign);
  };
  return {turned(straight ? sin : cos, (eighth & 4) << 29), turned(straight ? cos : sin, (~(eighth - 2) & 4) << 29)};
}

}  // namespace cephes

// Eight floats from `a`, and where vectors have sixteen, eight more from `b`.
FASTGRAD_INLINE Vec<float> load_eights(const float* a, const float* b) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vec<float>>(_mm512_mask_loadu_ps(_mm512_maskz_loadu_ps(0x00ff, a), 0xff00, b - 8));
#else
  static_cast<void>(b);
  return load(a);
#endif
}

FASTGRAD_INLINE void store_eights(float* a, float* b, Vec<float> v) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(a, 0x00ff, v);
  _mm512_mask_storeu_ps(b - 8, 0xff00, v);
#else
  static_cast<void>(b);
  store(a, v);
#endif
}

void normal(float* x, Index blocks, float mean, float std) {
  using V = Vec<float>;
  constexpr Index step = lanes<float> / 8;
  for (Index i = 0; i < blocks; i += step) {
    float* const a = x + 16 * i;
    float* const b = i + step <= blocks ? a + 16 * (step - 1) : a;  // an odd block is its own partner
    const V radius = sqrt(-2 * cephes::log(1 - load_eights(a, b)));
    const auto [sin, cos] = cephes::sine_and_cosine(load_eights(a + 8, b + 8) * static_cast<float>(2 * pi));
    store_eights(a, b, fma(radius * cos, splat<V>(std), splat<V>(mean)));
    store_eights(a + 8, b + 8, fma(radius * sin, splat<V>(std), splat<V>(mean)));
  }
}
#else
void normal(float* x, Index blocks, float mean, float std) { normal_by_libm(x, blocks, mean, std); }
#endif

void normal(double* x, Index blocks, double mean, double std) { normal_by_libm(x, blocks, mean, std); }

// ------------------------------------------------------------------------------------- one double for each element

void bernoulli(double* x, Index n, double probability, double) {
  using V = Vec<double>;
  for_pieces<double>(n, [&](Index i, auto piece) {
    piece.store(x + i, unit(piece.load(x + i, 0)) < probability ? splat<V>(1) : V{});
  });
}

void exponential(double* x, Index n, double lambda, double) {
  const double scale = -1 / lambda;
  for (Index i = 0; i < n; ++i) x[i] = scale * ::log1p(-unit_of(x + i));
}

void geometric(double* x, Index n, double probability, double) {
  const double failure = ::log1p(-probability);
  for (Index i = 0; i < n; ++i) x[i] = ::ceil(::log(unit_of(x + i)) / failure);
}

void cauchy(double* x, Index n, double median, double sigma) {
  for (Index i = 0; i < n; ++i) x[i] = multiply_add(sigma, ::tan(pi * (unit_of(x + i) - 0.5)), median);
}

void normal_pairs(double* x, Index n, double, double) {
  for (Index i = 0; i < n; i += 2) {
    const double angle = 2 * pi * unit_of(x + i), radius = ::sqrt(-2 * ::log1p(-unit_of(x + i + 1)));
    x[i] = radius * ::cos(angle);
    x[i + 1] = radius * ::sin(angle);
  }
}

void normal_of_standard(double* x, Index n, double mean, double std) {
  for (Index i = 0; i < n; ++i) x[i] = multiply_add(x[i], std, mean);
}

void log_normal(double* x, Index n, double mean, double std) {
  for (Index i = 0; i < n; ++i) x[i] = ::exp(multiply_add(x[i], std, mean));
}

}  // namespace

void fill_random(Kernels& table) {
  table.float32.random = {uniform<float>, normal};
  table.float64.random = {uniform<double>, normal};
  const auto set = [&](Draw draw, DrawLoop loop) { table.draw[static_cast<int>(draw)] = loop; };
  set(Draw::bernoulli, bernoulli);
  set(Draw::exponential, exponential);
  set(Draw::geometric, geometric);
  set(Draw::cauchy, cauchy);
  set(Draw::normal_pairs, normal_pairs);
  set(Draw::normal, normal_of_standard);
  set(Draw::log_normal, log_normal);
}

}  // namespace fastgrad::FASTGRAD_ISA
