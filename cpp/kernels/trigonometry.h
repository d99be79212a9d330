// Trigonometric, hyperbolic and their inverse functions of vectors of double and float.
//
// The polynomials are minimax, fitted in 60 (for float: 16) digits. Worst errors seen, in units in the last place, over
// 10^6 random doubles against 80-bit libm, and over floats of all exponents against double libm:
//
//             sin   cos   tan   asin  acos  atan  asinh  acosh  atanh  log1p  log10  erfc
//   double    0.8   0.8   2.2   2.2   1.2   1.8
//   float     1.4   1.5   2.2   2.3   1.1   1.9   0.6    0.6    0.6    0.6    0.6    0.6
//
// The last six of float go through double, which makes them (nearly) correctly rounded; so do all of them where there
// is no fused multiply-add, and sine, cosine and tangent of angles above 8192.
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

// log(1 + f) = f - f^2 / 2 + f^3 P(f); error relative to it 2^-35.
FASTGRAD_INLINE Vec<double> log(Vec<double> x) {
  const auto [exponent, f] = reduce_log_argument(x);
  const Vec<double> p =
      polynomial(f, 0x1.b948e38c1c293p-5, -0x1.93fde74c061ffp-4, 0x1.9920db01f37b6p-4, -0x1.9682500638c48p-4,
                 0x1.c32a6fd135937p-4, -0x1.ffee0a62d07d0p-4, 0x1.24a9abaf2a778p-3, -0x1.555652351aa67p-3,
                 0x1.9999227b38910p-3, -0x1.fffffc136d656p-3, 0x1.555555b5622e0p-2);
  const Vec<double> square = f * f;
  return fma(exponent, splat<Vec<double>>(FloatTraits<double>::ln2),
             fma(f * square, p, fma(square, splat<Vec<double>>(-0.5), f)));
}
// 1 + x keeps enough of an x that is not small.
FASTGRAD_INLINE Vec<double> log1p(Vec<double> x) {
  return magnitude(x) < 0x1p-13 ? x * (1 - x * (0.5 - x * (1.0 / 3))) : log(x + 1);
}
// Rounding to float makes whole powers of ten give whole numbers.
FASTGRAD_INLINE Vec<double> log10(Vec<double> x) { return log(x) * 0x1.bcb7b1526e50ep-2; }

FASTGRAD_INLINE Vec<double> asinh(Vec<double> x) {
  const Vec<double> a = magnitude(x), square = a * a;
  const Vec<double> near = fma(a * square, square * 0.075 - 1.0 / 6, a);
  return with_sign(a < 0x1p-6 ? near : log(a + sqrt(square + 1)), x);
}
FASTGRAD_INLINE Vec<double> acosh(Vec<double> x) {
  const Vec<double> t = x - 1;
  return t < 0 ? splat<Vec<double>>(FloatTraits<double>::nan) : log(1 + (t + sqrt(t * (t + 2))));
}
FASTGRAD_INLINE Vec<double> atanh(Vec<double> x) {
  return magnitude(x) < 0x1p-12 ? fma(x * x, x * (1.0 / 3), x) : log((1 + x) / (1 - x)) * 0.5;
}

// erfc(a) = exp(-a^2) P((a - 3) / (a + 3)) / (1 + 2 a) for a >= 0; error 2^-34. Beyond 10.3 it is 0 as a float.
FASTGRAD_INLINE Vec<double> erfc(Vec<double> x) {
  using V = Vec<double>;
  const V a = min(splat<V>(10.3), magnitude(x)), t = (a - 3) / (a + 3);
  const V p = polynomial(t, 0x1.1481ceb3c2057p-15, 0x1.08d38c2df1fc7p-13, -0x1.0a87941aa3d04p-13,
                         -0x1.9e216dc97e799p-11, 0x1.f0a53ecaf130ep-10, 0x1.4c15380017b67p-9, -0x1.85774a8557eb8p-6,
                         0x1.17c9721efa9e0p-4, -0x1.e88b7be95d4dap-4, 0x1.09836c962e63ep-3, -0x1.85a15c34ba217p-5,
                         -0x1.15c084d7ac9f0p-3, 0x1.40c522d7e227ep+0);
  const V tail = exp_negative(-(a * a)) * p / fma(a, splat<V>(2), splat<V>(1));
  return x != x ? x : x < 0 ? 2 - tail : tail;
}

}  // namespace for_float

// F on a vector of floats by way of two vectors of double.
template <class F>
FASTGRAD_INLINE Vec<float> by_halves(Vec<float> x, F f) {
  float part[lanes<float>];
  __builtin_memcpy(part, &x, sizeof x);
  for (int i = 0; i < lanes<float>; i += lanes<double>) store_as<double>(part + i, f(load_as<double>(part + i)));
  __builtin_memcpy(&x, part, sizeof x);
  return x;
}

#if defined(__AVX2__)
// ------------------------------------------------------------------------------------------------ of vectors of float

// As above, with pi / 2 in four parts, of which the first two make exact products with a quarter below 2^13.
struct FloatAngle {
  Bits<Vec<float>> quadrant;
  Vec<float> rest;
};
FASTGRAD_INLINE FloatAngle reduce_angle(Vec<float> x) {
  using V = Vec<float>;
  const V shifted = fma(x, splat<V>(0x1.45f306p-1f), splat<V>(FloatTraits<float>::round_magic));
  const V quarter = shifted - FloatTraits<float>::round_magic;
  V r = fma(quarter, splat<V>(-0x1.92p0f), x);
  r = fma(quarter, splat<V>(-0x1.fb4p-12f), r);
  r = fma(quarter, splat<V>(-0x1.4442d0p-24f), r);
  return {reinterpret_cast<Bits<V>>(shifted), fma(quarter, splat<V>(-0x1.84698ap-48f), r)};
}

// sin(x + turn * pi / 2); errors of the polynomials 2^-27.9 (sine) and 2^-33.
FASTGRAD_INLINE Vec<float> sine(Vec<float> x, std::uint32_t turn) {
  using V = Vec<float>;
  const FloatAngle a = reduce_angle(x);
  const V r = a.rest, z = r * r;
  const V sin = with_sign(fma(r * z, polynomial(z, -0x1.992c06p-13f, 0x1.1106fcp-7f, -0x1.555544p-3f), r), r);
  const V cos = fma(z * z, polynomial(z, 0x1.99e33ap-16f, -0x1.6c0c22p-10f, 0x1.55554ap-5f),
                    fma(z, splat<V>(-0.5f), splat<V>(1)));
  const Bits<V> quadrant = a.quadrant + turn;
  const V value = (quadrant & 1) != 0 ? cos : sin;
  return reinterpret_cast<V>(reinterpret_cast<Bits<V>>(value) ^ ((quadrant & 2) << 30));
}

// The error of the polynomial is 2^-29.
FASTGRAD_INLINE Vec<float> tangent(Vec<float> x) {
  using V = Vec<float>;
  const FloatAngle a = reduce_angle(x);
  const V r = a.rest, z = r * r;
  const V near = fma(r * z,
                     polynomial(z, 0x1.26007ap-8f, -0x1.0f09dap-13f, 0x1.689d68p-7f, 0x1.5ba3ccp-6f, 0x1.baf53ap-5f,
                                0x1.110d02p-3f, 0x1.555562p-2f),
                     r);
  return (a.quadrant & 1) != 0 ? -1 / near : with_sign(near, r);
}

FASTGRAD_INLINE bool any_large(Vec<float> x) { return any(magnitude(x) > 8192); }

FASTGRAD_INLINE Vec<float> sin(Vec<float> x) {
  if (any_large(x)) return by_halves(x, [](Vec<double> v) { return for_float::sin(v); });
  return sine(x, 0);
}
FASTGRAD_INLINE Vec<float> cos(Vec<float> x) {
  if (any_large(x)) return by_halves(x, [](Vec<double> v) { return for_float::cos(v); });
  return sine(x, 1);
}
FASTGRAD_INLINE Vec<float> tan(Vec<float> x) {
  if (any_large(x)) return by_halves(x, [](Vec<double> v) { return for_float::tan(v); });
  return tangent(x);
}

constexpr float half_pi_f = 0x1.921fb6p0f, half_pi_rest_f = -0x1.777a5cp-25f;

// As of double; error 2^-30.
FASTGRAD_INLINE Vec<float> atan(Vec<float> x) {
  using V = Vec<float>;
  const V a = magnitude(x), one = splat<V>(1);
  const auto medium = a > 0x1.a82798p-2f, large = a > 0x1.3504f4p1f;
  const V t = (large ? -one : medium ? a - 1 : a) / (large ? a : medium ? a + 1 : one);
  const V quarters = large ? one : medium ? splat<V>(0.5f) : V{};
  const V z = t * t;
  const V p = polynomial(z, -0x1.f22b14p-5f, 0x1.b1fa18p-4f, -0x1.23b636p-3f, 0x1.9991a6p-3f, -0x1.55554ap-2f);
  return with_sign(fma(quarters, splat<V>(half_pi_f), t + fma(t * z, p, quarters * half_pi_rest_f)), x);
}

// Error 2^-31.
FASTGRAD_INLINE Vec<float> asin_reduced(Vec<float> s, Vec<float> z) {
  return fma(
      s * z,
      polynomial(z, 0x1.33bbf6p-5f, 0x1.d7f1c0p-7f, 0x1.04a660p-5f, 0x1.6cac3cp-5f, 0x1.33388ep-4f, 0x1.55554cp-3f), s);
}
FASTGRAD_INLINE Vec<float> asin(Vec<float> x) {
  using V = Vec<float>;
  const V a = magnitude(x);
  const auto far = a > 0.5f;
  const V z = far ? (1 - a) * 0.5f : a * a;
  const V part = asin_reduced(far ? sqrt(z) : a, z);
  return with_sign(far ? half_pi_f - (2 * part - half_pi_rest_f) : part, x);
}
FASTGRAD_INLINE Vec<float> acos(Vec<float> x) {
  using V = Vec<float>;
  const V a = magnitude(x);
  const auto far = a > 0.5f;
  const V z = far ? (1 - a) * 0.5f : a * a;
  const V part = asin_reduced(far ? sqrt(z) : a, z);
  const V from_middle = half_pi_f - (with_sign(part, x) - half_pi_rest_f);
  const V from_end = x < 0 ? 2 * half_pi_f - (2 * part - 2 * half_pi_rest_f) : 2 * part;
  return far ? from_end : from_middle;
}
#else
FASTGRAD_INLINE Vec<float> sin(Vec<float> x) {
  return by_halves(x, [](Vec<double> v) { return for_float::sin(v); });
}
FASTGRAD_INLINE Vec<float> cos(Vec<float> x) {
  return by_halves(x, [](Vec<double> v) { return for_float::cos(v); });
}
FASTGRAD_INLINE Vec<float> tan(Vec<float> x) {
  return by_halves(x, [](Vec<double> v) { return for_float::tan(v); });
}
FASTGRAD_INLINE Vec<float> atan(Vec<float> x) {
  return by_halves(x, [](Vec<double> v) { return atan(v); });
}
FASTGRAD_INLINE Vec<float> asin(Vec<float> x) {
  return by_halves(x, [](Vec<double> v) { return asin(v); });
}
FASTGRAD_INLINE Vec<float> acos(Vec<float> x) {
  return by_halves(x, [](Vec<double> v) { return acos(v); });
}
#endif

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
