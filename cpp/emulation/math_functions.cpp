// The functions with formulas of their own. They are computed in long double, so that few of its many digits need be
// right.
#include "emulation/math_functions.h"

#include <algorithm>
#include <limits>

namespace {

constexpr long double pi = 3.141592653589793238462643383279502884L;
constexpr long double root_2 = 1.414213562373095048801688724209698079L;

// x is quarter / 2 + rest, with |rest| <= 1/4.
struct HalfTurns {
  int quarter;
  long double rest;
};

HalfTurns half_turns(double x) {
  const double within = fmod(x, 2);
  const double quarter = nearbyint(2 * within);
  return {static_cast<int>(quarter) & 3, within - static_cast<long double>(quarter) / 2};
}

long double asymptotic_erfcx(long double x) {
  long double sum = 1, term = 1;
  for (int k = 1; k < 9; ++k) {
    term *= -(2 * k - 1) / (2 * x * x);
    sum += term;
  }
  return sum / (x * sqrtl(pi));
}

// The x > 0 whose erfc, or 1 - erf, is q < 1: Winitzki's approximation, then Halley's steps on what is given exactly:
// q where that is small, 1 - q elsewhere.
long double inverse(long double y, long double q) {
  const long double a = 0.147L, l = logl(q) + logl(1 + y), b = 2 / (pi * a) + l / 2;
  long double x = sqrtl(std::max(sqrtl(b * b - l / a) - b, 0.0L));
  for (int step = 0; step < 5; ++step) {
    const long double error = y < 0.5L ? erfl(x) - y : q - erfcl(x);
    const long double u = error / (2 / sqrtl(pi) * expl(-x * x));
    x -= u / (1 + x * u);
  }
  return x;
}

// The sum of a series of positive terms whose ratio is quarter / (k (k + order)), beginning with `term`.
double bessel_series(long double x, long double term, int order) {
  if (!(fabsl(x) < 720)) return static_cast<double>(term * fabsl(x) * std::numeric_limits<double>::infinity());
  long double sum = term;
  for (int k = 1; fabsl(term) > fabsl(sum) * 0x1p-66L; ++k) {
    term *= x * x / 4 / (static_cast<long double>(k) * (k + order));
    sum += term;
  }
  return static_cast<double>(sum);
}

template <class Integer, class Float>
Integer saturated(Float whole) {
  if (whole != whole) return 0;
  constexpr auto lowest = std::numeric_limits<Integer>::min(), highest = std::numeric_limits<Integer>::max();
  if (whole >= -static_cast<Float>(lowest)) return highest;
  if (whole < static_cast<Float>(lowest)) return lowest;
  return static_cast<Integer>(whole);
}

}  // namespace

#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 41)
double sinpi(double x) {
  if (x == 0 || !isfinite(x)) return x - x == 0 ? x : x - x;
  const auto [quarter, rest] = half_turns(x);
  const long double value = quarter % 2 == 0 ? sinl(pi * rest) : cosl(pi * rest);
  if (value == 0) return copysign(0.0, x);
  return static_cast<double>(quarter < 2 ? value : -value);
}

double cospi(double x) {
  if (!isfinite(x)) return x - x;
  const auto [quarter, rest] = half_turns(x);
  const long double value = quarter % 2 == 0 ? cosl(pi * rest) : sinl(pi * rest);
  if (value == 0) return 0;
  return static_cast<double>(quarter == 0 || quarter == 3 ? value : -value);
}
#endif

double normcdf(double x) { return static_cast<double>(erfcl(-x / root_2) / 2); }

double erfcx(double x) {
  if (x > 50) return static_cast<double>(asymptotic_erfcx(x));
  if (x < -27) return std::numeric_limits<double>::infinity();
  return static_cast<double>(expl(static_cast<long double>(x) * x) * erfcl(x));
}

double erfinv(double y) {
  if (!(fabs(y) < 1)) return fabs(y) == 1 ? y * std::numeric_limits<double>::infinity() : NAN;
  if (y == 0) return y;
  return copysign(static_cast<double>(inverse(fabs(y), 1 - static_cast<long double>(fabs(y)))), y);
}

double erfcinv(double y) {
  if (!(y > 0 && y < 2)) return y == 0 || y == 2 ? (1 - y) * std::numeric_limits<double>::infinity() : NAN;
  if (y == 1) return 0;
  const long double q = y < 1 ? static_cast<long double>(y) : 2 - static_cast<long double>(y);
  const auto x = static_cast<double>(inverse(1 - q, q));
  return y < 1 ? x : -x;
}

double normcdfinv(double p) {
  if (!(p > 0 && p < 1)) return p == 0 || p == 1 ? (2 * p - 1) * std::numeric_limits<double>::infinity() : NAN;
  if (p == 0.5) return 0;
  const long double q = 2 * (p < 0.5 ? static_cast<long double>(p) : 1 - static_cast<long double>(p));
  const auto x = static_cast<double>(root_2 * inverse(1 - q, q));
  return p < 0.5 ? -x : x;
}

double cyl_bessel_i0(double x) { return bessel_series(x, 1, 0); }
double cyl_bessel_i1(double x) { return x == 0 ? x : bessel_series(x, static_cast<long double>(x) / 2, 1); }

// In a file of their own, where the compiler cannot join them with what uses them.
float __fadd_rn(float x, float y) { return x + y; }
float __fsub_rn(float x, float y) { return x - y; }
float __fmul_rn(float x, float y) { return x * y; }
double __dadd_rn(double x, double y) { return x + y; }
double __dsub_rn(double x, double y) { return x - y; }
double __dmul_rn(double x, double y) { return x * y; }

int __float2int_rn(float x) { return saturated<int>(nearbyintf(x)); }
int __float2int_rd(float x) { return saturated<int>(floorf(x)); }
int __float2int_ru(float x) { return saturated<int>(ceilf(x)); }
int __float2int_rz(float x) { return saturated<int>(truncf(x)); }
int __double2int_rn(double x) { return saturated<int>(nearbyint(x)); }
long long __float2ll_rn(float x) { return saturated<long long>(nearbyintf(x)); }
long long __double2ll_rn(double x) { return saturated<long long>(nearbyint(x)); }
