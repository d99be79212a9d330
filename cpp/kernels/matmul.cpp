// The inner loops of the matrix product; ops/gemm.cpp cuts the work into pieces, packs and drives them.
//
// An element of C is computed by the same operations in the same order whichever tile it falls in: neither tile
// heights nor edges nor the caller's cuts show in the bits.
#include <utility>

#include "kernels/packing.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// Tiles as large as the registers allow: 8 x 3 accumulators out of 32 registers, or 6 x 2 out of 16. A step of the
// depth then loads far fewer elements than it multiplies, and has few instructions besides the multiplications: a core
// that is shared with another hyperthread issues half as many.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int tile_rows = 8, tile_vectors = 3;
constexpr int dot_rows = 4;
#else
constexpr int tile_rows = 6, tile_vectors = 2;
constexpr int dot_rows = 2;
#endif
constexpr int dot_columns = 4;

template <class T>
constexpr Index tile_columns = tile_vectors * lanes<T>;

// The last vector of a tile's row: only `last` of its elements exist when the tile is partial.
template <class T, bool partial>
FASTGRAD_INLINE Vec<T> load_end(const T* from, Index last) {
  return partial ? load_partial(from, last) : load(from);
}

template <class T, bool partial>
FASTGRAD_INLINE void store_end(T* to, Vec<T> v, Index last) {
  partial ? store_partial(to, v, last) : store(to, v);
}

// ---------------------------------------------------------------------------------------- sums of outer products

template <class T, int vectors, bool partial>
FASTGRAD_INLINE void store_row(T* c, const Vec<T>* sum, Index last, bool add) {
#pragma GCC unroll 4
  for (int j = 0; j < vectors - 1; ++j, c += lanes<T>) store(c, add ? load(c) + sum[j] : sum[j]);
  const Vec<T> end = sum[vectors - 1];
  store_end<T, partial>(c, add ? load_end<T, partial>(c, last) + end : end, last);
}

// So many rows of b are fetched ahead. A panel of B is hardly ever left in the first-level cache as a whole, and
// processors shared with others do not look ahead far enough by themselves.
constexpr Index rows_ahead = 16;

// So many rows of A are addressed from one pointer (base, base + stride, base + 2 * stride): the pointers of a tile
// then all fit in registers.
constexpr int rows_grouped = 3;

// What the tiles above each other share: a panel of B with `last` columns in its last vector, and how to step.
template <class T>
struct Strip {
  const T* b;
  Index b_step, a_element, a_step, ldc, last, depth;
  bool add;
};

// sum += a * b. Left to itself the compiler chooses among the forms of this instruction, overwrites a factor, and then
// copies sums from register to register: an eighth more instructions.
template <class V>
FASTGRAD_INLINE void accumulate(V& sum, V a, V b) {
#if defined(__AVX2__)
  if constexpr (of_floats<V>) {
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  } else {
    asm("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
#else
  sum = fma(a, b, sum);
#endif
}

// Keeps the compiler from taking a value apart, which would need more registers than there are.
template <class X>
FASTGRAD_INLINE void opaque(X& x) {
  asm("" : "+r"(x));
}

// So many steps of the depth are written out one after the other.
constexpr int unrolled = 4;

// The sums of a tile. What is known of the strides (A is contiguous along the depth, else along its rows; B is packed)
// goes into the instructions' addresses, so that a step has hardly any besides its loads and multiplications.
template <class T, int rows, int vectors, bool partial, bool ahead, bool packed, bool along>
FASTGRAD_INLINE void sum_products(Vec<T> (*sum)[vectors], const T* a, const Strip<T>& strip) {
  const Index a_element = along ? strip.a_element : 1, a_step = along ? 1 : strip.a_step, last = strip.last;
  const Index b_step = packed ? tile_columns<T> : strip.b_step;
  Index fetched = rows_ahead * b_step;
  if (!packed) opaque(fetched);
  const T* b = strip.b;
  constexpr int grouped = along ? rows_grouped : rows, groups = (rows + grouped - 1) / grouped;
  const T* group[groups];
#pragma GCC unroll 4
  for (int g = 0; g < groups; ++g) {
    group[g] = a + g * grouped * a_element;
    opaque(group[g]);
  }
  // Past steps whose offsets were in the addresses.
  const auto advance = [&](int steps) __attribute__((always_inline)) {
    if (packed) b += steps * b_step;
#pragma GCC unroll 4
    for (int g = 0; along && g < groups; ++g) group[g] += steps;
  };
  const auto step = [&](int offset) __attribute__((always_inline)) {
    const T* from = packed ? b + offset * b_step : b;
    Vec<T> right[vectors];
    if constexpr (ahead) {
#pragma GCC unroll 4
      for (int j = 0; j < vectors; ++j) __builtin_prefetch(from + fetched + j * lanes<T>);
    }
#pragma GCC unroll 4
    for (int j = 0; j < vectors - 1; ++j) right[j] = load(from + j * lanes<T>);
    right[vectors - 1] = load_end<T, partial>(from + (vectors - 1) * lanes<T>, last);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const T* element = group[i / grouped] + i % grouped * a_element + (along ? offset : 0);
      const Vec<T> left = splat<Vec<T>>(*element);
      if constexpr (vectors == 1) {  // then an element of A can be an operand in memory
        sum[i][0] = fma(left, right[0], sum[i][0]);
      } else {
#pragma GCC unroll 4
        for (int j = 0; j < vectors; ++j) accumulate(sum[i][j], left, right[j]);
      }
    }
    if (!packed) opaque(b += b_step);
    if (!along) opaque(group[0] += a_step);
    asm volatile("" ::: "memory");  // or loads of several steps are mixed, for which there are no registers
  };
  Index p = strip.depth;
#pragma GCC unroll 1
  for (; p >= unrolled; p -= unrolled) {
#pragma GCC unroll 4
    for (int offset = 0; offset < unrolled; ++offset) step(offset);
    advance(unrolled);
  }
#pragma GCC unroll 1
  for (; p > 0; --p) {
    step(0);
    advance(1);
  }
}

template <class T, int rows, int vectors, bool partial, bool ahead, bool packed = false>
void tile(T* c, const T* a, const Strip<T>& strip) {
  Vec<T> sum[rows][vectors] = {};
  if (strip.a_step == 1) {
    sum_products<T, rows, vectors, partial, ahead, packed, true>(sum, a, strip);
  } else {
    sum_products<T, rows, vectors, partial, ahead, packed, false>(sum, a, strip);
  }
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) store_row<T, vectors, partial>(c + i * strip.ldc, sum[i], strip.last, strip.add);
}

// The rows that are left when the tiles of greater height are done.
template <class T, int height, int vectors, bool partial, bool ahead, bool packed>
FASTGRAD_INLINE void short_tiles(T* c, const T* a, const Strip<T>& strip, Index rows) {
  if (rows & height) {
    tile<T, height, vectors, partial, ahead, packed>(c, a, strip);
    c += height * strip.ldc;
    a += height * strip.a_element;
  }
  if constexpr (height > 1) short_tiles<T, height / 2, vectors, partial, ahead, packed>(c, a, strip, rows);
}

// Fetches the tile of C while its sums are being computed. A call of its own, because inside of tile() the compiler
// would keep all these addresses in registers for the stores.
template <class T>
[[gnu::noinline]] void prefetch_tile(const T* c, Index ldc) {
  for (int i = 0; i < tile_rows; ++i, c += ldc) {
    for (int j = 0; j < tile_vectors; ++j) __builtin_prefetch(c + j * lanes<T>, 1);
  }
}

// A sum of this many products takes longer than fetching what it needs.
constexpr Index worth_a_prefetch = 64;

// All tiles of one panel of B, from top to bottom.
template <class T, int vectors, bool partial, bool ahead = false, bool packed = false>
void tile_column(T* c, const Panels<T>& a_panels, const Strip<T>& strip, Index rows) {
  const T* a = a_panels.data;
  for (; rows >= tile_rows; rows -= tile_rows, c += tile_rows * strip.ldc, a += a_panels.panel) {
    if (strip.depth >= worth_a_prefetch) prefetch_tile(c, strip.ldc);
    tile<T, tile_rows, vectors, partial, ahead, packed>(c, a, strip);
  }
  short_tiles<T, 4, vectors, partial, ahead, packed>(c, a, strip, rows);
}

// The panel that has fewer than all columns: as many vectors as hold them.
template <class T, int vectors>
void last_column(T* c, const Panels<T>& a, Strip<T>& strip, Index rows, Index columns) {
  if constexpr (vectors > 1) {
    if (columns <= (vectors - 1) * lanes<T>) return last_column<T, vectors - 1>(c, a, strip, rows, columns);
  }
  strip.last = columns - (vectors - 1) * lanes<T>;
  const auto column = strip.last < lanes<T> ? tile_column<T, vectors, true> : tile_column<T, vectors, false>;
  column(c, a, strip, rows);
}

template <class T>
void multiply(T* c, Index ldc, const Panels<T>& a, const Panels<T>& b, Index rows, Index columns, Index depth,
              bool add) {
  constexpr Index width = tile_columns<T>;
  Strip<T> strip{b.data, b.step, a.element, a.step, ldc, lanes<T>, depth, add};
  const auto full_column = depth < worth_a_prefetch ? tile_column<T, tile_vectors, false>
                           : b.step == width        ? tile_column<T, tile_vectors, false, true, true>
                                                    : tile_column<T, tile_vectors, false, true>;
  for (; columns >= width; columns -= width, c += width, strip.b += b.panel) full_column(c, a, strip, rows);
  if (columns > 0) last_column<T, tile_vectors>(c, a, strip, rows, columns);
}

// -------------------------------------------------------------------------------------------------- dot products

// Sums of lanes that are `distance` apart: those of x where the lane's number has that bit clear, else those of y.
template <class T, int distance, int... lane>
FASTGRAD_INLINE Vec<T> fold_pair(Vec<T> x, Vec<T> y, std::integer_sequence<int, lane...>) {
  return shuffle<((lane & distance) ? lane + lanes<T> : lane)...>(x, y) +
         shuffle<((lane & distance) ? (lane ^ distance) + lanes<T> : (lane ^ distance))...>(x, y);
}

// Turns `count` vectors into their sums, one sum a lane, in vectors sums[0], sums[1], ...
template <class T, int distance, int count>
FASTGRAD_INLINE void fold(Vec<T>* sums) {
  if constexpr (distance < lanes<T>) {
    constexpr int left = count > 1 ? count / 2 : 1;
#pragma GCC unroll 16
    for (int i = 0; i < left; ++i) {
      sums[i] = fold_pair<T, distance>(sums[2 * i], sums[count > 1 ? 2 * i + 1 : 2 * i],
                                       std::make_integer_sequence<int, lanes<T>>{});
    }
    fold<T, distance * 2, left>(sums);
  }
}

template <class T, int rows, int columns>
FASTGRAD_INLINE void store_dots(T* c, Index ldc, Vec<T>* sums, bool add) {
  using Row = typename VecOf<T, columns>::type;
  fold<T, 1, rows * columns>(sums);
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
    Row row, old = {};
    __builtin_memcpy(&row, reinterpret_cast<const T*>(sums) + i * columns, sizeof row);
    if (add) __builtin_memcpy(&old, c + i * ldc, sizeof old);
    row += old;
    __builtin_memcpy(c + i * ldc, &row, sizeof row);
  }
}

template <class T, int rows, int columns>
void dot_tile(T* c, Index ldc, const T* a, Index lda, const T* b, Index ldb, Index depth, bool add) {
  Vec<T> sums[rows * columns] = {};
  const auto accumulate = [&](auto read) __attribute__((always_inline)) {
    Vec<T> right[columns];
#pragma GCC unroll 4
    for (int j = 0; j < columns; ++j) right[j] = read(b + j * ldb);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const Vec<T> left = read(a + i * lda);
#pragma GCC unroll 4
      for (int j = 0; j < columns; ++j) sums[i * columns + j] = fma(left, right[j], sums[i * columns + j]);
    }
  };
#pragma GCC unroll 1
  for (; depth >= lanes<T>; depth -= lanes<T>, a += lanes<T>, b += lanes<T>) {
    accumulate([](const T* from) __attribute__((always_inline)) { return load(from); });
  }
  if (depth > 0) accumulate([&](const T* from) __attribute__((always_inline)) { return load_partial(from, depth); });
  store_dots<T, rows, columns>(c, ldc, sums, add);
}

template <class T, int height, int width>
FASTGRAD_INLINE void dot_row(T* c, Index ldc, const T* a, Index lda, const T* b, Index ldb, Index columns, Index depth,
                             bool add) {
  for (; columns >= width; columns -= width, c += width, b += width * ldb) {
    dot_tile<T, height, width>(c, ldc, a, lda, b, ldb, depth, add);
  }
  if constexpr (width > 1) dot_row<T, height, width / 2>(c, ldc, a, lda, b, ldb, columns, depth, add);
}

template <class T, int height, int width>
FASTGRAD_INLINE void dot_rows_of(T* c, Index ldc, const T* a, Index lda, const T* b, Index ldb, Index rows,
                                 Index columns, Index depth, bool add) {
  for (; rows >= height; rows -= height, c += height * ldc, a += height * lda) {
    dot_row<T, height, width>(c, ldc, a, lda, b, ldb, columns, depth, add);
  }
  if constexpr (height > 1) {
    dot_rows_of<T, height / 2, width>(c, ldc, a, lda, b, ldb, rows, columns, depth, add);
  }
}

template <class T>
void dot(T* c, Index ldc, const T* a, Index lda, const T* b, Index ldb, Index rows, Index columns, Index depth,
         bool add) {
  if (columns == 1) {
    dot_rows_of<T, 8, 1>(c, ldc, a, lda, b, ldb, rows, columns, depth, add);
  } else {
    dot_rows_of<T, dot_rows, dot_columns>(c, ldc, a, lda, b, ldb, rows, columns, depth, add);
  }
}

// ---------------------------------------------------------------------------------- vector times row-major matrix

// So many rows of b are added up while an element of c is in a register.
constexpr int combined_rows = 8;

template <class T, int rows>
FASTGRAD_INLINE void add_rows(T* c, const T* a, Index a_stride, const T* b, Index ldb, Index columns) {
  Vec<T> factor[rows];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) factor[i] = splat<Vec<T>>(a[i * a_stride]);
  const auto combine = [&](Vec<T> sum, auto read) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      __builtin_prefetch(b + (i + rows) * ldb);  // this column of the next rows
      sum = fma(factor[i], read(b + i * ldb), sum);
    }
    return sum;
  };
#pragma GCC unroll 1
  for (; columns >= lanes<T>; columns -= lanes<T>, b += lanes<T>, c += lanes<T>) {
    store(c, combine(load(c), [](const T* from) __attribute__((always_inline)) { return load(from); }));
  }
  if (columns == 0) return;
  const auto read = [&](const T* from) __attribute__((always_inline)) { return load_partial(from, columns); };
  store_partial(c, combine(read(c), read), columns);
}

template <class T>
void combine_rows(T* c, const T* a, Index a_stride, const T* b, Index ldb, Index columns, Index depth, bool add) {
  if (!add) __builtin_memset(c, 0, static_cast<std::size_t>(columns) * sizeof(T));
  for (; depth >= combined_rows; depth -= combined_rows, a += combined_rows * a_stride, b += combined_rows * ldb) {
    add_rows<T, combined_rows>(c, a, a_stride, b, ldb, columns);
  }
  for (; depth > 0; --depth, a += a_stride, b += ldb) add_rows<T, 1>(c, a, a_stride, b, ldb, columns);
}

// ----------------------------------------------------------------------------------------------------------- bias

template <class T>
void add_bias(T* c, Index ldc, const T* bias, bool of_rows, Index rows, Index columns) {
  for (Index i = 0; i < rows; ++i, c += ldc) {
    const Vec<T> number = splat<Vec<T>>(bias[of_rows ? i : 0]);
    Index j = 0;
    for (; j + lanes<T> <= columns; j += lanes<T>) store(c + j, load(c + j) + (of_rows ? number : load(bias + j)));
    const Index last = columns - j;
    if (last > 0) {
      store_partial(c + j, load_partial(c + j, last) + (of_rows ? number : load_partial(bias + j, last)), last);
    }
  }
}

template <class T>
MatmulKernels<T> kernels_for() {
  return {tile_rows, tile_columns<T>, multiply<T>, dot<T>, combine_rows<T>, pack<T>, add_bias<T>};
}

}  // namespace

void fill_matmul(Kernels& table) {
  table.float32.matmul = kernels_for<float>();
  table.float64.matmul = kernels_for<double>();
}

}  // namespace fastgrad::FASTGRAD_ISA
