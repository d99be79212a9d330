// Copies a matrix into panels, in the order in which the tiles of kernels/matmul.cpp read it.
#pragma once

#include <utility>

#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// The elements numbered `index` of x and y, which are numbered as one.
template <int... index, class V>
FASTGRAD_INLINE V shuffle(V x, V y) {
#if defined(__clang__)
  return __builtin_shufflevector(x, y, index...);
#else
  return __builtin_shuffle(x, y, Bits<V>{index...});
#endif
}

// All panels are packed this deep before any goes on: the lines and pages that neighbours share are then still near.
constexpr Index pack_depth = 32;

// What is packed of one panel at a time: to[p * width + i] = from[i * stride + p * step] for i < count, p < depth.
template <class T>
struct Part {
  T* to;
  const T* from;
  Index stride, step, count, width, depth;
};

template <class T>
void pack_element_by_element(const Part<T>& part, Index first) {
  for (Index p = first; p < part.depth; ++p) {
    T* to = part.to + p * part.width;
    const T* from = part.from + p * part.step;
    for (Index i = 0; i < part.count; ++i) to[i] = from[i * part.stride];
  }
}

template <class T>
void pack_rows(const Part<T>& part) {
  const Index last = part.count % lanes<T>, whole = part.count - last;
  for (Index p = 0; p < part.depth; ++p) {
    T* to = part.to + p * part.width;
    const T* from = part.from + p * part.step;
    for (Index i = 0; i < whole; i += lanes<T>) store(to + i, load(from + i));
    if (last > 0) store_partial(to + whole, load_partial(from + whole, last), last);
  }
}

// Transposition goes by squares of 16-byte vectors, as many next to each other as a vector holds.
template <class T>
constexpr int square = 16 / sizeof(T);

template <class T>
using SquareRow = typename VecOf<T, square<T>>::type;

// Sixteen bytes from each of four (two, one) places, one behind the other.
template <class T>
FASTGRAD_INLINE Vec<T> join(const T* const* from, Index offset) {
#if defined(__AVX512F__)
  const auto part = [&](int i) __attribute__((always_inline)) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[i * square<T>] + offset));
  };
  __m512i v = _mm512_zextsi128_si512(part(0));
  v = _mm512_inserti32x4(v, part(1), 1);
  v = _mm512_inserti32x4(v, part(2), 2);
  return reinterpret_cast<Vec<T>>(_mm512_inserti32x4(v, part(3), 3));
#elif defined(__AVX2__)
  const auto part = [&](int i) __attribute__((always_inline)) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from[i * square<T>] + offset));
  };
  return reinterpret_cast<Vec<T>>(_mm256_inserti128_si256(_mm256_castsi128_si256(part(0)), part(1), 1));
#else
  return load(from[0] + offset);
#endif
}

// The numbers 0 to count - 1 with the lowest (next) bit of each and the number of the operand (0 or 1) in its place:
// which elements of x and y stand in the result of the two shuffles that transpose.
template <int low, int... lane>
FASTGRAD_INLINE Vec<float> unpack(Vec<float> x, Vec<float> y, std::integer_sequence<int, lane...>) {
  return shuffle<(lane & ~3) + 2 * low + (lane & 3) / 2 + (lane & 1) * lanes<float>...>(x, y);
}
template <int low, int... lane>
FASTGRAD_INLINE Vec<float> join_halves(Vec<float> x, Vec<float> y, std::integer_sequence<int, lane...>) {
  return shuffle<(lane & ~3) + 2 * low + (lane & 1) + (lane & 2) / 2 * lanes<float>...>(x, y);
}
template <int low, int... lane>
FASTGRAD_INLINE Vec<double> unpack(Vec<double> x, Vec<double> y, std::integer_sequence<int, lane...>) {
  return shuffle<(lane & ~1) + low + (lane & 1) * lanes<double>...>(x, y);
}

// Transposes the squares that lie next to each other in `row`.
FASTGRAD_INLINE void transpose(Vec<float>* row) {
  constexpr std::make_integer_sequence<int, lanes<float>> all{};
  const Vec<float> a = unpack<0>(row[0], row[1], all), b = unpack<0>(row[2], row[3], all);
  const Vec<float> c = unpack<1>(row[0], row[1], all), d = unpack<1>(row[2], row[3], all);
  row[0] = join_halves<0>(a, b, all);
  row[1] = join_halves<1>(a, b, all);
  row[2] = join_halves<0>(c, d, all);
  row[3] = join_halves<1>(c, d, all);
}
FASTGRAD_INLINE void transpose(Vec<double>* row) {
  constexpr std::make_integer_sequence<int, lanes<double>> all{};
  const Vec<double> a = unpack<0>(row[0], row[1], all);
  row[1] = unpack<1>(row[0], row[1], all);
  row[0] = a;
}

// Far enough for what is fetched ahead to arrive in time, in elements of a row.
template <class T>
constexpr Index row_ahead = 256 / static_cast<Index>(sizeof(T));

// to[p * width + i] = from[i][p] for i < count <= lanes and p < depth, which is a multiple of the square.
template <class T, bool whole>
void pack_group(T* to, const T* const* from, Index count, Index width, Index depth) {
  constexpr Index line = 64 / sizeof(T);
  for (Index p = 0; p < depth; p += square<T>, to += square<T> * width) {
    if (p % line == 0) {
#pragma GCC unroll 16
      for (int i = 0; i < lanes<T>; ++i) __builtin_prefetch(from[i] + p + row_ahead<T>);
    }
    Vec<T> row[square<T>];
#pragma GCC unroll 4
    for (int i = 0; i < square<T>; ++i) row[i] = join(from + i, p);
    transpose(row);
#pragma GCC unroll 4
    for (int i = 0; i < square<T>; ++i) {
      whole ? store(to + i * width, row[i]) : store_partial(to + i * width, row[i], count);
    }
  }
}

// Rows that are contiguous along the depth. The last group overlaps the one before it where the count asks for that.
template <class T>
void pack_transposed(const Part<T>& part) {
  const Index whole = part.depth - part.depth % square<T>;
  for (Index first = 0; first < part.count; first += lanes<T>) {
    const Index row = first + lanes<T> <= part.count || part.count < lanes<T> ? first : part.count - lanes<T>;
    const T* from[lanes<T>];
    for (int i = 0; i < lanes<T>; ++i) {
      from[i] = part.from + (row + i < part.count ? row + i : part.count - 1) * part.stride;
    }
    if (row + lanes<T> <= part.count) {
      pack_group<T, true>(part.to + row, from, lanes<T>, part.width, whole);
    } else {
      pack_group<T, false>(part.to + row, from, part.count, part.width, whole);
    }
  }
  pack_element_by_element(part, whole);
}

template <class T>
void pack_part(const Part<T>& part) {
  if (part.stride == 1) {
    pack_rows(part);
  } else if (part.step == 1) {
    pack_transposed(part);
  } else {
    pack_element_by_element(part, 0);
  }
}

template <class T>
void pack(T* to, const T* from, Index stride, Index step, Index count, Index width, Index depth) {
  const Index part_depth = step == 1 && stride != 1 ? depth : pack_depth;
  for (Index p = 0; p < depth; p += part_depth) {
    const Index size = depth - p < part_depth ? depth - p : part_depth;
    for (Index i = 0; i < count; i += width) {
      const Index part_count = count - i < width ? count - i : width;
      pack_part<T>({to + i * depth + p * width, from + i * stride + p * step, stride, step, part_count, width, size});
    }
  }
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
