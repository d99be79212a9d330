// Distances between the rows of two matrices.
#include <algorithm>
#include <cmath>

#include "cuda/families.h"
#include "cuda/launch.cuh"

namespace fastgrad::cuda {
namespace {

// A metric adds what a pair of numbers contributes to a total, and ends with the distance.
template <class T>
struct CityBlock {
  using Total = T;
  __device__ void add(T& total, T a, T b) const { total += std::abs(a - b); }
  __device__ T end(T total) const { return total; }
};

template <class T>
struct Euclidean {
  using Total = T;
  __device__ void add(T& total, T a, T b) const { total += (a - b) * (a - b); }
  __device__ T end(T total) const { return std::sqrt(total); }
};

template <class T>
struct Largest {  // NaN stays
  using Total = T;
  __device__ void add(T& total, T a, T b) const {
    const T step = std::abs(a - b);
    if (step > total || step != step) total = step;
  }
  __device__ T end(T total) const { return total; }
};

template <class T>
struct Differences {
  using Total = T;
  __device__ void add(T& total, T a, T b) const { total += a == b ? T{0} : T{1}; }
  __device__ T end(T total) const { return total; }
};

template <class T>
struct General {
  using Total = double;
  double p;
  __device__ void add(double& total, T a, T b) const { total += std::pow(static_cast<double>(std::abs(a - b)), p); }
  __device__ T end(double total) const { return static_cast<T>(std::pow(total, 1 / p)); }
};

constexpr int side = 16;  // of the square of distances that a block computes, and features that it reads at a time

// a: [batch, rows, features], b: [batch, columns, features], out: [batch, rows, columns]
template <class T, class Metric>
__global__ void distances(Metric metric, const T* a, const T* b, T* out, Index batch, Index rows, Index columns,
                          Index features) {
  __shared__ T left[side][side + 1], right[side][side + 1];
  const Index down = (rows + side - 1) / side, across = (columns + side - 1) / side;
  const int x = static_cast<int>(threadIdx.x) % side, y = static_cast<int>(threadIdx.x) / side;
  for (Index block = blockIdx.x; block < batch * down * across; block += gridDim.x) {
    const Index image = block / (down * across), row = block / across % down * side, column = block % across * side;
    typename Metric::Total total{};
    for (Index first = 0; first < features; first += side) {
      const Index feature = first + x;
      const bool has = feature < features;
      left[y][x] = has && row + y < rows ? a[(image * rows + row + y) * features + feature] : T{0};
      right[y][x] = has && column + y < columns ? b[(image * columns + column + y) * features + feature] : T{0};
      __syncthreads();
      const int count = features - first < side ? static_cast<int>(features - first) : side;
      for (int k = 0; k < count; ++k) metric.add(total, left[y][k], right[x][k]);
      __syncthreads();
    }
    if (row + y < rows && column + x < columns)
      out[(image * rows + row + y) * columns + column + x] = metric.end(total);
  }
}

}  // namespace

void cdist(const Tensor& out, const Tensor& a, const Tensor& b, double p) {
  const Index batch = a.sizes[0], rows = a.sizes[1], columns = b.sizes[1];
  const Index blocks = batch * ((rows + side - 1) / side) * ((columns + side - 1) / side);
  visit_dtype(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto run = [&](auto metric) {
        launch("cdist", distances<T, decltype(metric)>, static_cast<unsigned>(std::min<Index>(blocks, 1 << 20)),
               side * side, 0, metric, static_cast<const T*>(a.address()), static_cast<const T*>(b.address()),
               static_cast<T*>(out.address()), batch, rows, columns, a.sizes[2]);
      };
      if (p == 1) return run(CityBlock<T>{});
      if (p == 2) return run(Euclidean<T>{});
      if (p == 0) return run(Differences<T>{});
      std::isinf(p) ? run(Largest<T>{}) : run(General<T>{p});
    }
  });
}

}  // namespace fastgrad::cuda
