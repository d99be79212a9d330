// Reductions of contiguous rows, of columns, and the position of an extreme.
//
// Sums run in a fixed number of lanes, whatever the vector width: the bits are the same for every instruction set
// and every split of the rows, and the error grows with n / lanes instead of n.
#include "kernels.h"
#include "kernels/loop.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// A reduction makes every element a number (take) and combines these (of), both for single numbers and for vectors.
// Those that have an identity start from it; the others from the first element.
struct Sum {
  template <class T>
  static constexpr T identity = T{0};
  template <class V>
  FASTGRAD_INLINE static V take(V x) {
    return x;
  }
  template <class V>
  FASTGRAD_INLINE static V of(V a, V b) {
    return a + b;
  }
  static Index of(Index a, Index b) {  // wraps around
    return static_cast<Index>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
};

struct SquareSum : Sum {
  template <class V>
  FASTGRAD_INLINE static V take(V x) {
    return x * x;
  }
};

struct Prod {
  template <class T>
  static constexpr T identity = T{1};
  template <class V>
  FASTGRAD_INLINE static V take(V x) {
    return x;
  }
  template <class V>
  FASTGRAD_INLINE static V of(V a, V b) {
    return a * b;
  }
  static Index of(Index a, Index b) {
    return static_cast<Index>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  }
};

// The ops layer refuses extremes of nothing; NaN wins.
struct Max {
  template <class V>
  FASTGRAD_INLINE static V take(V x) {
    return x;
  }
  template <class V>
  FASTGRAD_INLINE static V of(V best, V x) {
    return (x > best) | (x != x) ? x : best;
  }
};

struct Min {
  template <class V>
  FASTGRAD_INLINE static V take(V x) {
    return x;
  }
  template <class V>
  FASTGRAD_INLINE static V of(V best, V x) {
    return (x < best) | (x != x) ? x : best;
  }
};

template <class F, class T>
constexpr bool has_identity = requires { F::template identity<T>; };

// Of elements of S, in T.
template <class F, class T, class S>
FASTGRAD_INLINE T start_value(const S* x) {
  if constexpr (has_identity<F, T>) {
    return F::template identity<T>;
  } else {
    return F::take(static_cast<T>(*x));
  }
}

constexpr Index row_lanes = 64;

// Whether vectors of T are made by hand; of narrower types the compiler makes them.
template <class T, class S>
constexpr bool by_vectors = sizeof(T) >= 4 && sizeof(T) == sizeof(S);

template <class F, class T, class S>
T reduce_short(const S* x, Index n, T start) {
  for (Index i = 0; i < n; ++i) start = F::of(start, F::take(static_cast<T>(x[i])));
  return start;
}

// The lanes pairwise, upper half with lower half, down to one.
template <class F, class T>
T reduce_lanes(T* lane, Index width) {
  for (width /= 2; width > 0; width /= 2) {
    for (Index j = 0; j < width; ++j) lane[j] = F::of(lane[j], lane[j + width]);
  }
  return lane[0];
}

// All whole groups of lanes of a row.
template <class F, class T, class S>
T reduce_groups(const S* x, Index n, T start) {
  if constexpr (by_vectors<T, S>) {
    constexpr int count = row_lanes / lanes<T>;
    Vec<T> part[count];
    for (Vec<T>& p : part) p = splat<Vec<T>>(start);
    for (Index i = 0; i + row_lanes <= n; i += row_lanes) {
#pragma GCC unroll 16
      for (int k = 0; k < count; ++k) part[k] = F::of(part[k], F::take(load(x + i + k * lanes<T>)));
    }
#pragma GCC unroll 16
    for (int width = count / 2; width > 0; width /= 2) {
#pragma GCC unroll 16
      for (int k = 0; k < width; ++k) part[k] = F::of(part[k], part[k + width]);
    }
    return across(part[0], [](auto a, auto b) __attribute__((always_inline)) { return F::of(a, b); });
  } else {
    T lane[row_lanes];
    for (T& l : lane) l = start;
    for (Index i = 0; i + row_lanes <= n; i += row_lanes) {
      FASTGRAD_INDEPENDENT
      for (Index j = 0; j < row_lanes; ++j) lane[j] = F::of(lane[j], F::take(static_cast<T>(x[i + j])));
    }
    return reduce_lanes<F>(lane, row_lanes);
  }
}

template <class F, class T, class S>
T reduce_row(const S* x, Index n) {
  const T start = start_value<F, T>(x);
  if (n < row_lanes) return reduce_short<F>(x, n, start);
  const Index whole = n - n % row_lanes;
  return reduce_short<F>(x + whole, n - whole, reduce_groups<F>(x, whole, start));
}

template <class F, class T, class S>
void reduce_rows(void* out, const void* in, Index rows, Index n, Index row_stride) {
  for (Index r = 0; r < rows; ++r) {
    static_cast<T*>(out)[r] = reduce_row<F, T>(static_cast<const S*>(in) + r * row_stride, n);
  }
}

constexpr Index column_block = 256;
constexpr Index row_block = 64;  // partial sums over this many rows keep the error of long columns small

template <class F, class T, class S>
void fold_rows(T* total, const S* x, Index rows, Index n, Index row_stride) {
  for (Index r = 0; r < rows; ++r, x += row_stride) {
    FASTGRAD_INDEPENDENT
    for (Index c = 0; c < n; ++c) total[c] = F::of(total[c], F::take(static_cast<T>(x[c])));
  }
}

template <class F, class T, class S>
void reduce_column_block(T* out, const S* x, Index rows, Index n, Index row_stride) {
  for (Index c = 0; c < n; ++c) out[c] = start_value<F, T>(x + c);
  T partial[column_block];
  for (Index r = 0; r < rows; r += row_block) {
    const S* block = x + r * row_stride;
    for (Index c = 0; c < n; ++c) partial[c] = start_value<F, T>(block + c);
    fold_rows<F>(partial, block, rows - r < row_block ? rows - r : row_block, n, row_stride);
    for (Index c = 0; c < n; ++c) out[c] = F::of(out[c], partial[c]);
  }
}

template <class F, class T, class S>
void reduce_columns(void* out, const void* in, Index rows, Index n, Index row_stride) {
  for (Index c = 0; c < n; c += column_block) {
    reduce_column_block<F>(static_cast<T*>(out) + c, static_cast<const S*>(in) + c, rows,
                           n - c < column_block ? n - c : column_block, row_stride);
  }
}

// ------------------------------------------------------------------------------------------------------- counting

template <int bytes>
struct CounterOf {
  using type = std::uint32_t;
};
template <>
struct CounterOf<1> {
  using type = std::uint8_t;
};
template <>
struct CounterOf<2> {
  using type = std::uint16_t;
};
template <>
struct CounterOf<8> {
  using type = std::uint64_t;
};

// In counters as wide as the elements, which are emptied before they can overflow.
template <class S>
void count_rows(void* out, const void* in, Index rows, Index n, Index row_stride) {
  using Counter = typename CounterOf<sizeof(S)>::type;
  constexpr Index steps = sizeof(S) == 1 ? 255 : 65535;
  for (Index r = 0; r < rows; ++r) {
    const auto* x = static_cast<const S*>(in) + r * row_stride;
    Index total = 0, i = 0;
    while (n - i >= row_lanes) {
      Counter lane[row_lanes] = {};
      for (Index step = 0; step < steps && n - i >= row_lanes; ++step, i += row_lanes) {
        for (Index j = 0; j < row_lanes; ++j) lane[j] = static_cast<Counter>(lane[j] + (x[i + j] != S{0}));
      }
      for (const Counter c : lane) total += static_cast<Index>(c);
    }
    for (; i < n; ++i) total += x[i] != S{0};
    static_cast<Index*>(out)[r] = total;
  }
}

template <class S>
void count_columns(void* out, const void* in, Index rows, Index n, Index row_stride) {
  auto* total = static_cast<Index*>(out);
  const auto* x = static_cast<const S*>(in);
  for (Index c = 0; c < n; ++c) total[c] = 0;
  for (Index r = 0; r < rows; ++r, x += row_stride) {
    FASTGRAD_INDEPENDENT
    for (Index c = 0; c < n; ++c) total[c] += x[c] != S{0};
  }
}

// ------------------------------------------------------------------------------------------- the place of an extreme

template <class T>
FASTGRAD_INLINE bool is_same(T x, T wanted) {  // NaN equals NaN here
  return (x == wanted) | ((x != x) & (wanted != wanted));
}

// The first place of an element that equals `wanted`, which is among them.
template <class T>
Index first_place(const T* x, Index n, T wanted) {
  Index start = 0;
  if constexpr (by_vectors<T, T>) {
    const Vec<T> w = splat<Vec<T>>(wanted);
    for (; start + lanes<T> <= n; start += lanes<T>) {
      const Vec<T> v = load(x + start);
      if (any((v == w) | ((v != v) & (w != w)))) break;
    }
  } else {
    for (bool found = false; start + row_lanes <= n; start += row_lanes) {
      for (Index j = 0; j < row_lanes; ++j) found |= is_same(x[start + j], wanted);
      if (found) break;
    }
  }
  while (!is_same(x[start], wanted)) ++start;
  return start;
}

// Whether x comes before the best so far; the first NaN stays.
template <class F, class T>
FASTGRAD_INLINE bool is_better(T best, T x) {
  return (best == best) & (x != best) & (F::of(best, x) != best);
}

template <class F, class T>
void arg_extreme(void* value, Index* position, const void* in, Index n, Index stride) {
  const auto* x = static_cast<const T*>(in);
  if (stride == 1 && n >= row_lanes) {  // the extreme in lanes, then where it is
    *position = first_place(x, n, reduce_row<F, T>(x, n));
    *static_cast<T*>(value) = x[*position];
    return;
  }
  T best = x[0];
  Index at = 0;
  for (Index i = 1; i < n && best == best; ++i) {  // the first NaN ends the search
    const T candidate = x[i * stride];
    const bool better = is_better<F>(best, candidate);
    at = better ? i : at;
    best = better ? candidate : best;
  }
  *static_cast<T*>(value) = best;
  *position = at;
}

// The extremes, then where they are: from the last row to the first one, the first place stays. Rows are gone through
// in blocks, in which a 4-byte number says where.
template <class F, class T>
void arg_column_block(T* value, Index* position, const T* x, Index rows, Index n, Index row_stride) {
  constexpr Index block = Index{1} << 30;
  T best[column_block];
  std::int32_t at[column_block];
  reduce_column_block<F>(best, x, rows, n, row_stride);
  for (Index begin = (rows - 1) / block * block; begin >= 0; begin -= block) {
    for (Index c = 0; c < n; ++c) at[c] = -1;
    const auto length = static_cast<std::int32_t>(rows - begin < block ? rows - begin : block);
    for (std::int32_t r = length - 1; r >= 0; --r) {
      const T* row = x + (begin + r) * row_stride;
      FASTGRAD_INDEPENDENT
      for (Index c = 0; c < n; ++c) at[c] = is_same(row[c], best[c]) ? r : at[c];
    }
    for (Index c = 0; c < n; ++c) position[c] = at[c] < 0 ? position[c] : begin + at[c];
  }
  for (Index c = 0; c < n; ++c) value[c] = x[position[c] * row_stride + c];
}

template <class F, class T>
void arg_columns(void* value, Index* position, const void* in, Index rows, Index n, Index row_stride) {
  for (Index c = 0; c < n; c += column_block) {
    arg_column_block<F>(static_cast<T*>(value) + c, position + c, static_cast<const T*>(in) + c, rows,
                        n - c < column_block ? n - c : column_block, row_stride);
  }
}

// ---------------------------------------------------------------------------------------------- filling the table

template <class F, class T, class S>
void set_one(Kernels& table, Reduce op) {
  const int i = static_cast<int>(op), t = static_cast<int>(DTypeOf<S>::value);
  table.reduce_rows[i][t] = reduce_rows<F, T, S>;
  table.reduce_columns[i][t] = reduce_columns<F, T, S>;
}

template <class F>
void set_total(Kernels& table, Reduce op) {
  for_types(Floats{}, [&](auto tag) {
    using T = typename decltype(tag)::type;
    set_one<F, T, T>(table, op);
  });
  for_types(Integers{}, [&](auto tag) { set_one<F, Index, typename decltype(tag)::type>(table, op); });
  set_one<F, Index, bool>(table, op);
}

template <class S>
void set_count(Kernels& table, Reduce op) {
  const int i = static_cast<int>(op), t = static_cast<int>(DTypeOf<S>::value);
  table.reduce_rows[i][t] = count_rows<S>;
  table.reduce_columns[i][t] = count_columns<S>;
}

template <class T>
void set_extremes(Kernels& table) {
  const int t = static_cast<int>(DTypeOf<T>::value);
  set_one<Max, T, T>(table, Reduce::max);
  set_one<Min, T, T>(table, Reduce::min);
  table.argmax[t] = {arg_extreme<Max, T>, arg_columns<Max, T>};
  table.argmin[t] = {arg_extreme<Min, T>, arg_columns<Min, T>};
}

}  // namespace

void fill_reduction(Kernels& table) {
  set_total<Sum>(table, Reduce::sum);
  set_total<Prod>(table, Reduce::prod);
  set_one<SquareSum, float, float>(table, Reduce::square_sum);
  set_one<SquareSum, double, double>(table, Reduce::square_sum);
  const auto of_any = [&](auto tag) {
    using T = typename decltype(tag)::type;
    set_count<T>(table, Reduce::nonzero);
    set_extremes<T>(table);
  };
  of_any(TypeTag<bool>{});
  for_types(Integers{}, of_any);
  for_types(Floats{}, of_any);
  set_count<bool>(table, Reduce::sum);  // bools that hold are ones
}

}  // namespace fastgrad::FASTGRAD_ISA
