// Device functions on bits, integers and memory. One thread runs at a time, so plain code is atomic.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <type_traits>

// Reading and writing with hints for the caches.
template <class T>
T __ldg(const T* p) {
  return *p;
}
template <class T>
T __ldcs(const T* p) {
  return *p;
}
template <class T>
T __ldcg(const T* p) {
  return *p;
}
template <class T>
void __stcs(T* p, std::type_identity_t<T> value) {
  *p = value;
}
template <class T>
void __stcg(T* p, std::type_identity_t<T> value) {
  *p = value;
}

inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

// Integers.
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<std::uint64_t>(a) * b >> 32);
}
inline int __mulhi(int a, int b) { return static_cast<int>(static_cast<std::int64_t>(a) * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
inline long long __mul64hi(long long a, long long b) {
  return static_cast<long long>(static_cast<__int128>(a) * b >> 64);
}
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return std::countl_zero(static_cast<unsigned long long>(x)); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __popcll(unsigned long long x) { return std::popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) {
  x = (x & 0x55555555U) << 1 | (x >> 1 & 0x55555555U);
  x = (x & 0x33333333U) << 2 | (x >> 2 & 0x33333333U);
  x = (x & 0x0f0f0f0fU) << 4 | (x >> 4 & 0x0f0f0f0fU);
  return __builtin_bswap32(x);
}
inline unsigned long long __brevll(unsigned long long x) {
  return static_cast<unsigned long long>(__brev(static_cast<unsigned>(x))) << 32 |
         __brev(static_cast<unsigned>(x >> 32));
}

// The bits of floats.
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }
inline double __longlong_as_double(long long x) { return std::bit_cast<double>(x); }

namespace fastgrad::emulation {

// The pairs for which CUDA has a min and a max: of floats, and of integers of one kind, with a sign or without.
template <class A, class B>
concept Comparable = (std::is_floating_point_v<A> && std::is_floating_point_v<B>) ||
                     (std::is_integral_v<A> && std::is_integral_v<B> &&
                      std::same_as<std::make_signed_t<decltype(+A())>, std::make_signed_t<decltype(+B())>>);

}  // namespace fastgrad::emulation

template <class A, class B>
  requires fastgrad::emulation::Comparable<A, B>
constexpr auto min(A a, B b) {
  using T = decltype(a + b);
  const T x = static_cast<T>(a), y = static_cast<T>(b);
  if constexpr (std::is_floating_point_v<T>) return x < y || y != y ? x : y;
  return x < y ? x : y;
}
template <class A, class B>
  requires fastgrad::emulation::Comparable<A, B>
constexpr auto max(A a, B b) {
  using T = decltype(a + b);
  const T x = static_cast<T>(a), y = static_cast<T>(b);
  if constexpr (std::is_floating_point_v<T>) return x > y || y != y ? x : y;
  return x > y ? x : y;
}

namespace fastgrad::emulation {

// The types that CUDA's atomic functions take.
template <class T>
concept AtomicInteger = std::same_as<T, int> || std::same_as<T, unsigned> || std::same_as<T, unsigned long long> ||
                        std::same_as<T, long long>;
template <class T>
concept AtomicNumber =
    (AtomicInteger<T> && !std::same_as<T, long long>) || std::same_as<T, float> || std::same_as<T, double>;

template <class T>
T replace(T* p, T value) {
  const T old = *p;
  *p = value;
  return old;
}

}  // namespace fastgrad::emulation

// They return the old value.
template <fastgrad::emulation::AtomicNumber T>
T atomicAdd(T* p, std::type_identity_t<T> value) {
  if constexpr (std::is_integral_v<T>) {
    using Unsigned = std::make_unsigned_t<T>;  // which wraps round
    return fastgrad::emulation::replace(p, static_cast<T>(static_cast<Unsigned>(*p) + static_cast<Unsigned>(value)));
  } else {
    return fastgrad::emulation::replace(p, *p + value);
  }
}
template <fastgrad::emulation::AtomicInteger T>
T atomicMax(T* p, std::type_identity_t<T> value) {
  return fastgrad::emulation::replace(p, *p < value ? value : *p);
}
template <fastgrad::emulation::AtomicInteger T>
T atomicMin(T* p, std::type_identity_t<T> value) {
  return fastgrad::emulation::replace(p, value < *p ? value : *p);
}
template <class T>
  requires fastgrad::emulation::AtomicInteger<T> || std::same_as<T, float>
T atomicExch(T* p, std::type_identity_t<T> value) {
  return fastgrad::emulation::replace(p, value);
}
template <class T>
  requires fastgrad::emulation::AtomicInteger<T> || std::same_as<T, unsigned short>
T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return fastgrad::emulation::replace(p, *p == expected ? value : *p);
}
template <fastgrad::emulation::AtomicInteger T>
T atomicOr(T* p, std::type_identity_t<T> value) {
  return fastgrad::emulation::replace(p, *p | value);
}
template <fastgrad::emulation::AtomicInteger T>
T atomicAnd(T* p, std::type_identity_t<T> value) {
  return fastgrad::emulation::replace(p, *p & value);
}
template <fastgrad::emulation::AtomicInteger T>
T atomicXor(T* p, std::type_identity_t<T> value) {
  return fastgrad::emulation::replace(p, *p ^ value);
}
