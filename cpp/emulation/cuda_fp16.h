// CUDA's half precision.
#pragma once

#include "emulation/language.h"
#include "emulation/small_float.h"

using __half = fastgrad::emulation::SmallFloat<fastgrad::Float16>;
using __half2 = fastgrad::emulation::SmallFloat2<fastgrad::Float16>;
using half = __half;
using half2 = __half2;

inline __half __float2half(float x) { return x; }
inline __half __float2half_rn(float x) { return x; }
inline float __half2float(__half x) { return static_cast<float>(x); }
inline unsigned short __half_as_ushort(__half x) { return x.bits; }
inline __half __ushort_as_half(unsigned short bits) { return __half::from_bits(bits); }
inline __half2 __floats2half2_rn(float x, float y) { return {x, y}; }
inline float2 __half22float2(__half2 v) { return {static_cast<float>(v.x), static_cast<float>(v.y)}; }
