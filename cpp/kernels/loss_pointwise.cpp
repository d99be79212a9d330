// Losses of an element and its target: one pass forward, summed up on the way if wanted, and one backward.
#include "kernels/loss_pointwise.h"

#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class F, class T>
void value_loop(T* out, const T* x, const T* t, Index n, T a, T scale) {
  const Vec<T> parameter = splat<Vec<T>>(a);
  for_pieces<T>(n, [&](Index i, auto piece) {
    piece.store(out + i, F::value(piece.load(x + i, 0), piece.load(t + i, 0), parameter) * scale);
  });
}

template <class F, class T>
FASTGRAD_INLINE Vec<T> value_of(Index i, Whole<T> piece, const T* x, const T* t, Vec<T> parameter) {
  return F::value(piece.load(x + i, 0), piece.load(t + i, 0), parameter);
}

// The places behind the last element count nothing, whatever the loss of their padding is.
template <class F, class T>
FASTGRAD_INLINE Vec<T> value_of(Index i, Part<T> piece, const T* x, const T* t, Vec<T> parameter) {
  T values[lanes<T>] = {};
  piece.store(values, F::value(piece.load(x + i, 0), piece.load(t + i, 0), parameter));
  return load(values);
}

template <class F, class T>
T total_loop(const T* x, const T* t, Index n, T a) {
  const Vec<T> parameter = splat<Vec<T>>(a);
  return row_sum<T>(n, [&](Index i, auto piece) { return value_of<F, T>(i, piece, x, t, parameter); });
}

template <class F, class T>
void gradient_loop(T* dx, const T* g, Index g_stride, const T* x, const T* t, Index n, T a, T scale) {
  const Vec<T> parameter = splat<Vec<T>>(a);
  if (g_stride == 0) {
    const Vec<T> factor = splat<Vec<T>>(*g * scale);
    for_pieces<T>(n, [&](Index i, auto piece) {
      piece.store(dx + i, F::slope(piece.load(x + i, 0), piece.load(t + i, 0), parameter) * factor);
    });
  } else {
    for_pieces<T>(n, [&](Index i, auto piece) {
      const Vec<T> factor = piece.load(g + i, 0) * scale;
      piece.store(dx + i, F::slope(piece.load(x + i, 0), piece.load(t + i, 0), parameter) * factor);
    });
  }
}

template <class F, class T>
void set(PointwiseLossKernels<T>& kernels, PointwiseLoss loss) {
  kernels.value[static_cast<int>(loss)] = value_loop<F, T>;
  kernels.total[static_cast<int>(loss)] = total_loop<F, T>;
  kernels.gradient[static_cast<int>(loss)] = gradient_loop<F, T>;
}

template <class T>
void fill(PointwiseLossKernels<T>& kernels) {
  for (int i = 0; i < static_cast<int>(PointwiseLoss::count); ++i) {
    const auto loss = static_cast<PointwiseLoss>(i);
    visit_function(loss, [&](auto function) { set<decltype(function)>(kernels, loss); });
  }
}

}  // namespace

void fill_loss_pointwise(Kernels& table) {
  fill(table.float32.loss_pointwise);
  fill(table.float64.loss_pointwise);
}

}  // namespace fastgrad::FASTGRAD_ISA
