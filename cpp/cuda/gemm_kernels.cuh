// What the kernels of matrix products share: how they see their work, and how tiles come into shared memory.
#pragma once

#include <type_traits>

#include "cuda/gemm.h"
#include "cuda/launch.cuh"
#include "cuda/number.cuh"

namespace fastgrad::cuda {

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

template <class T, bool is_integer>
struct AccumulatorOf {
  using type = Widened<T>;
};
template <class T>
struct AccumulatorOf<T, true> {
  using type = std::common_type_t<std::make_unsigned_t<T>, unsigned>;  // integers wrap around
};
template <class T>
using Accumulator = typename AccumulatorOf<T, std::is_integral_v<T>>::type;

template <class T>
__device__ Accumulator<T> as_accumulator(T x) {
  return static_cast<Accumulator<T>>(widened(x));
}

template <class T>
struct Stack {
  const T* data;
  Index row, column, outer, inner;

  __device__ const T* matrix(Index product, Index inner_count) const {
    return data + product / inner_count * outer + product % inner_count * inner;
  }
};

// Products of elements of type T, with results of type R.
template <class T, class R>
struct Task {
  using Result = R;

  Index m, n, k;
  Stack<T> a, b;
  R* c = nullptr;
  Index c_row = 0, c_column = 1, c_outer = 0, c_inner = 0;
  Index inner = 1, count = 1;
  bool accumulate = false;
  Index slice = 0;    // the depth of a slice, of which there are gridDim.z
  Index c_slice = 0;  // how far their results are apart

  template <class A>
  __device__ void store(Index product, Index slice_number, Index i, Index j, A sum) const {
    R* const to =
        c + product / inner * c_outer + product % inner * c_inner + slice_number * c_slice + i * c_row + j * c_column;
    if (accumulate) sum += static_cast<A>(widened(*to));
    if constexpr (is_half_type<R>) {
      *to = converted<R>(sum);
    } else {
      *to = static_cast<R>(sum);
    }
  }
};

template <class T>
Stack<T> stack_of(const Factor& f) {
  return {static_cast<const T*>(f.data), f.row, f.column, f.outer, f.inner};
}

template <class T, class R>
Task<T, R> task_of(const Product& p) {
  Task<T, R> t{p.m, p.n, p.k, stack_of<T>(p.a), stack_of<T>(p.b)};
  t.c = static_cast<R*>(p.c);
  t.c_row = p.c_row;
  t.c_outer = p.c_outer;
  t.c_inner = p.c_inner;
  t.inner = p.inner;
  t.count = p.count();
  t.accumulate = p.accumulate;
  t.slice = p.k;
  return t;
}

// Rows of A or columns of B, from the first of a tile on: `count` of them are left.
template <class T>
struct Lines {
  const T* data;
  Index line, step;  // strides from line to line and along the depth
  Index count;
};

// The elements of a tile that a thread has read and not yet written to shared memory. Threads that are neighbours read
// neighbours in memory.
template <class A, int extent, int depth, int threads>
struct Held {
  static constexpr int each = extent * depth / threads;
  A elements[each];

  __device__ static void locate(int e, bool along_depth, int& line, int& p) {
    line = along_depth ? e / depth : e % extent;
    p = along_depth ? e % depth : e / extent;
  }

  template <class T>
  __device__ void read(const Lines<T>& from, Index begin, Index end, int thread) {
#pragma unroll
    for (int q = 0; q < each; ++q) {
      int line, p;
      locate(q * threads + thread, from.step == 1, line, p);
      const bool inside = line < from.count && begin + p < end;
      elements[q] = inside ? as_accumulator<T>(from.data[line * from.line + (begin + p) * from.step]) : A{};
    }
  }

  template <class T, int pitch>
  __device__ void write(A (&tile)[depth][pitch], const Lines<T>& from, int thread) const {
#pragma unroll
    for (int q = 0; q < each; ++q) {
      int line, p;
      locate(q * threads + thread, from.step == 1, line, p);
      tile[p][line] = elements[q];
    }
  }
};

}  // namespace fastgrad::cuda
