// Vectors of 4- and 8-byte elements, as wide as the instruction set, from the compiler's vector types.
//
// `+ - * / & | ^ << >> < == mask ? a : b` work on Vec<T> element by element as they are. A comparison gives a mask:
// integers of the element's size, 0 or -1. Everything here has internal linkage, because the same source is compiled
// for several instruction sets and the linker must never mix them up.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels.h"

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#define FASTGRAD_INLINE [[gnu::always_inline]] inline

namespace fastgrad::FASTGRAD_ISA {
namespace {

#if defined(__AVX512F__)
inline constexpr int vec_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int vec_bytes = 32;
#else
inline constexpr int vec_bytes = 16;
#endif

template <class T, int count>
struct VecOf {
  typedef T type __attribute__((vector_size(count * sizeof(T))));
};

template <class T>
inline constexpr int lanes = vec_bytes / static_cast<int>(sizeof(T));

// A full vector of T: lanes<T> elements.
template <class T>
using Vec = typename VecOf<T, lanes<T>>::type;

// The type of one element of the vector type V.
template <class V>
using Element = std::remove_cvref_t<decltype(V{}[0])>;

template <int bytes>
struct UnsignedOf;
template <>
struct UnsignedOf<4> {
  using type = std::uint32_t;
};
template <>
struct UnsignedOf<8> {
  using type = std::uint64_t;
};

// The unsigned integer as wide as T (4 or 8 bytes), and the vector of them as wide as V.
template <class T>
using Unsigned = typename UnsignedOf<sizeof(T)>::type;
template <class V>
using Bits = typename VecOf<Unsigned<Element<V>>, sizeof(V) / sizeof(Element<V>)>::type;

template <class V>
FASTGRAD_INLINE V splat(Element<V> x) {
  return x - V{};  // not x + V{}, which would turn -0.0 into 0.0
}

// ---------------------------------------------------------------------------------------------- memory, unaligned

template <class T>
FASTGRAD_INLINE Vec<T> load(const T* from) {
  Vec<T> v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
FASTGRAD_INLINE void store(T* to, Vec<T> v) {
  __builtin_memcpy(to, &v, sizeof v);
}

// lanes<T> elements of type S at `from`, converted to T.
template <class T, class S>
FASTGRAD_INLINE Vec<T> load_as(const S* from) {
  typename VecOf<S, lanes<T>>::type v;
  __builtin_memcpy(&v, from, sizeof v);
  return __builtin_convertvector(v, Vec<T>);
}

template <class T, class S>
FASTGRAD_INLINE void store_as(S* to, Vec<T> v) {
  using Stored = typename VecOf<S, lanes<T>>::type;
  const Stored s = __builtin_convertvector(v, Stored);
  __builtin_memcpy(to, &s, sizeof s);
}

#if defined(__AVX512F__)
// A bit for each of the first n elements.
FASTGRAD_INLINE unsigned first_bits(Index n) { return (1u << n) - 1; }
#elif defined(__AVX2__)
// A mask of the first n elements.
template <class T>
FASTGRAD_INLINE __m256i first_mask(Index n) {
  if constexpr (sizeof(T) == 4) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  } else {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
}
#endif

// The first n (0 <= n <= lanes) elements from memory, `fill` in the others; touches no memory behind them.
template <class T>
FASTGRAD_INLINE Vec<T> load_partial(const T* from, Index n, T fill = T{}) {
  Vec<T> v = splat<Vec<T>>(fill);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    return reinterpret_cast<Vec<T>>(
        _mm512_mask_loadu_epi32(reinterpret_cast<__m512i>(v), static_cast<__mmask16>(first_bits(n)), from));
  } else {
    return reinterpret_cast<Vec<T>>(
        _mm512_mask_loadu_epi64(reinterpret_cast<__m512i>(v), static_cast<__mmask8>(first_bits(n)), from));
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const __m256i mask = first_mask<T>(n);
    const __m256i loaded = _mm256_maskload_epi32(reinterpret_cast<const int*>(from), mask);
    return reinterpret_cast<Vec<T>>(_mm256_blendv_epi8(reinterpret_cast<__m256i>(v), loaded, mask));
  } else {
    const __m256i mask = first_mask<T>(n);
    const __m256i loaded = _mm256_maskload_epi64(reinterpret_cast<const long long*>(from), mask);
    return reinterpret_cast<Vec<T>>(_mm256_blendv_epi8(reinterpret_cast<__m256i>(v), loaded, mask));
  }
#else
  for (int i = 0; i < lanes<T>; ++i) {
    if (i < n) v[i] = from[i];
  }
  return v;
#endif
}

// Writes the first n (0 <= n <= lanes) elements and touches no memory behind them.
template <class T>
FASTGRAD_INLINE void store_partial(T* to, Vec<T> v, Index n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(to, static_cast<__mmask16>(first_bits(n)), reinterpret_cast<__m512i>(v));
  } else {
    _mm512_mask_storeu_epi64(to, static_cast<__mmask8>(first_bits(n)), reinterpret_cast<__m512i>(v));
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_epi32(reinterpret_cast<int*>(to), first_mask<T>(n), reinterpret_cast<__m256i>(v));
  } else {
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(to), first_mask<T>(n), reinterpret_cast<__m256i>(v));
  }
#else
  for (int i = 0; i < lanes<T>; ++i) {
    if (i < n) to[i] = v[i];
  }
#endif
}

// ------------------------------------------------------------------------------------------------------ arithmetic

// FASTGRAD_X86(name, ...) is the instruction set's intrinsic `name`. AVX-512's come in their masked form, with all
// lanes on, because GCC 12 takes the plain one for a read of an uninitialised variable and warns.
#if defined(__AVX512F__)
#define FASTGRAD_X86(name, ...) _mm512_maskz_##name(-1, __VA_ARGS__)
#elif defined(__AVX2__)
#define FASTGRAD_X86(name, ...) _mm256_##name(__VA_ARGS__)
#elif defined(__SSE2__)
#define FASTGRAD_X86(name, ...) _mm_##name(__VA_ARGS__)
#endif

template <class V>
inline constexpr bool of_floats = sizeof(Element<V>) == sizeof(float);

#if defined(__AVX2__)
// a * b + c, rounded once where the instruction set can (all but baseline on x86).
template <class V>
FASTGRAD_INLINE V fma(V a, V b, V c) {
  if constexpr (of_floats<V>) {
    return reinterpret_cast<V>(FASTGRAD_X86(fmadd_ps, a, b, c));
  } else {
    return reinterpret_cast<V>(FASTGRAD_X86(fmadd_pd, a, b, c));
  }
}
#elif defined(__ARM_NEON)
FASTGRAD_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) { return vfmaq_f32(c, a, b); }
FASTGRAD_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) { return vfmaq_f64(c, a, b); }
#else
template <class V>
FASTGRAD_INLINE V fma(V a, V b, V c) {
  return a * b + c;
}
#endif

#if defined(__SSE2__)
template <class V>
FASTGRAD_INLINE V sqrt(V x) {
  if constexpr (of_floats<V>) {
    return reinterpret_cast<V>(FASTGRAD_X86(sqrt_ps, x));
  } else {
    return reinterpret_cast<V>(FASTGRAD_X86(sqrt_pd, x));
  }
}

// The smaller (larger) one; b where a or b is NaN or both are zeros.
template <class V>
FASTGRAD_INLINE V min(V a, V b) {
  if constexpr (of_floats<V>) {
    return reinterpret_cast<V>(FASTGRAD_X86(min_ps, a, b));
  } else {
    return reinterpret_cast<V>(FASTGRAD_X86(min_pd, a, b));
  }
}
template <class V>
FASTGRAD_INLINE V max(V a, V b) {
  if constexpr (of_floats<V>) {
    return reinterpret_cast<V>(FASTGRAD_X86(max_ps, a, b));
  } else {
    return reinterpret_cast<V>(FASTGRAD_X86(max_pd, a, b));
  }
}
#else
FASTGRAD_INLINE Vec<float> sqrt(Vec<float> x) { return vsqrtq_f32(x); }
FASTGRAD_INLINE Vec<double> sqrt(Vec<double> x) { return vsqrtq_f64(x); }

template <class V>
FASTGRAD_INLINE V min(V a, V b) {
  return a < b ? a : b;
}
template <class V>
FASTGRAD_INLINE V max(V a, V b) {
  return a > b ? a : b;
}
#endif

template <class V>
inline constexpr Unsigned<Element<V>> sign_bit = Unsigned<Element<V>>{1} << (8 * sizeof(Element<V>) - 1);

template <class V>
FASTGRAD_INLINE V magnitude(V x) {
  return reinterpret_cast<V>(reinterpret_cast<Bits<V>>(x) & ~sign_bit<V>);
}

// |x| with the sign of s.
template <class V>
FASTGRAD_INLINE V with_sign(V x, V s) {
  return reinterpret_cast<V>((reinterpret_cast<Bits<V>>(x) & ~sign_bit<V>) |
                             (reinterpret_cast<Bits<V>>(s) & sign_bit<V>));
}

// --------------------------------------------------------------------------------------------------- across lanes

// Combines all elements pairwise, upper half with lower half, down to one: the order depends on the width only.
template <class V, class F>
FASTGRAD_INLINE Element<V> across(V v, F combine) {
  constexpr int count = sizeof(V) / sizeof(Element<V>);
  if constexpr (count == 2) {
    return combine(v[0], v[1]);
  } else {
    typename VecOf<Element<V>, count / 2>::type half[2];
    __builtin_memcpy(half, &v, sizeof v);
    return across(combine(half[0], half[1]), combine);
  }
}

template <class V>
FASTGRAD_INLINE Element<V> sum_across(V v) {
  return across(v, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

template <class V>
FASTGRAD_INLINE Element<V> max_across(V v) {
  return across(v, [](auto a, auto b) __attribute__((always_inline)) { return a > b ? a : b; });
}

// Whether a comparison holds in any lane.
template <class M>
FASTGRAD_INLINE bool any(M mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(mask), reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
  return _mm256_testz_si256(reinterpret_cast<__m256i>(mask), reinterpret_cast<__m256i>(mask)) == 0;
#else
  return across(mask, [](auto a, auto b) __attribute__((always_inline)) { return a | b; }) != 0;
#endif
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
