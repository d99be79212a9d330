// The inner loops of direct convolutions; ops/conv_direct.cpp cuts the work into pieces and drives them.
//
// An element is computed by the same operations in the same order whichever tile it falls in.
#include <utility>

#include "kernels/every_second.h"
#include "kernels/packing.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

constexpr int width = lanes<float>;
using V = Vec<float>;

// How many sums fit into the registers beside what they are made of.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int sums = 28;
constexpr int wide = 4;
#else
constexpr int sums = 12;
constexpr int wide = 2;
#endif

// ------------------------------------------------------------------------------- outer products: one place, many
// filters

// What the tiles of a row share.
struct Row {
  const Place* at;
  const float* b;
  Index depth;
  bool add;
};

template <int count, int vectors>
FASTGRAD_INLINE void store_sums(float* c, const V (&sum)[count][vectors], bool add) {
#pragma GCC unroll 28
  for (int i = 0; i < count; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) {
      float* to = c + (i * vectors + j) * width;
      store(to, add ? load(to) + sum[i][j] : sum[i][j]);
    }
  }
}

template <int count, int vectors>
void positions_tile(float* c, const float* a, const Row& row) {
  const Place* at = row.at;
  const float* b = row.b;
  V sum[count][vectors] = {};
#pragma GCC unroll 1
  for (Index p = row.depth; p > 0; --p, ++at, b += vectors * width) {
    const float* from = a + *at;
    V right[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) right[j] = load(b + j * width);
#pragma GCC unroll 28
    for (int i = 0; i < count; ++i) {
      const V left = splat<V>(from[i]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) sum[i][j] = fma(left, right[j], sum[i][j]);
    }
  }
  store_sums(c, sum, row.add);
}

template <int vectors>
constexpr int most_positions = sums / vectors < 14 ? sums / vectors : 14;

template <int vectors, int count = most_positions<vectors>>
FASTGRAD_INLINE void positions_tile_of(Index size, float* c, const float* a, const Row& row) {
  if (size == count) {
    positions_tile<count, vectors>(c, a, row);
  } else if constexpr (count > 1) {
    positions_tile_of<vectors, count - 1>(size, c, a, row);
  }
}

// Tiles of even size.
template <int vectors>
void positions_row(float* c, const float* a, Index count, const Row& row) {
  constexpr Index most = most_positions<vectors>;
  Index tiles = (count + most - 1) / most;
  for (; tiles > 0; --tiles) {
    const Index size = (count + tiles - 1) / tiles;
    positions_tile_of<vectors>(size, c, a, row);
    c += size * vectors * width;
    a += size;
    count -= size;
  }
}

void positions(float* c, const float* a, const Place* at, Index count, const float* b, Index vectors, Index depth,
               bool add) {
  const Row row{at, b, depth, add};
  if (vectors == 1) {
    positions_row<1>(c, a, count, row);
  } else if (vectors == 2) {
    positions_row<2>(c, a, count, row);
  } else {
    positions_row<wide>(c, a, count, row);
  }
}

// ---------------------------------------------------------------------------- outer products: many taps, many filters

template <int count, int vectors>
void taps_tile(float* c, const float* a, const Place* tap, const Row& row) {
  const Place* at = row.at;
  const float* b = row.b;
  const float* from[count];
#pragma GCC unroll 8
  for (int i = 0; i < count; ++i) from[i] = a + tap[i];
  V sum[count][vectors] = {};
#pragma GCC unroll 1
  for (Index p = row.depth; p > 0; --p, ++at, b += vectors * width) {
    const Index place = *at;
    V right[vectors];
#pragma GCC unroll 4
    for (int j = 0; j < vectors; ++j) right[j] = load(b + j * width);
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) {
      const V left = splat<V>(from[i][place]);
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) sum[i][j] = fma(left, right[j], sum[i][j]);
    }
  }
  store_sums(c, sum, row.add);
}

template <int vectors>
constexpr int most_taps = vectors == 1 ? 8 : 6;

template <int vectors, int count = most_taps<vectors>>
FASTGRAD_INLINE void taps_tile_of(Index size, float* c, const float* a, const Place* tap, const Row& row) {
  if (size >= count) {
    taps_tile<count, vectors>(c, a, tap, row);
  } else if constexpr (count > 1) {
    taps_tile_of<vectors, count - 1>(size, c, a, tap, row);
  }
}

template <int vectors>
void taps_row(float* c, const float* a, const Place* tap, Index count, const Row& row) {
  constexpr Index most = most_taps<vectors>;
  for (; count > 0; count -= most, tap += most, c += most * vectors * width) {
    taps_tile_of<vectors>(count, c, a, tap, row);
  }
}

void taps(float* c, const float* a, const Place* tap, Index count, const Place* at, const float* b, Index vectors,
          Index depth, bool add) {
  const Row row{at, b, depth, add};
  if (vectors == 1) {
    taps_row<1>(c, a, tap, count, row);
  } else if (vectors == 2) {
    taps_row<2>(c, a, tap, count, row);
  } else {
    taps_row<wide>(c, a, tap, count, row);
  }
}

// ------------------------------------------------------------------------------------- few filters: vectors of places

template <int filters, int rows>
void filters_tile(float* c, const float* a, Index first, const FewFilters& f, Index n) {
  const Place* at = f.at;
  const float* b = f.weight + first;
  V sum[filters][rows];
#pragma GCC unroll 8
  for (int i = 0; i < filters; ++i) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) sum[i][r] = splat<V>(f.bias == nullptr ? 0.0F : f.bias[first + i]);
  }
#pragma GCC unroll 1
  for (Index p = f.depth; p > 0; --p, ++at, b += f.filters) {
    const float* from = a + *at;
    V right[rows];
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) right[r] = load(from + r * f.a_row);
#pragma GCC unroll 8
    for (int i = 0; i < filters; ++i) {
      const V left = splat<V>(b[i]);
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) sum[i][r] = fma(left, right[r], sum[i][r]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < filters; ++i) {
    float* to = c + (first + i) * f.plane;
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r, to += f.c_row) n == width ? store(to, sum[i][r]) : store_partial(to, sum[i][r], n);
  }
}

template <int rows>
constexpr int most_filters = sums / rows < 8 ? (sums - 4) / rows : 8;

template <int rows, int count = most_filters<rows>>
FASTGRAD_INLINE void filters_tiles(float* c, const float* a, const FewFilters& f, Index n) {
  Index first = 0;
  for (; f.filters - first >= count; first += count) filters_tile<count, rows>(c, a, first, f, n);
  const auto rest = [&]<int... less>(std::integer_sequence<int, less...>) __attribute__((always_inline)) {
    ((f.filters - first == less + 1 ? filters_tile<less + 1, rows>(c, a, first, f, n) : void()), ...);
  };
  if constexpr (count > 1) {
    if (first < f.filters) rest(std::make_integer_sequence<int, count - 1>{});
  }
}

void filters(const FewFilters& f, Index rows, Index columns) {
  float* c = f.c;
  const float* a = f.a;
  const auto row_of = [&](auto tile) __attribute__((always_inline)) {
    for (Index j = 0; j < columns; j += width) tile(c + j, a + j, columns - j < width ? columns - j : width);
  };
  for (; rows >= 4; rows -= 4, c += 4 * f.c_row, a += 4 * f.a_row) {
    row_of([&](float* to, const float* from, Index n) { filters_tiles<4>(to, from, f, n); });
  }
  for (; rows >= 2; rows -= 2, c += 2 * f.c_row, a += 2 * f.a_row) {
    row_of([&](float* to, const float* from, Index n) { filters_tiles<2>(to, from, f, n); });
  }
  if (rows > 0) row_of([&](float* to, const float* from, Index n) { filters_tiles<1>(to, from, f, n); });
}

// ------------------------------------------------------------------------ few filters: the gradient, by dot products

template <int filters, int count>
void dots_tile(float* c, const float* g, const float* a, const Place* tap, const FewDots& d) {
  V sum[filters][count];
#pragma GCC unroll 8
  for (int i = 0; i < filters; ++i) {
#pragma GCC unroll 4
    for (int t = 0; t < count; ++t) sum[i][t] = load(c + (i * d.taps + t) * width);
  }
  const auto multiply = [&](const float* left, const float* right, auto read) __attribute__((always_inline)) {
    V x[count];
#pragma GCC unroll 4
    for (int t = 0; t < count; ++t) x[t] = read(right + tap[t]);
#pragma GCC unroll 8
    for (int i = 0; i < filters; ++i) {
      const V upstream = read(left + i * d.plane);
#pragma GCC unroll 4
      for (int t = 0; t < count; ++t) sum[i][t] = fma(upstream, x[t], sum[i][t]);
    }
  };
#pragma GCC unroll 1
  for (Index r = 0; r < d.rows; ++r, g += d.g_row, a += d.a_row) {
    Index j = 0;
#pragma GCC unroll 1
    for (; j + width <= d.columns; j += width) {
      multiply(g + j, a + j, [](const float* from) __attribute__((always_inline)) { return load(from); });
    }
    const Index n = d.columns - j;
    if (n > 0)
      multiply(g + j, a + j, [n](const float* from) __attribute__((always_inline)) { return load_partial(from, n); });
  }
#pragma GCC unroll 8
  for (int i = 0; i < filters; ++i) {
#pragma GCC unroll 4
    for (int t = 0; t < count; ++t) store(c + (i * d.taps + t) * width, sum[i][t]);
  }
}

constexpr int dot_taps = wide;
constexpr int dot_filters = sums >= 24 ? 6 : 4;

template <int filters>
void dots_row(float* c, const float* g, const float* a, const Place* tap, const FewDots& d) {
  Index t = 0;
  for (; t + dot_taps <= d.taps; t += dot_taps) dots_tile<filters, dot_taps>(c + t * width, g, a, tap + t, d);
  for (; t < d.taps; ++t) dots_tile<filters, 1>(c + t * width, g, a, tap + t, d);
}

void dots(float* c, const float* g, Index filters, const float* a, const Place* tap, const FewDots& d) {
  const auto next = [&](Index count) {
    filters -= count;
    c += count * d.taps * width;
    g += count * d.plane;
  };
  for (; filters >= dot_filters; next(dot_filters)) dots_row<dot_filters>(c, g, a, tap, d);
  for (; filters >= 2; next(2)) dots_row<2>(c, g, a, tap, d);
  if (filters > 0) dots_row<1>(c, g, a, tap, d);
}

// ------------------------------------------------------------------------------------------------------ preparation

template <int distance, int... lane>
FASTGRAD_INLINE void exchange(V& x, V& y, std::integer_sequence<int, lane...>) {
  const V low = shuffle<((lane & distance) ? lane - distance + width : lane)...>(x, y);
  y = shuffle<((lane & distance) ? lane + width : lane + distance)...>(x, y);
  x = low;
}

template <int distance = 1>
FASTGRAD_INLINE void transpose_square(V* row) {
  if constexpr (distance < width) {
#pragma GCC unroll 16
    for (int i = 0; i < width; ++i) {
      if ((i & distance) == 0) {
        exchange<distance>(row[i], row[i + distance], std::make_integer_sequence<int, width>{});
      }
    }
    transpose_square<distance * 2>(row);
  }
}

void transpose(float* to, Index to_stride, const float* from, Index from_stride, const float* bias, Index rows,
               Index columns) {
  for (Index i = 0; i < rows; i += width) {
    const Index high = rows - i < width ? rows - i : width;
    for (Index j = 0; j < columns; j += width) {
      const Index across = columns - j < width ? columns - j : width;
      const float* source = from + i * from_stride + j;
      V square[width];
#pragma GCC unroll 16
      for (int k = 0; k < width; ++k) {
        square[k] = k < high ? load_partial(source + k * from_stride, across) : V{};
      }
      transpose_square(square);
      float* target = to + j * to_stride + i;
#pragma GCC unroll 16
      for (int k = 0; k < width; ++k) {
        if (k < across) {
          store_partial(target + k * to_stride, bias == nullptr ? square[k] : square[k] + splat<V>(bias[j + k]), high);
        }
      }
    }
  }
}

FASTGRAD_INLINE void clear(float* to, Index n) {
  for (Index q = 0; q < n; q += width) store_partial(to + q, V{}, n - q < width ? n - q : width);
}

// n elements that are `stride` apart.
FASTGRAD_INLINE void copy_spread(float* to, const float* from, Index n, Index stride) {
  for (Index q = 0; q < n; q += width, from += width * stride) {
    const Index count = n - q < width ? n - q : width;
    if (stride == 1) {
      store_partial(to + q, load_partial(from, count), count);
    } else if (stride == 2) {
      store_partial(to + q, load_even(from, count), count);
    } else {
      for (Index i = 0; i < count; ++i) to[q + i] = from[i * stride];
    }
  }
}

Index limited(Index x, Index least, Index most) { return x < least ? least : (x > most ? most : x); }

void pad_rows(float* to, const float* from, const PaddedRows& r) {
  for (Index phase = 0; phase < r.stride; ++phase, to += r.width) {
    // from[q * stride + phase - left] exists for first <= q < last.
    const Index before = r.left - phase + r.stride - 1, until = before + r.in;
    const Index last = limited(r.stride == 1 ? until : (until > 0 ? until / r.stride : 0), 0, r.width);
    const Index first = limited(r.stride == 1 ? before : (before > 0 ? before / r.stride : 0), 0, last);
    const Index pitch = r.stride * r.width;
    if (!r.inside) {
      for (Index i = 0; i < r.rows; ++i) clear(to + i * pitch, r.width);
    }
    const float* source = from + first * r.stride + phase - r.left;
    for (Index i = r.first_row; i < r.last_row; ++i, source += r.in) {
      copy_spread(to + i * pitch + first, source, last - first, r.stride);
    }
  }
}

}  // namespace

void fill_conv_direct(Kernels& table) {
  table.conv = {width, wide, positions, taps, filters, dots, transpose, pad_rows};
}

}  // namespace fastgrad::FASTGRAD_ISA
