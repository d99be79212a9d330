// Reductions of contiguous rows, of columns, and the position of an extreme.
//
// Sums run in a fixed number of lanes, whatever the vector width: the bits are the same for every instruction set
// and every split of the rows, and the error grows with n / lanes instead of n.
#include "kernels.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

struct Sum {
  template <class T>
  static T identity() {
    return T{0};
  }
  template <class T>
  static T of(T a, T b) {
    return a + b;
  }
  static Index of(Index a, Index b) {  // wraps around
    return static_cast<Index>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
};

struct Prod {
  template <class T>
  static T identity() {
    return T{1};
  }
  template <class T>
  static T of(T a, T b) {
    return a * b;
  }
  static Index of(Index a, Index b) {
    return static_cast<Index>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  }
};

// The extremes start from the first element (the ops layer refuses empty ones); NaN wins.
struct Max {
  template <class T>
  static T of(T best, T x) {
    return x > best || x != x ? x : best;
  }
};

struct Min {
  template <class T>
  static T of(T best, T x) {
    return x < best || x != x ? x : best;
  }
};

template <class F, class T>
constexpr bool has_identity = requires { F::template identity<T>(); };

template <class F, class T>
T start_value(const T* x) {
  if constexpr (has_identity<F, T>) {
    return F::template identity<T>();
  } else {
    return *x;
  }
}

constexpr Index lanes = 64;

template <class F, class T>
T reduce_short(const T* x, Index n, T start) {
  for (Index i = 0; i < n; ++i) start = F::of(start, x[i]);
  return start;
}

template <class F, class T>
T reduce_row(const T* x, Index n) {
  const T start = start_value<F>(x);
  if (n < lanes) return reduce_short<F>(x, n, start);
  T lane[lanes];
  for (T& l : lane) l = start;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) {
    FASTGRAD_INDEPENDENT
    for (Index j = 0; j < lanes; ++j) lane[j] = F::of(lane[j], x[i + j]);
  }
  for (Index width = lanes / 2; width > 0; width /= 2) {
    for (Index j = 0; j < width; ++j) lane[j] = F::of(lane[j], lane[j + width]);
  }
  return reduce_short<F>(x + i, n - i, lane[0]);
}

template <class F, class T>
void reduce_rows(void* out, const void* in, Index rows, Index n, Index row_stride) {
  for (Index r = 0; r < rows; ++r) {
    static_cast<T*>(out)[r] = reduce_row<F>(static_cast<const T*>(in) + r * row_stride, n);
  }
}

constexpr Index column_block = 256;
constexpr Index row_block = 64;  // partial sums over this many rows keep the error of long columns small

template <class F, class T>
void fold_rows(T* total, const T* x, Index rows, Index n, Index row_stride) {
  for (Index r = 0; r < rows; ++r, x += row_stride) {
    FASTGRAD_INDEPENDENT
    for (Index c = 0; c < n; ++c) total[c] = F::of(total[c], x[c]);
  }
}

template <class F, class T>
void reduce_column_block(T* out, const T* x, Index rows, Index n, Index row_stride) {
  for (Index c = 0; c < n; ++c) out[c] = start_value<F>(x + c);
  T partial[column_block];
  for (Index r = 0; r < rows; r += row_block) {
    const T* block = x + r * row_stride;
    for (Index c = 0; c < n; ++c) partial[c] = start_value<F>(block + c);
    fold_rows<F>(partial, block, rows - r < row_block ? rows - r : row_block, n, row_stride);
    for (Index c = 0; c < n; ++c) out[c] = F::of(out[c], partial[c]);
  }
}

template <class F, class T>
void reduce_columns(void* out, const void* in, Index rows, Index n, Index row_stride) {
  for (Index c = 0; c < n; c += column_block) {
    reduce_column_block<F>(static_cast<T*>(out) + c, static_cast<const T*>(in) + c, rows,
                           n - c < column_block ? n - c : column_block, row_stride);
  }
}

// The first place of an element that equals `wanted`, which is among them; NaN equals NaN here.
template <class T>
Index first_place(const T* x, Index n, T wanted) {
  Index start = 0;
  for (bool found = false; start + lanes <= n; start += lanes) {
    for (Index j = 0; j < lanes; ++j)
      found |= x[start + j] == wanted || (wanted != wanted && x[start + j] != x[start + j]);
    if (found) break;
  }
  while (!(x[start] == wanted || (wanted != wanted && x[start] != x[start]))) ++start;
  return start;
}

template <class F, class T>
void arg_extreme(void* value, Index* position, const void* in, Index n, Index stride) {
  const auto* x = static_cast<const T*>(in);
  if (stride == 1 && n >= lanes) {  // the extreme in lanes, then where it is
    *position = first_place(x, n, reduce_row<F>(x, n));
    *static_cast<T*>(value) = x[*position];
    return;
  }
  T best = x[0];
  Index at = 0;
  for (Index i = 1; i < n && best == best; ++i) {  // the first NaN ends the search
    const T candidate = x[i * stride];
    const bool better = candidate != best && F::of(best, candidate) != best;
    at = better ? i : at;
    best = better ? candidate : best;
  }
  *static_cast<T*>(value) = best;
  *position = at;
}

template <class F, class... T>
void set(Kernels& table, Reduce op) {
  const int i = static_cast<int>(op);
  ((table.reduce_rows[i][static_cast<int>(DTypeOf<T>::value)] = reduce_rows<F, T>), ...);
  ((table.reduce_columns[i][static_cast<int>(DTypeOf<T>::value)] = reduce_columns<F, T>), ...);
}

template <class... T>
void set_extremes(Kernels& table) {
  set<Max, T...>(table, Reduce::max);
  set<Min, T...>(table, Reduce::min);
  ((table.argmax[static_cast<int>(DTypeOf<T>::value)] = arg_extreme<Max, T>), ...);
  ((table.argmin[static_cast<int>(DTypeOf<T>::value)] = arg_extreme<Min, T>), ...);
}

}  // namespace

void fill_reduction(Kernels& table) {
  // Sums and products of integers are int64: the ops layer converts first.
  set<Sum, Index, float, double>(table, Reduce::sum);
  set<Prod, Index, float, double>(table, Reduce::prod);
  set_extremes<bool, std::uint8_t, std::int8_t, std::int16_t, std::int32_t, Index, float, double>(table);
}

}  // namespace fastgrad::FASTGRAD_ISA
