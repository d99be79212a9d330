// Elementary functions of vectors of float and double.
//
// Each is a range reduction and a minimax polynomial (Remez exchange in 60 digits, coefficients then rounded); the
// approximation error is given at each polynomial. Worst errors seen, in units in the last place, over every 16th
// float against double libm and 10^6 random doubles against long double libm, with FMA (without):
//
//             exp        exp2       expm1      log        log1p  tanh       sigmoid    erf
//   float     0.9 (1.2)  0.9 (1.2)  1.6 (1.8)  0.8 (0.8)         1.9 (2.0)  2.3 (2.3)  1.1 (1.3)
//   double    0.9 (1.2)  1.0 (1.3)  1.9 (2.1)  0.9 (0.9)  1.4    2.1 (2.1)  2.1 (2.2)
//
// and log2 1.7 (float) and 1.6 (double), log10 1.8, erf 1.0 and erfc 3.6 (double).
//
// Signed zeros, subnormal numbers, infinities and NaN follow C's Annex F. Every element is computed alone, so a
// result depends neither on its neighbours nor on its place in the vector.
#pragma once

#include <math.h>

#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// What the algorithms need to know about a floating-point type.
template <class T>
struct FloatTraits;

template <>
struct FloatTraits<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr float bias = 127;
  static constexpr int half_range = 64;  // 2^(2 * half_range) overflows
  static constexpr float half_power = 0x1p64f;
  static constexpr float round_magic = 0x1.8p23f;   // x + magic - magic is x rounded to an integer, |x| < 2^22
  static constexpr float exponent_magic = 0x1p23f;  // has room for a small unsigned integer in its low bits
  static constexpr float min_normal = 0x1p-126f;
  static constexpr float infinity = __builtin_inff();
  static constexpr float nan = __builtin_nanf("");
  static constexpr float sqrt_half = 0x1.6a09e6p-1f, sqrt_two = 0x1.6a09e6p0f;
  // exp (exp2) gives 0 at the minimum and infinity at the maximum.
  static constexpr float exp_min = -104, exp_max = 89, exp2_min = -151, exp2_max = 128;
  static constexpr float expm1_min = -20;  // expm1 gives -1
  // ln 2 = high + low, where high has few enough bits to make its product with any exponent exact.
  static constexpr float ln2 = 0x1.62e430p-1f, ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float log2_e = 0x1.715476p0f;
};

template <>
struct FloatTraits<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr double bias = 1023;
  static constexpr int half_range = 512;
  static constexpr double half_power = 0x1p512;
  static constexpr double round_magic = 0x1.8p52;
  static constexpr double exponent_magic = 0x1p52;
  static constexpr double min_normal = 0x1p-1022;
  static constexpr double infinity = __builtin_inf();
  static constexpr double nan = __builtin_nan("");
  static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1, sqrt_two = 0x1.6a09e667f3bcdp0;
  static constexpr double exp_min = -746, exp_max = 710, exp2_min = -1076, exp2_max = 1024;
  static constexpr double expm1_min = -40;
  static constexpr double ln2 = 0x1.62e42fefa39efp-1, ln2_high = 0x1.62e42fefap-1, ln2_low = 0x1.cf79abc9e3b3ap-40;
  static constexpr double log2_e = 0x1.71547652b82fep0;
};

template <class V>
using Traits = FloatTraits<Element<V>>;

// leading * x^n + rest[0] * x^(n-1) + ... + rest[n-1], by Horner's rule.
template <class V, class... C>
FASTGRAD_INLINE V polynomial(V x, Element<V> leading, C... rest) {
  V p = splat<V>(leading);
  ((p = fma(p, x, splat<V>(rest))), ...);
  return p;
}

// x rounded to an integer, half to even, for |x| < 2^(mantissa_bits - 1).
template <class V>
FASTGRAD_INLINE V round_small(V x) {
  return (x + Traits<V>::round_magic) - Traits<V>::round_magic;
}

// 2^(k + shift) for integer-valued k and shift, if that is a normal number; any number for a k that is NaN.
template <class V>
FASTGRAD_INLINE V power_of_two(V k, V shift) {
  const V exponent = k + (shift + (Traits<V>::round_magic + Traits<V>::bias));
  return reinterpret_cast<V>(reinterpret_cast<Bits<V>>(exponent) << Traits<V>::mantissa_bits);
}

// p * 2^k rounded once, subnormal and infinite results included, for p in [1/2, 2] and an integer-valued k with
// |k| <= 2.3 * half_range; but 0 where x < lowest, whatever p and k. (Those lanes never compute a subnormal number,
// for which many processors need a hundred times as long: masked and padded rows are full of them.)
template <class V>
FASTGRAD_INLINE V scale_unless_below(V p, V k, V x, Element<V> lowest) {
#if defined(__AVX512F__)
  if constexpr (of_floats<V>) {
    const __mmask16 keep = _mm512_cmp_ps_mask(x, splat<V>(lowest), _CMP_NLT_UQ);
    return reinterpret_cast<V>(_mm512_maskz_scalef_ps(keep, p, k));
  } else {
    const __mmask8 keep = _mm512_cmp_pd_mask(x, splat<V>(lowest), _CMP_NLT_UQ);
    return reinterpret_cast<V>(_mm512_maskz_scalef_pd(keep, p, k));
  }
#else
  // One step for results that are normal numbers, as nearly all are; not for a k that is NaN.
  if (!any(~(magnitude(k) <= Traits<V>::bias - 2))) return p * power_of_two(k, V{});
  // In two steps: the first product is exact, the second one rounds or overflows.
  const V half = splat<V>(Traits<V>::half_range), up = splat<V>(Traits<V>::half_power), down = 1 / up;
  const auto small = k < 0;
  return p * power_of_two(k, small ? half : -half) * (small ? (x < lowest ? V{} : down) : up);
#endif
}

// ----------------------------------------------------------------------------------------------------- exponentials

// (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2. Error relative to e^r - 1: 2^-26.2 (float), 2^-55.6 (double).
FASTGRAD_INLINE Vec<float> exp_tail(Vec<float> r) {
  return polynomial(r, 0x1.6d99bep-10f, 0x1.12288p-7f, 0x1.555486p-5f, 0x1.5554aep-3f, 0.5f);
}
FASTGRAD_INLINE Vec<double> exp_tail(Vec<double> r) {
  return polynomial(r, 0x1.af7715ecc3982p-26, 0x1.28a302be2425bp-22, 0x1.71dde9c7a63b5p-19, 0x1.a019a63202cfep-16,
                    0x1.a01a01b5f1210p-13, 0x1.6c16c17f51dc3p-10, 0x1.111111110e694p-7, 0x1.5555555552093p-5,
                    0x1.555555555555cp-3, 0x1.0000000000005p-1);
}

// e^r on |r| <= ln(2) / 2.
template <class V>
FASTGRAD_INLINE V exp_reduced(V r) {
  const V one = splat<V>(1);
  return fma(fma(exp_tail(r), r, one), r, one);
}

// e^r - 1 on |r| <= ln(2) / 2, with a small relative error.
template <class V>
FASTGRAD_INLINE V expm1_reduced(V r) {
  return fma(r * r, exp_tail(r), r);
}

// x = exponent * ln 2 + rest with |rest| <= ln(2) / 2.
template <class V>
struct ExpArgument {
  V exponent, rest;
};
template <class V>
FASTGRAD_INLINE ExpArgument<V> reduce_exp_argument(V x) {
  using T = Traits<V>;
  const V k = fma(x, splat<V>(T::log2_e), splat<V>(T::round_magic)) - T::round_magic;
  return {k, fma(k, splat<V>(-T::ln2_low), fma(k, splat<V>(-T::ln2_high), x))};
}

// The smaller bound of the functions below: AVX-512 needs none, because scale_unless_below masks what lies below.
template <class V>
FASTGRAD_INLINE V at_least(V x, Element<V> bound) {
#if defined(__AVX512F__)
  static_cast<void>(bound);
  return x;
#else
  return max(splat<V>(bound), x);
#endif
}

// e^x for x <= 0 (or NaN).
template <class V>
FASTGRAD_INLINE V exp_negative(V x) {
  constexpr Element<V> lowest = Traits<V>::exp_min;
  const auto [k, r] = reduce_exp_argument(at_least(x, lowest));
  return scale_unless_below(exp_reduced(r), k, x, lowest);
}

template <class V>
FASTGRAD_INLINE V exp(V x) {
  return exp_negative(min(splat<V>(Traits<V>::exp_max), x));
}

template <class V>
FASTGRAD_INLINE V exp2(V x) {
  using T = Traits<V>;
  const V bounded = at_least(min(splat<V>(T::exp2_max), x), T::exp2_min);
  const V k = round_small(bounded);
  return scale_unless_below(exp_reduced((bounded - k) * T::ln2), k, x, T::exp2_min);
}

template <class V>
FASTGRAD_INLINE V expm1(V x) {
  using T = Traits<V>;
  const auto [k, r] = reduce_exp_argument(max(splat<V>(T::expm1_min), min(splat<V>(T::exp_max), x)));
  const V q = expm1_reduced(r);
  const V half_power = power_of_two(k, splat<V>(-1));  // 2^k itself may overflow where the result does not
  const V scaled = fma(half_power, q, half_power - Element<V>(0.5)) * 2;
  return with_sign(k == 0 ? q : scaled, x);
}

// tanh|x| = (1 - e) / (1 + e) with e = e^(-2|x|) = 2^k (1 + q). Numerator and denominator are rounded only once
// each, and the numerator keeps its relative error down to the smallest x.
template <class V>
FASTGRAD_INLINE V tanh(V x) {
  const auto [k, r] = reduce_exp_argument(max(splat<V>(Traits<V>::expm1_min), magnitude(x) * -2));
  const V q = expm1_reduced(r), power = power_of_two(k, V{});
  return with_sign(fma(power, q, power - 1) / fma(power, q, power + 1), x);
}

// 1 / (1 + e^-x), from e^-|x|, which cannot overflow.
template <class V>
FASTGRAD_INLINE V sigmoid(V x) {
  const V e = exp_negative(-magnitude(x));
  return (x < 0 ? e : splat<V>(1)) / (e + 1);
}

// ------------------------------------------------------------------------------------------------------- logarithms

// x = (1 + fraction) * 2^exponent with sqrt(1/2) <= 1 + fraction <= sqrt(2) for positive x. The exponent is -infinity
// for x = 0 and infinity for infinity; the fraction is NaN for a negative x and for NaN.
template <class V>
struct LogArgument {
  V exponent, fraction;
};

#if defined(__AVX512F__)
template <class V>
FASTGRAD_INLINE LogArgument<V> reduce_log_argument(V x) {
  V exponent, mantissa;
  if constexpr (sizeof(Element<V>) == 4) {
    exponent = reinterpret_cast<V>(FASTGRAD_X86(getexp_ps, x));
    mantissa = reinterpret_cast<V>(FASTGRAD_X86(getmant_ps, x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan));
  } else {
    exponent = reinterpret_cast<V>(FASTGRAD_X86(getexp_pd, x));
    mantissa = reinterpret_cast<V>(FASTGRAD_X86(getmant_pd, x, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_nan));
  }
  const auto large = mantissa > Traits<V>::sqrt_two;
  return {large ? exponent + 1 : exponent, (large ? mantissa * Element<V>(0.5) : mantissa) - 1};
}
#else
template <class V>
FASTGRAD_INLINE LogArgument<V> reduce_log_argument(V x) {
  using T = Traits<V>;
  using U = Unsigned<Element<V>>;
  constexpr int shift = T::mantissa_bits;
  constexpr U one = static_cast<U>(T::bias) << shift;
  constexpr U sqrt_half = __builtin_bit_cast(U, T::sqrt_half);
  constexpr U magic = __builtin_bit_cast(U, T::exponent_magic);

  const auto subnormal = x < T::min_normal;
  const V normal = subnormal ? x * T::exponent_magic : x;
  // Shifted so that the exponent field counts from sqrt(1/2) instead of 1.
  const Bits<V> shifted = reinterpret_cast<Bits<V>>(normal) + (one - sqrt_half);
  const V biased = reinterpret_cast<V>((shifted >> shift) | magic) - T::exponent_magic;
  const V exponent = biased - (subnormal ? splat<V>(T::bias + shift) : splat<V>(T::bias));
  const V mantissa = reinterpret_cast<V>((shifted & ((U{1} << shift) - 1)) + sqrt_half);
  const V infinity = splat<V>(T::infinity);
  return {x < infinity ? (x == 0 ? -infinity : exponent) : infinity, x >= 0 ? mantissa - 1 : splat<V>(T::nan)};
}
#endif

// exponent * ln 2 + log(1 + f) with f = fraction. Approximation error relative to log(1 + f): 2^-27.3.
FASTGRAD_INLINE Vec<float> log_of(LogArgument<Vec<float>> x) {
  using T = FloatTraits<float>;
  using V = Vec<float>;
  const V f = x.fraction;
  const V square = f * f;
  // log(1 + f) = f - f^2 / 2 + f^3 P(f)
  const V cubic = polynomial(f, -0x1.41edf2p-4f, 0x1.07d0eap-3f, -0x1.0ce07cp-3f, 0x1.226e4ap-3f, -0x1.54788ap-3f,
                             0x1.99a596p-3f, -0x1.00022p-2f, 0x1.55554ap-2f);
  const V small = fma(x.exponent, splat<V>(T::ln2_low), f * square * cubic);
  return fma(x.exponent, splat<V>(T::ln2_high), f + fma(square, splat<V>(-0.5f), small));
}

// As above; approximation error 2^-58. With s = f / (2 + f), log(1 + f) = 2 atanh(s) = 2 s + s^3 R(s^2), and
// 2 s = f - s f, which is arranged so that f, the largest part, enters without an error.
FASTGRAD_INLINE Vec<double> log_of(LogArgument<Vec<double>> x) {
  using T = FloatTraits<double>;
  using V = Vec<double>;
  const V f = x.fraction;
  const V s = f / (f + 2);
  const V z = s * s;
  const V r = z * polynomial(z, 0x1.2f056395f5a67p-3, 0x1.39a1bab2e7e3cp-3, 0x1.74663ee8bc916p-3, 0x1.c71c52095abb5p-3,
                             0x1.24924941f1295p-2, 0x1.999999997fdb7p-2, 0x1.5555555555592p-1);
  // s f = f^2 / 2 - s f^2 / 2 keeps the rounding of s away from the result's leading digits.
  const V half_square = f * f * 0.5;
  const V small = fma(x.exponent, splat<V>(T::ln2_low), s * (half_square + r));
  return fma(x.exponent, splat<V>(T::ln2_high), f - (half_square - small));
}

template <class V>
FASTGRAD_INLINE V log(V x) {
  return log_of(reduce_log_argument(x));
}

// Whole for whole powers of two, whose fraction is 0.
template <class V>
FASTGRAD_INLINE V log2(V x) {
  const auto [exponent, fraction] = reduce_log_argument(x);
  return fma(log_of(LogArgument<V>{V{}, fraction}), splat<V>(Traits<V>::log2_e), exponent);
}

// `result`, but libm(x) in the lanes of a mask: for arguments that are rare and need more care.
template <class M>
FASTGRAD_INLINE Vec<double> libm_where(M mask, Vec<double> x, double (*libm)(double), Vec<double> result) {
  if (!any(mask)) return result;
  for (int i = 0; i < lanes<double>; ++i) {
    if (mask[i]) result[i] = libm(x[i]);
  }
  return result;
}

// Whole powers of ten must give whole numbers: the C library sees to it close to them.
FASTGRAD_INLINE Vec<double> log10(Vec<double> x) {
  using V = Vec<double>;
  constexpr double high = 0x1.34413509f4p-2, low = 0x1.cff7988f8959bp-41, log10_e = 0x1.bcb7b1526e50ep-2;
  const auto [exponent, fraction] = reduce_log_argument(x);
  const V rest = fma(log_of(LogArgument<V>{V{}, fraction}), splat<V>(log10_e), exponent * low);
  const V result = fma(exponent, splat<V>(high), rest);
  return libm_where(magnitude(result - round_small(result)) < 0x1p-40, x, ::log10, result);
}

// log(u) for u = 1 + x rounded, corrected by the rounding error of u.
template <class V>
FASTGRAD_INLINE V log1p(V x) {
  const V u = x + 1;
  const V back = u - 1;
  const V lost = (1 - (u - back)) + (x - back);
  const auto ordinary = (u > 0) & (u < Traits<V>::infinity);
  return with_sign(ordinary ? log(u) + lost / u : log(u), x);
}

// log(1 + e^x) for any x.
template <class V>
FASTGRAD_INLINE V softplus_of(V x) {
  return max(V{}, x) + log1p(exp_negative(-magnitude(x)));
}

// Vectors of double, for float arguments: 1 + x keeps enough of an x that is not small.
FASTGRAD_INLINE Vec<double> log1p_for_float(Vec<double> x) {
  return magnitude(x) < 0x1p-13 ? x * (1 - x * (0.5 - x * (1.0 / 3))) : log(x + 1);
}

// --------------------------------------------------------------------------------------------------- error function

// Near zero an odd polynomial, error 2^-30.6; beyond, 1 - exp(-p(|x|)) with a polynomial p for -log(erfc), error 2^-29.
// From 4 on the result is 1.
FASTGRAD_INLINE Vec<float> erf(Vec<float> x) {
  using V = Vec<float>;
  const V a = magnitude(x);
  const V near = fma(a,
                     polynomial(x * x, 0x1.574ec2p-14f, -0x1.a88d88p-11f, 0x1.549664p-8f, -0x1.b80962p-6f,
                                0x1.ce2dcap-4f, -0x1.812742p-2f, 0x1.06eba8p-3f),
                     a);
  const V p = polynomial(min(splat<V>(4), a), -0x1.9fb24ep-13f, 0x1.91cccp-9f, -0x1.6d9cc6p-6f, 0x1.aa731ap-4f,
                         0x1.4621bap-1f, 0x1.20b752p0f, 0x1.5d1146p-13f);
  return with_sign(a < 0.95f ? near : 1 - exp_negative(-p), x);
}

// erf(a) for 0 <= a <= 0.85; error 2^-62.
FASTGRAD_INLINE Vec<double> erf_near(Vec<double> a) {
  return fma(
      a,
      polynomial(a * a, -0x1.e544e1231b5dcp-31, 0x1.e769188d3d000p-27, -0x1.5e09126430ce3p-23, 0x1.b9c7d2b46d553p-20,
                 -0x1.f4d09ac8b3299p-17, 0x1.f9a315e7e5486p-14, -0x1.c02db392afb86p-11, 0x1.565bcd0cab70ap-8,
                 -0x1.b82ce31280499p-6, 0x1.ce2f21a042a91p-4, -0x1.812746b0379e5p-2, 0x1.06eba8214db69p-3),
      a);
}

// erfc(a) = exp(-a^2) P((a - 4) / (a + 4)) / (1 + 2 a) for a >= 0; error 2^-56.4. From 27.3 on it is 0.
FASTGRAD_INLINE Vec<double> erfc_far(Vec<double> a) {
  using V = Vec<double>;
  a = min(splat<V>(28), a);
  const V p = polynomial((a - 4) / (a + 4), -0x1.f8d77557ee014p-30, -0x1.d90fcb5a18c5bp-27, -0x1.0e971b2ecd350p-27,
                         0x1.efbb3ac53c481p-24, 0x1.0f16b6d1cb421p-24, -0x1.c047a71ca5e8fp-21, 0x1.4329360cfc4d9p-22,
                         0x1.7fb334941a19dp-18, -0x1.78a2bcfccafb3p-17, -0x1.9969e2505cbb5p-16, 0x1.3be0af25f36fap-13,
                         -0x1.a1de87b47b1d3p-13, -0x1.8d4a9dce6d524p-11, 0x1.49c6719d32090p-8, -0x1.09623882ebaecp-6,
                         0x1.3079edf9be230p-5, -0x1.0fb06dfe4bc35p-4, 0x1.7fee004df8ffep-4, -0x1.9ddb23c3e9327p-4,
                         0x1.16ecefcfa5f04p-4, 0x1.f7f5df66fd84dp-7, -0x1.1df1ad154a29ap-3, 0x1.3ba5916e9fd7fp+0);
  // The exponential would magnify the rounding error of a^2. So a is cut in two: the square of the leading half is
  // exact.
  const V leading = reinterpret_cast<V>(reinterpret_cast<Bits<V>>(a) & ~((std::uint64_t{1} << 27) - 1));
  const V rest = (leading - a) * (leading + a);
  const V factor = polynomial(rest, 1.0 / 6, 0.5, 1.0, 1.0);  // exp(rest), |rest| < 2^-15
  return exp_negative(-leading * leading) * (factor * p) / fma(a, splat<V>(2), splat<V>(1));
}

FASTGRAD_INLINE Vec<double> erf(Vec<double> x) {
  const Vec<double> a = magnitude(x);
  return with_sign(a < 0.85 ? erf_near(a) : 1 - erfc_far(a), x);
}

FASTGRAD_INLINE Vec<double> erfc(Vec<double> x) {
  const Vec<double> a = magnitude(x), far = erfc_far(a);
  return a < 0.5 ? 1 - with_sign(erf_near(a), x) : x < 0 ? 2 - far : far;
}

// The normal distribution's probability of a number below x. That of a number beyond a = |x| is exp(-a^2 / 2 - p(a)),
// with a polynomial p for a <= 6, beyond which it is less than 10^-9. Approximation error of a times that: 2^-25.8.
FASTGRAD_INLINE Vec<float> normal_probability(Vec<float> x) {
  using V = Vec<float>;
  const V a = magnitude(x);
  const V p = polynomial(min(splat<V>(6), a), 0x1.795830p-20f, -0x1.5f19d8p-16f, 0x1.a59d6ep-14f, 0x1.4df690p-13f,
                         -0x1.45f098p-8f, 0x1.2a7c78p-5f, -0x1.742756p-3f, 0x1.9884a4p-1f, 0x1.62e42ep-1f);
  const V beyond = exp_negative(fma(a * -0.5f, a, -p));
  return x < 0 ? beyond : 1 - beyond;
}
FASTGRAD_INLINE Vec<double> normal_probability(Vec<double> x) { return erfc(x * -0x1.6a09e667f3bcdp-1) * 0.5; }

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
