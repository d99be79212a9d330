// What the machine can do at most: multiply-adds in registers, and moving numbers. `fastgrad bench` holds the other
// kernels against these.
#include "kernels.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

using V = Vec<float>;

// The compiler may neither turn a loop that moves numbers into a call of the C library, nor drop it.
FASTGRAD_INLINE void keep_loop() { asm volatile("" ::: "memory"); }

#if defined(__SSE2__)
#define FASTGRAD_VECTOR_REGISTER "x"
#else
#define FASTGRAD_VECTOR_REGISTER "w"
#endif

// Enough independent sums to hide the latency of two multiply-add units, few enough for sixteen registers.
constexpr int sums = 12;

float multiply_add(Index rounds, float addend) {
  const V factor = splat<V>(0.5F), term = splat<V>(addend);
  V sum[sums];
  for (int i = 0; i < sums; ++i) sum[i] = splat<V>(static_cast<float>(i));
  for (Index r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < sums; ++i) {
      sum[i] = fma(sum[i], factor, term);
      asm volatile("" : "+" FASTGRAD_VECTOR_REGISTER(sum[i]));  // one after the other, in registers
    }
  }
  V total = sum[0];
  for (int i = 1; i < sums; ++i) total += sum[i];
  return sum_across(total);
}

FASTGRAD_INLINE void store_past_caches(float* to, V v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, reinterpret_cast<__m512>(v));
#elif defined(__AVX2__)
  _mm256_stream_ps(to, reinterpret_cast<__m256>(v));
#elif defined(__SSE2__)
  _mm_stream_ps(to, reinterpret_cast<__m128>(v));
#else
  store(to, v);
#endif
}

// to[i] = f(i) for whole vectors, four at a time; n is a multiple of 64.
template <class F>
FASTGRAD_INLINE void fill(float* to, Index n, bool past_caches, const F& f) {
  constexpr Index width = lanes<float>, step = 4 * width;
  for (Index i = 0; i < n; i += step) {
    for (Index j = i; j < i + step; j += width) {
      if (past_caches) {
        store_past_caches(to + j, f(j));
      } else {
        store(to + j, f(j));
      }
    }
    keep_loop();
  }
#if defined(__SSE2__)
  if (past_caches) _mm_sfence();
#endif
}

void copy(float* to, const float* from, Index n, bool past_caches) {
  fill(to, n, past_caches, [=](Index i) __attribute__((always_inline)) { return load(from + i); });
}

void triad(float* to, const float* a, const float* b, Index n, bool past_caches) {
  const V factor = splat<V>(0.5F);
  fill(to, n, past_caches,
       [=](Index i) __attribute__((always_inline)) { return fma(load(b + i), factor, load(a + i)); });
}

float read(const float* from, Index n) {
  constexpr Index width = lanes<float>, step = 4 * width;
  V sum[4] = {};
  for (Index i = 0; i < n; i += step) {
    for (int j = 0; j < 4; ++j) sum[j] += load(from + i + j * width);
  }
  return sum_across((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

}  // namespace

void fill_limits(Kernels& table) { table.limits = {2 * sums * lanes<float>, multiply_add, copy, triad, read}; }

}  // namespace fastgrad::FASTGRAD_ISA
