// Cross-entropy of logits with class indices: log-softmax and the choice of the label's element in one pass.
#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// The sum of weight * (shift - x) over a row.
template <class T>
FASTGRAD_INLINE T weighted_below(const T* x, const T* weight, T shift, Index n) {
  return row_sum<T>(n, [&](Index i, auto piece) {
    const Vec<T> below = shift - piece.load(x + i, shift);
    return weight != nullptr ? below * piece.load(weight + i, 0) : below;
  });
}

template <class T>
FASTGRAD_INLINE T row_loss(const T* x, Index label, T largest, T log_sum, const LabelOptions<T>& options, Index n) {
  if (label == options.ignore_index) return 0;
  T loss = log_sum + (largest - x[label]);
  if (options.weight != nullptr) loss *= options.weight[label];
  if (options.spread == 0) return loss;
  const T spread = options.total_weight * log_sum + weighted_below(x, options.weight, largest, n);
  return options.label_part * loss + options.spread * spread;
}

// Works on blocks of rows, so that one vector takes the logarithms of many.
constexpr Index block_rows = 16;

template <class T>
FASTGRAD_INLINE void cross_entropy_block(T* loss, T* kept, const T* x, const Index* label,
                                         const LabelOptions<T>& options, Index rows, Index n) {
  T log_sum[block_rows] = {};
  for (Index r = 0; r < rows; ++r) {
    const T* row = x + r * n;
    kept[2 * r] = row_max(row, n);
    kept[2 * r + 1] = log_sum[r] = row_sum_exp(row, n, kept[2 * r], [](Index, auto, Vec<T>) {});
  }
  for (Index r = 0; r < rows; r += lanes<T>) store(log_sum + r, log(load(log_sum + r)));
  for (Index r = 0; r < rows; ++r) loss[r] = row_loss(x + r * n, label[r], kept[2 * r], log_sum[r], options, n);
}

template <class T>
void cross_entropy(T* loss, T* kept, const T* x, const Index* label, const LabelOptions<T>& options, Index rows,
                   Index n) {
  for (Index r = 0; r < rows; r += block_rows) {
    const Index left = rows - r;
    cross_entropy_block(loss + r, kept + 2 * r, x + r * n, label + r, options, left < block_rows ? left : block_rows,
                        n);
  }
}

// Zeros around a one: a vector loaded from `at + lanes - k` has the one in lane k.
template <class T>
struct OneHot {
  T at[2 * lanes<T>] = {};
  constexpr OneHot() { at[lanes<T>] = 1; }
};
template <class T>
constexpr OneHot<T> one_hot;

template <class T>
FASTGRAD_INLINE void backward_row(T* dx, const T* x, const T* kept, Index label, const LabelOptions<T>& options,
                                  T scale, Index n) {
  const T* weight = options.weight;
  const T peak = scale * options.label_part * (weight != nullptr ? weight[label] : 1), spread = scale * options.spread;
  const T largest = kept[0], factor = (peak + spread * options.total_weight) / kept[1];
  for_pieces<T>(n, [&](Index i, auto piece) {
    Vec<T> d = exp_negative(piece.load(x + i, 0) - largest) * factor;
    if (spread != 0) d -= weight != nullptr ? piece.load(weight + i, 0) * spread : splat<Vec<T>>(spread);
    const Index lane = label - i;
    if (lane >= 0 && lane < lanes<T>) d = load(one_hot<T>.at + lanes<T> - lane) != 0 ? d - peak : d;
    piece.store(dx + i, d);
  });
}

template <class T>
void cross_entropy_backward(T* dx, const T* x, const T* kept, const Index* label, const LabelOptions<T>& options,
                            const T* scale, Index scale_stride, Index rows, Index n) {
  for (Index r = 0; r < rows; ++r) {
    T* row = dx + r * n;
    if (label[r] == options.ignore_index) {
      for_pieces<T>(n, [&](Index i, auto piece) { piece.store(row + i, Vec<T>{}); });
    } else {
      backward_row(row, x + r * n, kept + 2 * r, label[r], options, scale[r * scale_stride], n);
    }
  }
}

template <class T>
constexpr LossKernels<T> loss_kernels = {cross_entropy<T>, cross_entropy_backward<T>};

}  // namespace

void fill_loss(Kernels& table) {
  table.float32.loss = loss_kernels<float>;
  table.float64.loss = loss_kernels<double>;
}

}  // namespace fastgrad::FASTGRAD_ISA
