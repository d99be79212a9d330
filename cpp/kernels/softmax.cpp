// Softmax and log-softmax of rows, and of columns. The largest element is subtracted first, so that nothing overflows;
// a row with a NaN or an infinity, or of -infinity alone, becomes NaN by way of inf - inf.
#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// A multiple of every vector's length.
constexpr Index log_softmax_block_rows = 16;
// Longer rows are a block of their own: together they would leave the first-level cache before they are read again.
constexpr Index long_row_bytes = 2048;

// A row that fits one vector stays in its register.
template <class T>
FASTGRAD_INLINE void softmax_short_row(T* y, const T* x, Index n) {
  const Part<T> piece{n};
  const Vec<T> v = piece.load(x, -FloatTraits<T>::infinity);
  const Vec<T> e = exp_negative(v - max_across(v));
  piece.store(y, e * (1 / sum_across(e)));
}

template <class T>
FASTGRAD_INLINE void softmax_long_row(T* y, const T* x, Index n) {
  const T sum = row_sum_exp(x, n, row_max(x, n), [&](Index i, auto piece, Vec<T> e) { piece.store(y + i, e); });
  const T factor = 1 / sum;
  for_pieces<T>(n, [&](Index i, auto piece) { piece.store(y + i, piece.load(y + i, 0) * factor); });
}

template <class T>
void softmax(T* y, const T* x, Index rows, Index n) {
  if (n <= lanes<T>) {
    for (Index r = 0; r < rows; ++r) softmax_short_row(y + r * n, x + r * n, n);
  } else {
    for (Index r = 0; r < rows; ++r) softmax_long_row(y + r * n, x + r * n, n);
  }
}

// Works on blocks of rows, so that one vector takes the logarithms of many.
template <class T>
void log_softmax_block(T* y, const T* x, Index rows, Index n) {
  T largest[log_softmax_block_rows], sum[log_softmax_block_rows] = {};
  for (Index r = 0; r < rows; ++r) {
    largest[r] = row_max(x + r * n, n);
    sum[r] = row_sum_exp(x + r * n, n, largest[r], [](Index, auto, Vec<T>) {});
  }
  for (Index r = 0; r < rows; r += lanes<T>) store(sum + r, log(load(sum + r)));
  for (Index r = 0; r < rows; ++r) {
    for_pieces<T>(n, [&](Index i, auto piece) {
      piece.store(y + r * n + i, (piece.load(x + r * n + i, 0) - largest[r]) - sum[r]);
    });
  }
}

template <class T>
void log_softmax(T* y, const T* x, Index rows, Index n) {
  const Index block = n * static_cast<Index>(sizeof(T)) > long_row_bytes ? 1 : log_softmax_block_rows;
  for (Index r = 0; r < rows; r += block) {
    log_softmax_block(y + r * n, x + r * n, rows - r < block ? rows - r : block, n);
  }
}

template <class T>
FASTGRAD_INLINE void softmax_backward_row(T* dx, const T* g, const T* y, Index n) {
  const T dot = row_sum<T>(n, [&](Index i, auto piece) { return piece.load(g + i, 0) * piece.load(y + i, 0); });
  for_pieces<T>(n,
                [&](Index i, auto piece) { piece.store(dx + i, piece.load(y + i, 0) * (piece.load(g + i, 0) - dot)); });
}

template <class T>
void softmax_backward(T* dx, const T* g, const T* y, Index rows, Index n) {
  for (Index r = 0; r < rows; ++r) softmax_backward_row(dx + r * n, g + r * n, y + r * n, n);
}

template <class T>
FASTGRAD_INLINE void log_softmax_backward_row(T* dx, const T* g, const T* y, Index n) {
  const T sum = row_sum<T>(n, [&](Index i, auto piece) { return piece.load(g + i, 0); });
  for_pieces<T>(
      n, [&](Index i, auto piece) { piece.store(dx + i, piece.load(g + i, 0) - exp(piece.load(y + i, 0)) * sum); });
}

template <class T>
void log_softmax_backward(T* dx, const T* g, const T* y, Index rows, Index n) {
  for (Index r = 0; r < rows; ++r) log_softmax_backward_row(dx + r * n, g + r * n, y + r * n, n);
}

// Columns are done a block at a time, row by row: what belongs to a column is a number in a small array.
template <class F>
FASTGRAD_INLINE void for_column_blocks(Index columns, F f) {
  for (Index c = 0; c < columns; c += softmax_column_block) {
    f(c, columns - c < softmax_column_block ? columns - c : softmax_column_block);
  }
}

template <class T>
FASTGRAD_INLINE void column_max(T* largest, const T* x, Index n, Index columns, Index stride) {
  for (Index c = 0; c < columns; ++c) largest[c] = -FloatTraits<T>::infinity;
  for (Index r = 0; r < n; ++r) {
    for_pieces<T>(columns, [&](Index c, auto piece) {
      piece.store(largest + c, max(piece.load(x + r * stride + c, 0), load(largest + c)));
    });
  }
}

// sum = the sum of exp(x - largest) of each column; use(i, piece, e) is called on the way.
template <class T, class Use>
FASTGRAD_INLINE void column_sum_exp(T* sum, const T* x, const T* largest, Index n, Index columns, Index stride,
                                    Use use) {
  for (Index c = 0; c < columns; ++c) sum[c] = 0;
  for (Index r = 0; r < n; ++r) {
    for_pieces<T>(columns, [&](Index c, auto piece) {
      const Vec<T> e = exp_negative(piece.load(x + r * stride + c, 0) - load(largest + c));
      use(r * stride + c, piece, e);
      store(sum + c, load(sum + c) + e);
    });
  }
}

template <class T>
void softmax_columns(T* y, const T* x, Index n, Index columns, Index stride) {
  for_column_blocks(columns, [&](Index first, Index width) {
    T largest[softmax_column_block] = {}, sum[softmax_column_block] = {};
    T* const to = y + first;
    column_max(largest, x + first, n, width, stride);
    column_sum_exp(sum, x + first, largest, n, width, stride,
                   [&](Index i, auto piece, Vec<T> e) { piece.store(to + i, e); });
    for (Index c = 0; c < width; ++c) sum[c] = 1 / sum[c];
    for (Index r = 0; r < n; ++r) {
      for_pieces<T>(width, [&](Index c, auto piece) {
        piece.store(to + r * stride + c, piece.load(to + r * stride + c, 0) * load(sum + c));
      });
    }
  });
}

template <class T>
void log_softmax_columns(T* y, const T* x, Index n, Index columns, Index stride) {
  for_column_blocks(columns, [&](Index first, Index width) {
    T largest[softmax_column_block] = {}, sum[softmax_column_block] = {};
    column_max(largest, x + first, n, width, stride);
    column_sum_exp(sum, x + first, largest, n, width, stride, [](Index, auto, Vec<T>) {});
    for (Index c = 0; c < width; c += lanes<T>) store(sum + c, log(load(sum + c)));
    for (Index r = 0; r < n; ++r) {
      for_pieces<T>(width, [&](Index c, auto piece) {
        const Index i = first + r * stride + c;
        piece.store(y + i, (piece.load(x + i, 0) - load(largest + c)) - load(sum + c));
      });
    }
  });
}

// dx = last(g, y, the sum of term(g, y) over the column).
template <class T, class Term, class Last>
FASTGRAD_INLINE void columns_backward(T* dx, const T* g, const T* y, Index n, Index columns, Index stride, Term term,
                                      Last last) {
  for_column_blocks(columns, [&](Index first, Index width) {
    T sum[softmax_column_block] = {};
    for (Index r = 0; r < n; ++r) {
      for_pieces<T>(width, [&](Index c, auto piece) {
        const Index i = first + r * stride + c;
        store(sum + c, load(sum + c) + term(piece.load(g + i, 0), piece.load(y + i, 0)));
      });
    }
    for (Index r = 0; r < n; ++r) {
      for_pieces<T>(width, [&](Index c, auto piece) {
        const Index i = first + r * stride + c;
        piece.store(dx + i, last(piece.load(g + i, 0), piece.load(y + i, 0), load(sum + c)));
      });
    }
  });
}

template <class T>
void softmax_columns_backward(T* dx, const T* g, const T* y, Index n, Index columns, Index stride) {
  columns_backward(
      dx, g, y, n, columns, stride, [](auto gradient, auto result) { return gradient * result; },
      [](auto gradient, auto result, auto dot) { return result * (gradient - dot); });
}

template <class T>
void log_softmax_columns_backward(T* dx, const T* g, const T* y, Index n, Index columns, Index stride) {
  columns_backward(
      dx, g, y, n, columns, stride, [](auto gradient, auto) { return gradient; },
      [](auto gradient, auto result, auto sum) { return gradient - exp(result) * sum; });
}

template <class T>
constexpr SoftmaxKernels<T> softmax_kernels = {
    softmax<T>,         log_softmax<T>,         softmax_backward<T>,         log_softmax_backward<T>,
    softmax_columns<T>, log_softmax_columns<T>, softmax_columns_backward<T>, log_softmax_columns_backward<T>};

}  // namespace

void fill_softmax(Kernels& table) {
  table.float32.softmax = softmax_kernels<float>;
  table.float64.softmax = softmax_kernels<double>;
}

}  // namespace fastgrad::FASTGRAD_ISA
