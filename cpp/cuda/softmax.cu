// Softmax and log-softmax of rows, and of columns. The largest element is subtracted first; a row with a NaN or an
// infinity, or of -infinity alone, becomes NaN by way of inf - inf.
#include "cuda/rows.cuh"

namespace fastgrad::cuda {
namespace {

using namespace rows;

// --------------------------------------------------------------------------------------------------------------- rows

template <class T>
struct SoftmaxRow {
  static constexpr int inputs = 1;
  T* y;
  const T* x;
  bool logarithm;

  __device__ const T* from(int) const { return x; }

  template <class R>
  __device__ void operator()(Index r, Index n, bool, R& row) const {
    const T largest = row.largest();
    const T sum = row.sum([&](T v) { return exp(v - largest); });
    if (logarithm) {
      const T log_sum = log(sum);
      row.write(y + r * n, [&](T v) { return (v - largest) - log_sum; });
    } else {
      const T factor = 1 / sum;
      row.write(y + r * n, [&](T v) { return exp(v - largest) * factor; });
    }
  }
};

template <class T>
struct SoftmaxBackwardRow {
  static constexpr int inputs = 2;
  T* dx;
  const T *g, *y;
  bool logarithm;

  __device__ const T* from(int k) const { return k == 0 ? g : y; }

  template <class R>
  __device__ void operator()(Index r, Index n, bool, R& row) const {
    if (logarithm) {
      const T sum = row.sum([](T upstream, T) { return upstream; });
      row.write(dx + r * n, [&](T upstream, T result) { return upstream - exp(result) * sum; });
    } else {
      const T dot = row.sum([](T upstream, T result) { return upstream * result; });
      row.write(dx + r * n, [&](T upstream, T result) { return result * (upstream - dot); });
    }
  }
};

// ------------------------------------------------------------------------------------------------------------ columns

// Matrices of n rows; a block takes blockDim.x columns of one, and blockDim.y threads share a column.
struct Columns {
  Index matrices, n, columns;

  __device__ Index column() const { return static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; }
  __device__ Index begin(Index matrix) const { return matrix * n * columns + column(); }

  // What the threads of a column found, combined in their order.
  template <class S, class F>
  __device__ S combined(const S& mine, F combine) const {
    S* const all = dynamic_shared<S>();
    all[threadIdx.y * blockDim.x + threadIdx.x] = mine;
    __syncthreads();
    S result = all[threadIdx.x];
    for (unsigned i = 1; i < blockDim.y; ++i) combine(result, all[i * blockDim.x + threadIdx.x]);
    __syncthreads();
    return result;
  }

  // f(i) for the elements of this thread's part of a column of `matrix`.
  template <class F>
  __device__ void for_each(Index matrix, F f) const {
    if (column() >= columns) return;
    const Index first = begin(matrix);
    for (Index r = threadIdx.y; r < n; r += blockDim.y) f(first + r * columns);
  }
};

template <class T>
__global__ void softmax_columns(Columns shape, T* y, const T* x, bool logarithm) {
  for (Index m = blockIdx.y; m < shape.matrices; m += gridDim.y) {
    Exponentials<T> mine;
    shape.for_each(m, [&](Index i) { mine.add(Pack<T, 1>{x[i]}); });
    const auto all = shape.combined(mine, [](Exponentials<T>& a, const Exponentials<T>& b) { a.add(b); });
    const T last = logarithm ? log(all.sum) : 1 / all.sum;
    shape.for_each(m,
                   [&](Index i) { y[i] = logarithm ? (x[i] - all.largest) - last : exp(x[i] - all.largest) * last; });
  }
}

template <class T>
__global__ void softmax_columns_backward(Columns shape, T* dx, const T* g, const T* y, bool logarithm) {
  for (Index m = blockIdx.y; m < shape.matrices; m += gridDim.y) {
    T mine = 0;
    shape.for_each(m, [&](Index i) { mine += logarithm ? g[i] : g[i] * y[i]; });
    const T all = shape.combined(mine, [](T& a, T b) { a += b; });
    shape.for_each(m, [&](Index i) { dx[i] = logarithm ? g[i] - exp(y[i]) * all : y[i] * (g[i] - all); });
  }
}

// Where there are few columns, more threads share each.
struct ColumnGrid {
  dim3 grid, block;

  explicit ColumnGrid(const Columns& shape) {
    unsigned across = 8;
    while (across < 64 && across < shape.columns) across *= 2;
    block = dim3(across, block_threads / across);
    grid = dim3(static_cast<unsigned>((shape.columns + across - 1) / across),
                static_cast<unsigned>(std::min<Index>(shape.matrices, 65535)));
  }
};

Columns columns_of(const Tensor& x, int dim) {
  Columns shape{1, x.sizes[dim], 1};
  for (int d = 0; d < dim; ++d) shape.matrices *= x.sizes[d];
  for (int d = dim + 1; d < x.dim(); ++d) shape.columns *= x.sizes[d];
  return shape;
}

}  // namespace

void softmax(bool logarithm, const Tensor& y, const Tensor& x, int dim) {
  if (x.numel() == 0) return;
  const Columns shape = x.dim() == 0 ? Columns{1, 1, 1} : columns_of(x, dim);
  const char* const name = logarithm ? "log_softmax" : "softmax";
  visit_float(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (shape.columns == 1) {
      const bool aligned = is_aligned(x.address()) && is_aligned(y.address());
      return for_each_row<T>(name, SoftmaxRow<T>{data<T>(y), data<T>(x), logarithm}, shape.matrices, shape.n, aligned);
    }
    const ColumnGrid by(shape);
    launch(name, softmax_columns<T>, by.grid, by.block, block_threads * sizeof(Exponentials<T>), shape, data<T>(y),
           data<T>(x), logarithm);
  });
}

void softmax_backward(bool logarithm, const Tensor& dx, const Tensor& g, const Tensor& y, int dim) {
  if (y.numel() == 0) return;
  const Columns shape = y.dim() == 0 ? Columns{1, 1, 1} : columns_of(y, dim);
  const char* const name = logarithm ? "log_softmax_backward" : "softmax_backward";
  visit_float(y.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (shape.columns == 1) {
      const bool aligned = is_aligned(dx.address()) && is_aligned(g.address()) && is_aligned(y.address());
      return for_each_row<T>(name, SoftmaxBackwardRow<T>{data<T>(dx), data<T>(g), data<T>(y), logarithm},
                             shape.matrices, shape.n, aligned);
    }
    const ColumnGrid by(shape);
    launch(name, softmax_columns_backward<T>, by.grid, by.block, block_threads * sizeof(T), shape, data<T>(dx),
           data<T>(g), data<T>(y), logarithm);
  });
}

}  // namespace fastgrad::cuda
