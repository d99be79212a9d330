// Results far larger than the caches are written past them: a store that goes through the cache first reads the line
// that it overwrites, which makes a third of a large copy's traffic.
#pragma once

#include <array>
#include <cstring>

#include "ops/iterate.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fastgrad {

// What a pass reads: element i at data + i * step bytes.
struct Source {
  const char* data;
  Index step;
};

namespace detail {

inline constexpr Index streamed_bytes = Index{32} << 20, streamed_block = 1024;

// Copies a block (a multiple of 16 bytes, to an address that is one) and fetches what the next one will read.
template <std::size_t N>
void stream_block(char* to, const char* block, Index bytes, const std::array<const char*, N>& next,
                  const std::array<Index, N>& ahead) {
#if defined(__SSE2__)
  for (Index i = 0; i < bytes; i += 64) {
    for (std::size_t k = 0; k < N; ++k) {
      if (i < ahead[k]) _mm_prefetch(next[k] + i, _MM_HINT_T0);
    }
    for (Index j = i; j < i + 64 && j < bytes; j += 16) {
      _mm_stream_si128(reinterpret_cast<__m128i*>(to + j), _mm_load_si128(reinterpret_cast<const __m128i*>(block + j)));
    }
  }
#else
  static_cast<void>(next);
  static_cast<void>(ahead);
  std::memcpy(to, block, static_cast<std::size_t>(bytes));
#endif
}

}  // namespace detail

// run(to, i, n) writes elements [i, i + n) of the contiguous `out` to `to`, in pieces that threads share. Where `out`
// is large and no source lies in its memory, they go through a block that stays in the cache.
template <std::size_t N, class F>
void for_each_piece(const Tensor& out, Index grain, const std::array<Source, N>& sources, const F& run) {
  const auto width = static_cast<Index>(item_size(out.dtype));
  auto* const base = static_cast<char*>(out.raw());
  bool streamed = out.numel() * width >= detail::streamed_bytes;
  for (const Source& s : sources) streamed = streamed && s.data != base;
  const Index step = detail::streamed_block / width;
  parallel_for(0, out.numel(), grain, [&](Index begin, Index end) {
    Index i = begin;
    if (streamed) {
      const auto misplaced = static_cast<Index>(reinterpret_cast<std::uintptr_t>(base + i * width) % 64);
      if (misplaced != 0) {  // up to the next cache line
        const Index n = std::min(end - i, (64 - misplaced) / width);
        run(base + i * width, i, n);
        i += n;
      }
      alignas(64) char block[detail::streamed_block];
      std::array<const char*, N> next;
      std::array<Index, N> ahead;
      for (; i + step <= end; i += step) {
        run(block, i, step);
        for (std::size_t k = 0; k < N; ++k) {
          next[k] = sources[k].data + (i + step) * sources[k].step;
          ahead[k] = std::min(step, end - i - step) * sources[k].step;
        }
        detail::stream_block(base + i * width, block, detail::streamed_block, next, ahead);
      }
#if defined(__SSE2__)
      _mm_sfence();
#endif
    }
    if (i < end) run(base + i * width, i, end - i);
  });
}

}  // namespace fastgrad
