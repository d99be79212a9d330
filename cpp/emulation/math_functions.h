// CUDA's mathematical functions beyond the standard library's, and its fast variants, which are exact here.
#pragma once

#include <math.h>

#define FASTGRAD_OVERLOAD(name)                                                              \
  inline float name##f(float x) { return static_cast<float>(name(static_cast<double>(x))); } \
  inline float name(float x) { return name##f(x); }

// Newer C libraries have these under the same names.
#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 41)
double sinpi(double x);
double cospi(double x);
FASTGRAD_OVERLOAD(sinpi)
FASTGRAD_OVERLOAD(cospi)
#endif
#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 42)
inline double rsqrt(double x) { return 1 / sqrt(x); }
FASTGRAD_OVERLOAD(rsqrt)
#endif

double normcdf(double x);
double normcdfinv(double p);
double erfcx(double x);
double erfinv(double y);
double erfcinv(double y);
double cyl_bessel_i0(double x);
double cyl_bessel_i1(double x);
FASTGRAD_OVERLOAD(normcdf)
FASTGRAD_OVERLOAD(normcdfinv)
FASTGRAD_OVERLOAD(erfcx)
FASTGRAD_OVERLOAD(erfinv)
FASTGRAD_OVERLOAD(erfcinv)
FASTGRAD_OVERLOAD(cyl_bessel_i0)
FASTGRAD_OVERLOAD(cyl_bessel_i1)
#undef FASTGRAD_OVERLOAD

inline void sincospi(double x, double* s, double* c) {
  *s = sinpi(x);
  *c = cospi(x);
}
inline void sincospif(float x, float* s, float* c) {
  *s = sinpif(x);
  *c = cospif(x);
}
inline float exp10(float x) { return exp10f(x); }

inline float fdividef(float x, float y) { return x / y; }
inline float __fdividef(float x, float y) { return x / y; }
inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return exp10f(x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __powf(float x, float y) { return powf(x, y); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }

// One operation with the rounding that the name says, never joined with another.
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }
inline float __frcp_rn(float x) { return 1 / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __fdiv_rn(float x, float y) { return x / y; }
float __fadd_rn(float x, float y);
float __fsub_rn(float x, float y);
float __fmul_rn(float x, float y);
double __dadd_rn(double x, double y);
double __dsub_rn(double x, double y);
double __dmul_rn(double x, double y);

// To integers: what does not fit becomes the nearest that does, NaN becomes 0.
int __float2int_rn(float x);
int __float2int_rd(float x);
int __float2int_ru(float x);
int __float2int_rz(float x);
int __double2int_rn(double x);
long long __float2ll_rn(float x);
long long __double2ll_rn(double x);
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline double __int2double_rn(int x) { return x; }
