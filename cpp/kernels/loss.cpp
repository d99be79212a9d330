// Cross-entropy of logits with class indices: log-softmax and the choice of the label's element in one pass.
#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class T>
void cross_entropy(T* loss, T* normalizer, const T* x, const Index* label, const T* weight, Index rows, Index n,
                   Index ignore_index) {
  for (Index r = 0; r < rows; ++r) {
    const T* row = x + r * n;
    const T largest = row_max(row, n);
    normalizer[r] = row_sum_exp(row, n, largest, [](Index, auto, Vec<T>) {});
    loss[r] = label[r] == ignore_index ? 0 : largest - row[label[r]];
  }
  for_pieces<T>(rows, [&](Index r, auto piece) {  // one vector takes the logarithms of many rows
    piece.store(loss + r, log(piece.load(normalizer + r, 1)) + piece.load(loss + r, 0));
  });
  for (Index r = 0; r < rows; ++r) {
    if (label[r] == ignore_index) {
      loss[r] = 0;
    } else if (weight != nullptr) {
      loss[r] *= weight[label[r]];
    }
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
FASTGRAD_INLINE void backward_row(T* dx, const T* x, T normalizer, Index label, T scale, Index n) {
  const T largest = row_max(x, n), factor = scale / normalizer;
  for_pieces<T>(n, [&](Index i, auto piece) {
    Vec<T> d = exp_negative(piece.load(x + i, 0) - largest) * factor;
    const Index lane = label - i;
    if (lane >= 0 && lane < lanes<T>) d = load(one_hot<T>.at + lanes<T> - lane) != 0 ? d - scale : d;
    piece.store(dx + i, d);
  });
}

template <class T>
void cross_entropy_backward(T* dx, const T* x, const T* normalizer, const Index* label, const T* weight, const T* scale,
                            Index scale_stride, Index rows, Index n, Index ignore_index) {
  for (Index r = 0; r < rows; ++r) {
    T* row = dx + r * n;
    if (label[r] == ignore_index) {
      for_pieces<T>(n, [&](Index i, auto piece) { piece.store(row + i, Vec<T>{}); });
    } else {
      const T factor = scale[r * scale_stride] * (weight != nullptr ? weight[label[r]] : 1);
      backward_row(row, x + r * n, normalizer[r], label[r], factor, n);
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
