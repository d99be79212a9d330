// Copies a matrix into panels, in the order in which the tiles of kernels/matmul.cpp read it.
#pragma once

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

// A square of 16-byte vectors is what every instruction set transposes well.
template <class T>
constexpr int square = 16 / sizeof(T);

template <class T>
using SquareRow = typename VecOf<T, square<T>>::type;

FASTGRAD_INLINE void transpose(SquareRow<float>* row) {
  const auto a = shuffle<0, 4, 1, 5>(row[0], row[1]), b = shuffle<0, 4, 1, 5>(row[2], row[3]);
  const auto c = shuffle<2, 6, 3, 7>(row[0], row[1]), d = shuffle<2, 6, 3, 7>(row[2], row[3]);
  row[0] = shuffle<0, 1, 4, 5>(a, b);
  row[1] = shuffle<2, 3, 6, 7>(a, b);
  row[2] = shuffle<0, 1, 4, 5>(c, d);
  row[3] = shuffle<2, 3, 6, 7>(c, d);
}

FASTGRAD_INLINE void transpose(SquareRow<double>* row) {
  const auto a = shuffle<0, 2>(row[0], row[1]), b = shuffle<1, 3>(row[0], row[1]);
  row[0] = a;
  row[1] = b;
}

// to[p * width + i] = from[i * stride + p] for i, p < square.
template <class T>
FASTGRAD_INLINE void pack_square(T* to, const T* from, Index stride, Index width) {
  SquareRow<T> row[square<T>];
#pragma GCC unroll 4
  for (int i = 0; i < square<T>; ++i) __builtin_memcpy(&row[i], from + i * stride, sizeof row[i]);
  transpose(row);
#pragma GCC unroll 4
  for (int p = 0; p < square<T>; ++p) __builtin_memcpy(to + p * width, &row[p], sizeof row[p]);
}

// The last square in the direction of the count overlaps the one before it where the count asks for that.
template <class T>
void pack_transposed(const Part<T>& part) {
  const Index whole = part.count < square<T> ? 0 : part.depth - part.depth % square<T>;
  for (Index i = 0; i < part.count; i += square<T>) {
    const Index row = i + square<T> <= part.count ? i : part.count - square<T>;
    const T* from = part.from + row * part.stride;
    for (Index p = 0; p < whole; p += square<T>) {
      pack_square(part.to + p * part.width + row, from + p, part.stride, part.width);
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
  for (Index p = 0; p < depth; p += pack_depth) {
    const Index part_depth = depth - p < pack_depth ? depth - p : pack_depth;
    for (Index i = 0; i < count; i += width) {
      const Index part_count = count - i < width ? count - i : width;
      pack_part<T>(
          {to + i * depth + p * width, from + i * stride + p * step, stride, step, part_count, width, part_depth});
    }
  }
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
