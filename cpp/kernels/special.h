// Special functions, of numbers in double: rare enough to be short instead of fast. Floats go through double, which
// makes them (nearly) correctly rounded.
#pragma once

#include <math.h>

#include "kernels/function.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

constexpr double infinity = __builtin_inf(), nan = __builtin_nan("");
constexpr double pi = 0x1.921fb54442d18p1, log2_e = 0x1.71547652b82fep0, ln_2 = 0x1.62e42fefa39efp-1;

template <int count>
FASTGRAD_FUNCTION double polynomial(double x, const double (&coefficients)[count]) {  // the constant comes last
  double p = 0;
  for (const double c : coefficients) p = p * x + c;
  return p;
}

// --------------------------------------------------------------------------------------------------- error functions

// exp(x^2) erfc(x)
FASTGRAD_FUNCTION inline double erfcx(double x) {
  if (x < -27) return infinity;
  if (x < 10) {
    const double square = x * x;
    return exp(square) * (1 + fma(x, x, -square)) * erfc(x);  // the exponent's rounding error, put right
  }
  // The asymptotic series: its twelfth term is below the last digit.
  const double step = 0.5 / (x * x);
  double sum = 1;
  for (int k = 23; k > 0; k -= 2) sum = 1 - k * step * sum;
  return sum / (x * sqrt(pi));
}

// The normal distribution's quantile at p, from p - 1/2 and the smaller of p and 1 - p, neither of which has lost a
// digit: Wichura's rational functions (Algorithm AS 241, Applied Statistics 37, 1988), with relative error 1e-16.
FASTGRAD_FUNCTION inline double normal_quantile(double centred, double tail) {
  if (!(tail >= 0)) return nan;
  if (tail == 0) return centred < 0 ? -infinity : infinity;
  if (fabs(centred) <= 0.425) {
    const double r = 0.180625 - centred * centred;
    return centred *
           polynomial(r, {2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
                          4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
                          1.3314166789178437745e2, 3.3871328727963666080e0}) /
           polynomial(
               r, {5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
                   5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0});
  }
  const double depth = sqrt(-log(tail)), near = depth - 1.6, far = depth - 5;
  const double size =
      depth <= 5
          ? polynomial(near, {7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
                              1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
                              4.63033784615654529590e0, 1.42343711074968357734e0}) /
                polynomial(near, {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
                                  1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
                                  2.05319162663775882187e0, 1.0})
          : polynomial(far, {2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
                             2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
                             5.46378491116411436990e0, 6.65790464350110377720e0}) /
                polynomial(far, {2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
                                 7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
                                 5.99832206555887937690e-1, 1.0});
  return centred < 0 ? -size : size;
}

FASTGRAD_FUNCTION inline double erfinv(double x) {
  return normal_quantile(0.5 * x, 0.5 * (1 - fabs(x))) * 0x1.6a09e667f3bcdp-1;
}
FASTGRAD_FUNCTION inline double ndtri(double p) { return normal_quantile(p - 0.5, p < 0.5 ? p : 1 - p); }

// --------------------------------------------------------------------------------------------------- gamma functions

FASTGRAD_FUNCTION inline double log_gamma(double x) {
#if defined(FASTGRAD_ON_CUDA)
  return lgamma(x);
#else
  int sign;  // lgamma itself would write it to a global variable
  return lgamma_r(x, &sign);
#endif
}

FASTGRAD_FUNCTION inline double digamma_of_positive(double x) {
  double below = 0;
  for (; x < 10; x += 1) below += 1 / x;
  const double z = 1 / (x * x);
  const double tail =
      z * polynomial(z, {1.0 / 12, -691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120, 1.0 / 12});
  return log(x) - 0.5 / x - tail - below;
}

FASTGRAD_FUNCTION inline double digamma(double x) {
  if (x == 0) return copysign(infinity, -x);
  if (!(x < 0)) return digamma_of_positive(x);
  return floor(x) == x ? nan : digamma_of_positive(1 - x) - pi / tan(pi * (x - floor(x + 0.5)));
}

// The sum of (q + k)^-s over k >= 0 for q > 0: terms one by one until the rest is negligible, or small enough for the
// Euler-Maclaurin formula, whose coefficients are B(2j) / (2j)!.
FASTGRAD_FUNCTION inline double zeta_of_positive(double s, double q) {
  double sum = 0;
  for (; q < s + 10; q += 1) {
    const double term = pow(q, -s);
    sum += term;
    if (term <= 0x1p-60 * sum) return sum;
  }
  constexpr double coefficients[] = {1.0 / 12,
                                     -1.0 / 720,
                                     1.0 / 30240,
                                     -1.0 / 1209600,
                                     1.0 / 47900160,
                                     -691.0 / 1307674368000,
                                     1.0 / 74724249600,
                                     -3617.0 / 10670622842880000,
                                     43867.0 / 5109094217170944000,
                                     -174611.0 / 802857662698291200000.0,
                                     77683.0 / 14101100039391805440000.0,
                                     -236364091.0 / 1693824136731743669452800000.0};
  double tail = q / (s - 1) + 0.5, factor = s / q;
  for (int j = 0; j < 12; ++j) {
    tail += coefficients[j] * factor;
    factor *= (s + 2 * j + 1) / q * ((s + 2 * j + 2) / q);
  }
  return sum + pow(q, -s) * tail;
}

// Hurwitz's zeta function. Below 0 it is defined for whole s only: the terms with negative bases are those of
// the same sum for -q, up to their sign.
FASTGRAD_FUNCTION inline double zeta(double s, double q) {
  if (s == 1) return infinity;
  if (!(s > 1)) return nan;
  if (q == infinity) return 0;
  if (q > 0 || q != q) return zeta_of_positive(s, q);
  const double nearest = ceil(q) - q;  // the smallest size of a negative base
  if (nearest == 0) return infinity;
  if (s != floor(s)) return nan;
  const double negative = zeta_of_positive(s, nearest) - zeta_of_positive(s, 1 - q);
  return zeta_of_positive(s, 1 - nearest) + (fmod(s, 2.0) == 0 ? negative : -negative);
}

// -------------------------------------------------------------------------------------------------- Bessel functions

// I0 (order 0) and I1 (order 1) of x >= 0, times exp(-x).
FASTGRAD_FUNCTION inline double bessel_scaled(int order, double x) {
  if (x < 20) {  // the power series, whose terms are all positive
    const double z = x * x / 4;
    double sum = 1;
    for (int k = 12 + static_cast<int>(1.5 * x); k > 0; --k) sum = 1 + z / (k * (k + order)) * sum;
    return exp(-x) * (order == 0 ? sum : sum * x / 2);
  }
  // The asymptotic series: its terms fall to exp(-2 x) before they rise again.
  double sum = 1, term = 1;
  for (int k = 1; k <= 30; ++k) {
    term *= ((2 * k - 1) * (2 * k - 1) - 4 * order) / (8 * x * k);
    sum += term;
  }
  return sum / sqrt(2 * pi * x);
}

// exp(x) in two factors: the result may be finite where exp(x) is not.
FASTGRAD_FUNCTION inline double bessel(int order, double x) {
  return exp(x / 2) * bessel_scaled(order, x) * exp(x / 2);
}

FASTGRAD_FUNCTION inline double i0(double x) { return bessel(0, fabs(x)); }
FASTGRAD_FUNCTION inline double i0e(double x) { return bessel_scaled(0, fabs(x)); }
FASTGRAD_FUNCTION inline double i1(double x) { return copysign(bessel(1, fabs(x)), x); }
FASTGRAD_FUNCTION inline double i1e(double x) { return copysign(bessel_scaled(1, fabs(x)), x); }

// -------------------------------------------------------------------------------------------------------- logarithms

FASTGRAD_FUNCTION inline double logaddexp(double a, double b) {
  if (a == b) return a + ln_2;  // infinities too
  return (a > b ? a : b) + log1p(exp(-fabs(a - b)));
}

FASTGRAD_FUNCTION inline double logaddexp2(double a, double b) {
  if (a == b) return a + 1;
  return (a > b ? a : b) + log1p(exp2(-fabs(a - b))) * log2_e;
}

// a 2^b, with a whole b in one step: 2^b may overflow where the result does not.
FASTGRAD_FUNCTION inline double scaled(double a, double b) {
  if (b != floor(b)) return a * exp2(b);
  return ldexp(a, static_cast<int>(b < -9999 ? -9999 : b > 9999 ? 9999 : b));
}

FASTGRAD_FUNCTION inline double xlogy(double a, double b) { return a == 0 && b == b ? 0 : a * log(b); }
FASTGRAD_FUNCTION inline double xlog1py(double a, double b) { return a == 0 && b == b ? 0 : a * log1p(b); }

FASTGRAD_FUNCTION inline double mantissa(double x) {
  int exponent;
  return frexp(x, &exponent);
}

FASTGRAD_FUNCTION inline double exponent(double x) {
  int exponent = 0;
  if (x - x == 0) static_cast<void>(frexp(x, &exponent));
  return exponent;
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
