// CUDA's words and its small vectors.
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
// Blocks run one after the other on one thread: a variable of the function is a variable of the block.
#define __shared__ static

#define FASTGRAD_VECTORS(name, T, alignment)                                           \
  struct __align__(alignment) name##2 { T x, y; };                                     \
  struct name##3 { T x, y, z; };                                                       \
  struct __align__(2 * alignment > 16 ? 16 : 2 * alignment) name##4 { T x, y, z, w; }; \
  constexpr name##2 make_##name##2(T x, T y) { return {x, y}; }                        \
  constexpr name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                \
  constexpr name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

FASTGRAD_VECTORS(char, signed char, 2)
FASTGRAD_VECTORS(uchar, unsigned char, 2)
FASTGRAD_VECTORS(short, short, 4)
FASTGRAD_VECTORS(ushort, unsigned short, 4)
FASTGRAD_VECTORS(int, int, 8)
FASTGRAD_VECTORS(uint, unsigned, 8)
FASTGRAD_VECTORS(longlong, long long, 16)
FASTGRAD_VECTORS(ulonglong, unsigned long long, 16)
FASTGRAD_VECTORS(float, float, 8)
FASTGRAD_VECTORS(double, double, 16)
#undef FASTGRAD_VECTORS

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};
