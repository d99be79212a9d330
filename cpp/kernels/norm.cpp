// Normalization: of contiguous rows (layer_norm, rms_norm), and of channels that are rows or columns of a matrix
// (batch_norm, group_norm). Variances are sums of squared differences from the mean, so that they do not cancel.
#include "kernels.h"
#include "kernels/loop.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

FASTGRAD_INLINE float root(float x) { return __builtin_sqrtf(x); }
FASTGRAD_INLINE double root(double x) { return __builtin_sqrt(x); }

template <class T>
FASTGRAD_INLINE T row_mean(const T* x, Index n) {
  return row_sum<T>(n, [&](Index i, auto piece) { return piece.load(x + i, 0); }) / static_cast<T>(n);
}

// The sum of (x - mean)^2.
template <class T>
FASTGRAD_INLINE T row_squares(const T* x, Index n, T mean) {
  return row_sum<T>(n, [&](Index i, auto piece) {
    const Vec<T> d = piece.load(x + i, mean) - mean;
    return d * d;
  });
}

// ------------------------------------------------------------------------------------------------------ layer_norm

template <class T>
FASTGRAD_INLINE void normalize_row(T* y, const T* x, const T* weight, const T* bias, Index n, T mean, T rstd) {
  for_pieces<T>(n, [&](Index i, auto piece) {
    Vec<T> v = (piece.load(x + i, 0) - mean) * rstd;
    if (weight != nullptr) v *= piece.load(weight + i, 0);
    if (bias != nullptr) v += piece.load(bias + i, 0);
    piece.store(y + i, v);
  });
}

template <class T>
void layer_norm(T* y, T* mean, T* rstd, const T* x, const T* weight, const T* bias, Index rows, Index n, T eps) {
  for (Index r = 0; r < rows; ++r) {
    const T* row = x + r * n;
    const T m = mean != nullptr ? row_mean(row, n) : T{0};
    if (mean != nullptr) mean[r] = m;
    rstd[r] = 1 / root(row_squares(row, n, m) / static_cast<T>(n) + eps);
    normalize_row(y + r * n, row, weight, bias, n, m, rstd[r]);
  }
}

// One row's part of the gradients. With h = (x - mean) * rstd and w = g * weight,
// dx = rstd * (w - average(w) - h * average(w * h)), where average(w) is 0 if nothing was subtracted.
template <class T>
struct LayerNormRow {
  const T *g, *x, *weight;
  T mean, rstd;

  template <class Piece>
  FASTGRAD_INLINE Vec<T> normalized(Index i, Piece piece) const {
    return (piece.load(x + i, mean) - mean) * rstd;
  }
};

// The sums that the second pass needs; the parameters' gradients are added up on the way.
template <class T>
struct LayerNormSums {
  T weighted, product;
};

template <class T>
FASTGRAD_INLINE LayerNormSums<T> layer_norm_sums(T* dweight, T* dbias, const LayerNormRow<T>& row, Index n) {
  Vec<T> sum{}, product{};
  for_pieces<T>(n, [&](Index i, auto piece) {
    const Vec<T> g = piece.load(row.g + i, 0), h = row.normalized(i, piece);
    const Vec<T> w = row.weight != nullptr ? g * piece.load(row.weight + i, 0) : g;
    sum += w;
    product += w * h;
    if (dweight != nullptr) piece.store(dweight + i, piece.load(dweight + i, 0) + g * h);
    if (dbias != nullptr) piece.store(dbias + i, piece.load(dbias + i, 0) + g);
  });
  return {sum_across(sum), sum_across(product)};
}

template <class T>
FASTGRAD_INLINE void layer_norm_gradient(T* dx, const LayerNormRow<T>& row, Index n, T a, T b) {
  for_pieces<T>(n, [&](Index i, auto piece) {
    const Vec<T> g = piece.load(row.g + i, 0);
    const Vec<T> w = row.weight != nullptr ? g * piece.load(row.weight + i, 0) : g;
    piece.store(dx + i, (w - a - row.normalized(i, piece) * b) * row.rstd);
  });
}

template <class T>
void layer_norm_backward(T* dx, T* dweight, T* dbias, const T* g, const T* x, const T* weight, const T* mean,
                         const T* rstd, Index rows, Index n) {
  for (Index r = 0; r < rows; ++r) {
    const LayerNormRow<T> row{g + r * n, x + r * n, weight, mean != nullptr ? mean[r] : T{0}, rstd[r]};
    const LayerNormSums<T> sums = layer_norm_sums(dweight, dbias, row, n);
    const T count = static_cast<T>(n);
    layer_norm_gradient(dx + r * n, row, n, mean != nullptr ? sums.weighted / count : T{0}, sums.product / count);
  }
}

// -------------------------------------------------------------------------------------------------------- channels

// A number that belongs to each row, as the elements of row r see it ...
template <class T>
struct PerRow {
  T value;
  FASTGRAD_INLINE PerRow(const T* numbers, Index r) : value(numbers[r]) {}
  template <class Piece>
  FASTGRAD_INLINE Vec<T> at(Index, Piece) const {
    return splat<Vec<T>>(value);
  }
};

// ... and one that belongs to each column.
template <class T>
struct PerColumn {
  const T* numbers;
  FASTGRAD_INLINE PerColumn(const T* all, Index) : numbers(all) {}
  template <class Piece>
  FASTGRAD_INLINE Vec<T> at(Index i, Piece piece) const {
    return piece.load(numbers + i, 0);
  }
};

template <template <class> class Per, class T>
void normalize(T* y, const T* x, const T* mean, const T* scale, const T* shift, Index rows, Index n, Index stride) {
  for (Index r = 0; r < rows; ++r, y += stride, x += stride) {
    const Per<T> m(mean, r), k(scale, r), b(shift, r);
    for_pieces<T>(n, [&](Index i, auto piece) {
      piece.store(y + i, fma(piece.load(x + i, 0) - m.at(i, piece), k.at(i, piece), b.at(i, piece)));
    });
  }
}

template <template <class> class Per, class T>
void combine(T* dx, const T* g, const T* x, const T* mean, const T* a, const T* b, const T* c, Index rows, Index n,
             Index stride) {
  for (Index r = 0; r < rows; ++r, dx += stride, g += stride, x += stride) {
    const Per<T> m(mean, r), ka(a, r), kb(b, r), kc(c, r);
    for_pieces<T>(n, [&](Index i, auto piece) {
      const Vec<T> d = piece.load(x + i, 0) - m.at(i, piece);
      piece.store(dx + i, fma(piece.load(g + i, 0), ka.at(i, piece), fma(d, kb.at(i, piece), kc.at(i, piece))));
    });
  }
}

template <class T>
void row_moments(T* mean, T* squares, const T* x, Index rows, Index n, Index stride) {
  for (Index r = 0; r < rows; ++r, x += stride) {
    mean[r] = row_mean(x, n);
    squares[r] = row_squares(x, n, mean[r]);
  }
}

template <class T>
void row_products(T* total, T* product, const T* g, const T* x, const T* mean, Index rows, Index n, Index stride) {
  for (Index r = 0; r < rows; ++r, g += stride, x += stride) {
    const T m = mean[r];
    total[r] = row_sum<T>(n, [&](Index i, auto piece) { return piece.load(g + i, 0); });
    product[r] = row_sum<T>(n, [&](Index i, auto piece) { return piece.load(g + i, 0) * (piece.load(x + i, m) - m); });
  }
}

// Row after row, so that memory is read in order.
template <class T>
void column_moments(T* mean, T* squares, const T* x, Index rows, Index n, Index stride) {
  for (Index i = 0; i < n; ++i) mean[i] = squares[i] = 0;
  for (Index r = 0; r < rows; ++r) {
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) mean[i] += x[r * stride + i];
  }
  for (Index i = 0; i < n; ++i) mean[i] /= static_cast<T>(rows);
  for (Index r = 0; r < rows; ++r) {
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) {
      const T d = x[r * stride + i] - mean[i];
      squares[i] += d * d;
    }
  }
}

template <class T>
void column_products(T* total, T* product, const T* g, const T* x, const T* mean, Index rows, Index n, Index stride) {
  for (Index i = 0; i < n; ++i) total[i] = product[i] = 0;
  for (Index r = 0; r < rows; ++r, g += stride, x += stride) {
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) {
      total[i] += g[i];
      product[i] += g[i] * (x[i] - mean[i]);
    }
  }
}

template <class T>
constexpr NormKernels<T> norm_kernels = {
    layer_norm<T>,
    layer_norm_backward<T>,
    {row_moments<T>, row_products<T>, normalize<PerRow, T>, combine<PerRow, T>},
    {column_moments<T>, column_products<T>, normalize<PerColumn, T>, combine<PerColumn, T>}};

}  // namespace

void fill_norm(Kernels& table) {
  table.float32.norm = norm_kernels<float>;
  table.float64.norm = norm_kernels<double>;
}

}  // namespace fastgrad::FASTGRAD_ISA
