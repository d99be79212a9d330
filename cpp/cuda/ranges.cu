// Regular sequences of numbers, and the index pairs of triangles.
#include <algorithm>

#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/number.cuh"

namespace fastgrad::cuda {
namespace {

template <class T, class F>
__global__ void fill_each(T* out, Index n, F f) {
  for (Index i = thread_index(); i < n; i += thread_count()) out[i] = converted<T>(f(i));
}

template <class T, class F>
void start_fill(const char* name, const Tensor& out, const F& f) {
  const Index n = out.numel();
  if (n > 0) launch(name, fill_each<T, F>, blocks_for(n), block_threads, 0, static_cast<T*>(out.address()), n, f);
}

// a + b c with both roundings, as on the host.
__device__ double sum(double a, double b, Index c) { return __dadd_rn(a, __dmul_rn(b, static_cast<double>(c))); }

struct OfIntegers {
  Index start, step;
  __device__ Index operator()(Index i) const { return start + i * step; }
};

struct OfFloats {
  double start, step;
  __device__ double operator()(Index i) const { return sum(start, step, i); }
};

// From both ends towards the middle, so that the last element is exactly `end`.
struct Linear {
  double start, end, step;
  Index n;
  __device__ double operator()(Index i) const {
    const bool first_half = i < n / 2 || n == 1;
    return first_half ? sum(start, step, i) : sum(end, -step, n - 1 - i);
  }
};

struct Logarithmic {
  Linear exponent;
  double base;
  __device__ double operator()(Index i) const { return pow(base, exponent(i)); }
};

// The sum of min(j, limit) over 0 <= j < n.
__device__ Index sum_of_rows(Index n, Index limit) {
  const Index rows = n < 0 ? 0 : n, growing = rows < limit ? rows : limit;
  const Index triangle = growing % 2 == 0 ? growing / 2 * (growing - 1) : (growing - 1) / 2 * growing;
  return triangle + (rows - growing) * limit;
}

// Each place of a matrix of `columns` finds by itself whether it is in the triangle, and how many are before it.
template <class T>
__global__ void write_triangle(T* out, Index count, Index places, Index columns, Index shift, bool lower) {
  for (Index p = thread_index(); p < places; p += thread_count()) {
    const Index row = p / columns, column = p - row * columns;
    const Index below = sum_of_rows(shift + row, columns) - sum_of_rows(shift, columns);  // in the rows above
    const Index edge = shift + row < 0 ? 0 : shift + row < columns ? shift + row : columns;
    if ((column < edge) != lower) continue;
    const Index at = lower ? below + column : row * columns - below + column - edge;
    out[at] = static_cast<T>(row);
    out[count + at] = static_cast<T>(column);
  }
}

}  // namespace

void arange(const Tensor& out, const void* start, const void* step) {
  visit_every_dtype(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      start_fill<T>("arange", out, OfIntegers{*static_cast<const Index*>(start), *static_cast<const Index*>(step)});
    } else {
      start_fill<T>("arange", out, OfFloats{*static_cast<const double*>(start), *static_cast<const double*>(step)});
    }
  });
}

void spaced(const Tensor& out, double start, double end, double step, std::optional<double> base) {
  const Linear linear{start, end, step, out.numel()};
  visit_every_dtype(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (base) {
      start_fill<T>("logspace", out, Logarithmic{linear, *base});
    } else {
      start_fill<T>("linspace", out, linear);
    }
  });
}

void triangle_indices(const Tensor& out, Index rows, Index columns, Index shift, bool lower) {
  if (out.numel() == 0) return;
  visit_dtype(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch("triangle_indices", write_triangle<T>, blocks_for(rows * columns), block_threads, 0,
           static_cast<T*>(out.address()), out.sizes[1], rows * columns, columns, shift, lower);
  });
}

}  // namespace fastgrad::cuda
