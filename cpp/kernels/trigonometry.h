// Trigonometric and hyperbolic functions of vectors of double, for double and (with shorter polynomials) for float.
//
// The polynomials are minimax, from a Remez exchange in 60 digits. Worst errors seen, in units in the last place,
// over 10^6 random doubles against 80-bit libm:
//
//   sin 0.8   cos 0.8   tan 2.2   asin 2.2   acos 1.2   atan 1.8
//
// Floats through double are (nearly) correctly rounded.
#pragma once

#include "kernels/math.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// -------------------------------------------------------------------------------------------------------- sine, cosine

// Beyond, the reductions below would lose digits; there the C library is asked.
constexpr double largest_angle = 0x1p20;

// An angle as quadrant * pi / 2 + rest with |rest| <= pi / 4; only the quadrant's lowest bits count.
struct Angle {
  Bits<Vec<double>> quadrant;
  Vec<double> sin, cos;  // of the rest
};

// The first 33 bits of pi / 2, so that the product with a quarter below 2^20 is exact.
constexpr double half_pi_high = 0x1.921fb544p0, two_over_pi = 0x1.45f306dc9c883p-1;

FASTGRAD_INLINE Angle reduce_angle(Vec<double> x) {
  using V = Vec<double>;
  constexpr double middle = 0x1.0b4611a6p-34, low = 0x1.3198a2e037073p-69;  // the next 33 bits, and the rest
  const V shifted = fma(x, splat<V>(two_over_pi), splat<V>(FloatTraits<double>::round_magic));
  const V quarter = shifted - FloatTraits<double>::round_magic;
  const V first = fma(quarter, splat<V>(-half_pi_high), x), second = quarter * middle;
  const V near = first - second, missing = fma(quarter, splat<V>(-low), (first - near) - second);
  const V r = near + missing, lost = (near - r) + missing;  // the angle is r + lost
  const V z = r * r, half = z * 0.5, near_cos = 1 - half;
  const V s = polynomial(z, -0x1.aaa47cce37d80p-41, 0x1.612091269ca70p-33, -0x1.ae645295e1e47p-26,
                         0x1.71de3a5337a64p-19, -0x1.a01a01a018acep-13, 0x1.111111111110bp-7, -0x1.5555555555555p-3);
  const V c = polynomial(z, -0x1.8ff8f0d755625p-37, 0x1.1eea87d205de6p-29, -0x1.27e4f9022a5acp-22,
                         0x1.a01a019e22eecp-16, -0x1.6c16c16c16126p-10, 0x1.5555555555553p-5);
  const V sin = z == 0 ? near : r + fma(r * z, s, lost * near_cos);  // -0.0 stays
  const V cos = near_cos + (((1 - near_cos) - half) + fma(z * z, c, -r * lost));
  return {reinterpret_cast<Bits<V>>(shifted), sin, cos};
}

// sin(x + turn * pi / 2) of a reduced x.
FASTGRAD_INLINE Vec<double> sine(const Angle& x, std::uint64_t turn) {
  using V = Vec<double>;
  const Bits<V> quadrant = x.quadrant + turn;
  const V value = (quadrant & 1) != 0 ? x.cos : x.sin;
  return reinterpret_cast<V>(reinterpret_cast<Bits<V>>(value) ^ ((quadrant & 2) << 62));
}

FASTGRAD_INLINE auto is_large(Vec<double> x) { return magnitude(x) > largest_angle; }

FASTGRAD_INLINE Vec<double> sin(Vec<double> x) { return libm_where(is_large(x), x, ::sin, sine(reduce_angle(x), 0)); }
FASTGRAD_INLINE Vec<double> cos(Vec<double> x) { return libm_where(is_large(x), x, ::cos, sine(reduce_angle(x), 1)); }
FASTGRAD_INLINE Vec<double> tan(Vec<double> x) {
  const Angle a = reduce_angle(x);
  return libm_where(is_large(x), x, ::tan, sine(a, 0) / sine(a, 1));
}

// ----------------------------------------------------------------------------------------------------------- inverses

constexpr double half_pi = 0x1.921fb54442d18p0, half_pi_rest = 0x1.1a62633145c07p-54;

// atan(a) = base + atan(t), where t = a, (a - 1) / (a + 1) or -1 / a lies within tan(pi / 8). Error 2^-64.
FASTGRAD_INLINE Vec<double> atan(Vec<double> x) {
  using V = Vec<double>;
  const V a = magnitude(x), one = splat<V>(1);
  const auto medium = a > 0x1.a827999fcef32p-2, large = a > 0x1.3504f333f9de6p1;
  const V t = (large ? -one : medium ? a - 1 : a) / (large ? a : medium ? a + 1 : one);
  const V quarters = large ? one : medium ? splat<V>(0.5) : V{};
  const V z = t * t;
  const V p = polynomial(z, 0x1.f25521dd38d7cp-7, -0x1.125350111919fp-5, 0x1.70f98d9b44d36p-5, -0x1.ab80a436b5950p-5,
                         0x1.e1728284ec415p-5, -0x1.110c79cd9f2eep-4, 0x1.3b136eadeb6e9p-4, -0x1.745d14bfc28c0p-4,
                         0x1.c71c71b7785f3p-4, -0x1.2492492475d46p-3, 0x1.999999999965ap-3, -0x1.5555555555554p-2);
  return with_sign(quarters * half_pi + (t + fma(t * z, p, quarters * half_pi_rest)), x);
}

// asin(s) for 0 <= s <= 1/2 and z = s^2. Error 2^-59.
FASTGRAD_INLINE Vec<double> asin_reduced(Vec<double> s, Vec<double> z) {
  return fma(s * z,
             polynomial(z, 0x1.0bb5a21f8ecf4p-5, -0x1.5964e52c32dadp-6, 0x1.649dfb90b54f4p-6, 0x1.e29a54a098070p-9,
                        0x1.6176498981a65p-7, 0x1.757b124e60f5dp-7, 0x1.ca20da5f283d0p-7, 0x1.1c49e23bfe44fp-6,
                        0x1.6e8bdfad4ca39p-6, 0x1.f1c71a8d86e85p-6, 0x1.6db6db7226a7ap-5, 0x1.333333332df72p-4,
                        0x1.5555555555578p-3),
             s);
}

// Beyond 1/2, asin(a) = pi / 2 - 2 asin(sqrt((1 - a) / 2)).
FASTGRAD_INLINE Vec<double> asin(Vec<double> x) {
  using V = Vec<double>;
  const V a = magnitude(x);
  const auto far = a > 0.5;
  const V z = far ? (1 - a) * 0.5 : a * a;
  const V part = asin_reduced(far ? sqrt(z) : a, z);
  return with_sign(far ? half_pi - (2 * part - half_pi_rest) : part, x);
}

FASTGRAD_INLINE Vec<double> acos(Vec<double> x) {
  using V = Vec<double>;
  const V a = magnitude(x);
  const auto far = a > 0.5;
  const V z = far ? (1 - a) * 0.5 : a * a;
  const V part = asin_reduced(far ? sqrt(z) : a, z);
  const V from_middle = half_pi - (with_sign(part, x) - half_pi_rest);
  const V from_end = x < 0 ? 2 * half_pi - (2 * part - 2 * half_pi_rest) : 2 * part;
  return far ? from_end : from_middle;
}

// Vectors of double, but meant for float arguments and results: the polynomials err by 2^-28, a thirtieth of a
// float's unit in the last place.
namespace for_float {

FASTGRAD_INLINE Angle reduce_angle(Vec<double> x) {
  using V = Vec<double>;
  constexpr double low = 0x1.0b4611a626331p-34;
  const V shifted = fma(x, splat<V>(two_over_pi), splat<V>(FloatTraits<double>::round_magic));
  const V quarter = shifted - FloatTraits<double>::round_magic;
  const V r = fma(quarter, splat<V>(-low), fma(quarter, splat<V>(-half_pi_high), x));
  const V z = r * r;
  const V s = polynomial(z, -0x1.994e5b1c6cc93p-13, 0x1.11075f557f746p-7, -0x1.55554596f22afp-3, 1.0);
  const V c = polynomial(z, 0x1.9a020a661c640p-16, -0x1.6c0c8aaeb60e4p-10, 0x1.55554ab2625e4p-5, -0.5, 1.0);
  return {reinterpret_cast<Bits<V>>(shifted), r * s, c};
}

FASTGRAD_INLINE Vec<double> sin(Vec<double> x) { return libm_where(is_large(x), x, ::sin, sine(reduce_angle(x), 0)); }
FASTGRAD_INLINE Vec<double> cos(Vec<double> x) { return libm_where(is_large(x), x, ::cos, sine(reduce_angle(x), 1)); }
FASTGRAD_INLINE Vec<double> tan(Vec<double> x) {
  const Angle a = reduce_angle(x);
  return libm_where(is_large(x), x, ::tan, sine(a, 0) / sine(a, 1));
}

// Beyond any float's range the result would overflow in double too, and infinity / infinity is NaN.
FASTGRAD_INLINE Vec<double> within_range(Vec<double> x) { return min(splat<Vec<double>>(100), magnitude(x)); }

FASTGRAD_INLINE Vec<double> sinh(Vec<double> x) {
  const Vec<double> e = expm1(within_range(x));
  return with_sign(0.5 * (e + e / (e + 1)), x);
}
FASTGRAD_INLINE Vec<double> cosh(Vec<double> x) {
  const Vec<double> e = exp(within_range(x));
  return 0.5 * (e + 1 / e);
}

FASTGRAD_INLINE Vec<double> asinh(Vec<double> x) {
  const Vec<double> a = magnitude(x);
  const Vec<double> rest = a < 0x1p60 ? a * a / (sqrt(a * a + 1) + 1) : a;  // sqrt(a^2 + 1) - 1; infinity stays
  return with_sign(log1p(a + rest), x);
}
FASTGRAD_INLINE Vec<double> acosh(Vec<double> x) {
  const Vec<double> t = x - 1;
  return t < 0 ? splat<Vec<double>>(FloatTraits<double>::nan) : log1p(t + sqrt(t * (t + 2)));
}
FASTGRAD_INLINE Vec<double> atanh(Vec<double> x) { return log1p(2 * x / (1 - x)) * 0.5; }

}  // namespace for_float

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
