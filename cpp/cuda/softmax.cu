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

// -------------------------------------------------------------------------------------------------- few and long rows

// A block has a part of a row (blockIdx.y): first it finds what is in the part, then, from all parts of the row, the
// result.
struct Parts {
  Index n, each;

  Parts(Index length, int multiple) : n(length), each(std::max(least_part, (n + most_parts - 1) / most_parts)) {
    each = (each + multiple - 1) / multiple * multiple;
  }
  // Where rows alone would leave most of the device idle.
  static bool are_worth_it(Index rows, Index length) {
    return rows * 2 < multiprocessors() && length >= 2 * least_part;
  }
  dim3 grid(Index rows) const { return dim3(static_cast<unsigned>(count()), static_cast<unsigned>(rows)); }
  Index count() const { return (n + each - 1) / each; }

  __device__ Index begin() const { return blockIdx.y * n + blockIdx.x * each; }
  __device__ Index length() const {
    const Index left = n - blockIdx.x * each;
    return left < each ? left : each;
  }
  // f(Width<w>{}, i) for the elements of the part, which begins at x + begin().
  template <int W, class T, class F>
  __device__ void for_each(const T* x, F f) const {
    for_each_pack<W>(x + begin(), length(), threadIdx.x, blockDim.x, f);
  }

 private:
  static constexpr Index least_part = 8192, most_parts = 1024;
};

template <class T, int W>
__global__ void exponentials_of_parts(Parts parts, Exponentials<T>* found, const T* x) {
  Exponentials<T> mine;
  const T* const from = x + parts.begin();
  parts.for_each<W>(x, [&](auto width, Index i) { mine.add(load<decltype(width)::value>(from + i)); });
  const Exponentials<T> all = exponentials_of_block(mine);
  if (threadIdx.x == 0) found[blockIdx.y * gridDim.x + blockIdx.x] = all;
}

template <class T, int W>
__global__ void softmax_of_parts(Parts parts, const Exponentials<T>* found, T* y, const T* x, bool logarithm) {
  Exponentials<T> mine;
  for (unsigned i = threadIdx.x; i < gridDim.x; i += blockDim.x) mine.add(found[blockIdx.y * gridDim.x + i]);
  const Exponentials<T> all = exponentials_of_block(mine);
  const T last = logarithm ? log(all.sum) : 1 / all.sum;
  const T* const from = x + parts.begin();
  T* const to = y + parts.begin();
  parts.for_each<W>(x, [&](auto width, Index i) {
    constexpr int w = decltype(width)::value;
    Pack<T, w> v = load<w>(from + i);
    for (int j = 0; j < w; ++j) {
      v.v[j] = logarithm ? (v.v[j] - all.largest) - last : exp(v.v[j] - all.largest) * last;
    }
    store(to + i, v);
  });
}

template <class T, int W>
__global__ void sums_of_parts(Parts parts, T* found, const T* g, const T* y, bool logarithm) {
  T mine = 0;
  const T *const upstream = g + parts.begin(), *const result = y + parts.begin();
  parts.for_each<W>(g, [&](auto width, Index i) {
    constexpr int w = decltype(width)::value;
    const Pack<T, w> a = load<w>(upstream + i), b = logarithm ? a : load<w>(result + i);
    for (int j = 0; j < w; ++j) mine += logarithm ? a.v[j] : a.v[j] * b.v[j];
  });
  const T all = over_block(mine, Add{});
  if (threadIdx.x == 0) found[blockIdx.y * gridDim.x + blockIdx.x] = all;
}

template <class T, int W>
__global__ void softmax_of_parts_backward(Parts parts, const T* found, T* dx, const T* g, const T* y, bool logarithm) {
  T mine = 0;
  for (unsigned i = threadIdx.x; i < gridDim.x; i += blockDim.x) mine += found[blockIdx.y * gridDim.x + i];
  const T sum = over_block(mine, Add{});
  const T *const upstream = g + parts.begin(), *const result = y + parts.begin();
  T* const to = dx + parts.begin();
  parts.for_each<W>(g, [&](auto width, Index i) {
    constexpr int w = decltype(width)::value;
    Pack<T, w> a = load<w>(upstream + i);
    const Pack<T, w> b = load<w>(result + i);
    for (int j = 0; j < w; ++j) a.v[j] = logarithm ? a.v[j] - exp(b.v[j]) * sum : b.v[j] * (a.v[j] - sum);
    store(to + i, a);
  });
}

template <class T, int W>
void softmax_in_parts(const char* name, bool logarithm, T* y, const T* x, Index rows, Index n, DType dtype) {
  const Parts parts(n, W);
  const Tensor found = empty({2 * rows * parts.count()}, dtype);
  auto* const exponentials = static_cast<Exponentials<T>*>(found.address());
  launch(name, exponentials_of_parts<T, W>, parts.grid(rows), block_threads, 0, parts, exponentials, x);
  launch(name, softmax_of_parts<T, W>, parts.grid(rows), block_threads, 0, parts, exponentials, y, x, logarithm);
}

template <class T, int W>
void softmax_in_parts_backward(const char* name, bool logarithm, T* dx, const T* g, const T* y, Index rows, Index n,
                               DType dtype) {
  const Parts parts(n, W);
  const Tensor found = empty({rows * parts.count()}, dtype);
  launch(name, sums_of_parts<T, W>, parts.grid(rows), block_threads, 0, parts, data<T>(found), g, y, logarithm);
  launch(name, softmax_of_parts_backward<T, W>, parts.grid(rows), block_threads, 0, parts, data<T>(found), dx, g, y,
         logarithm);
}

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
      if (Parts::are_worth_it(shape.matrices, shape.n)) {
        const auto run = aligned ? softmax_in_parts<T, packed<T>> : softmax_in_parts<T, 1>;
        return run(name, logarithm, data<T>(y), data<T>(x), shape.matrices, shape.n, x.dtype);
      }
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
      if (Parts::are_worth_it(shape.matrices, shape.n)) {
        const auto run = aligned ? softmax_in_parts_backward<T, packed<T>> : softmax_in_parts_backward<T, 1>;
        return run(name, logarithm, data<T>(dx), data<T>(g), data<T>(y), shape.matrices, shape.n, y.dtype);
      }
      return for_each_row<T>(name, SoftmaxBackwardRow<T>{data<T>(dx), data<T>(g), data<T>(y), logarithm},
                             shape.matrices, shape.n, aligned);
    }
    const ColumnGrid by(shape);
    launch(name, softmax_columns_backward<T>, by.grid, by.block, block_threads * sizeof(T), shape, data<T>(dx),
           data<T>(g), data<T>(y), logarithm);
  });
}

}  // namespace fastgrad::cuda
