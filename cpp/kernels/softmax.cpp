// Softmax and log-softmax of rows. The largest element is subtracted first, so that nothing overflows; a row with a
// NaN or an infinity, or of -infinity alone, becomes NaN by way of inf - inf.
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

template <class T>
constexpr SoftmaxKernels<T> softmax_kernels = {softmax<T>, log_softmax<T>, softmax_backward<T>,
                                               log_softmax_backward<T>};

}  // namespace

void fill_softmax(Kernels& table) {
  table.float32.softmax = softmax_kernels<float>;
  table.float64.softmax = softmax_kernels<double>;
}

}  // namespace fastgrad::FASTGRAD_ISA
