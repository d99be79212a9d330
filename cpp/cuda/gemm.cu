// Products by kernels of our own: what there is without cuBLAS, and for what it has no function.
//
// All but tiny ones are computed in tiles: a block keeps a tile of C in registers and moves through the depth, whose
// next piece is on its way while the present one is multiplied. Where there are too few tiles for the device, the depth
// is cut into slices whose results are added up afterwards, always in the same order.
#include <algorithm>

#include "core/tensor.h"
#include "cuda/gemm.h"
#include "cuda/gemm_kernels.cuh"

namespace fastgrad::cuda {
namespace {

constexpr Index least_slice = 256;
constexpr Index most_slices = 64;
constexpr Index thin = 8;     // the most columns of a product whose rows a warp or a thread takes
constexpr Index tiny = 1024;  // elements of a product that fill no tile
constexpr Index tiny_depth = 64;

// ---------------------------------------------------------------------------------------------- one thread each

template <class T, class R>
__global__ void multiply_elements(Task<T, R> t) {
  using A = Accumulator<T>;
  const Index elements = t.m * t.n;
  for (Index e = thread_index(); e < t.count * elements; e += thread_count()) {
    const Index product = e / elements, i = e % elements / t.n, j = e % t.n;
    const T* a = t.a.matrix(product, t.inner) + i * t.a.row;
    const T* b = t.b.matrix(product, t.inner) + j * t.b.column;
    A sum{};
    for (Index p = 0; p < t.k; ++p) sum += as_accumulator<T>(a[p * t.a.column]) * as_accumulator<T>(b[p * t.b.row]);
    t.store(product, 0, i, j, sum);
  }
}

// ------------------------------------------------------------------------------------------------- few columns

// A warp takes a row of A: best a contiguous one.
template <int columns, class T, class R>
__global__ void multiply_rows_by_warps(Task<T, R> t) {
  using A = Accumulator<T>;
  const Index lane = threadIdx.x % 32, warps = thread_count() / 32;
  const Index begin = t.slice * blockIdx.z, end = min(t.k, begin + t.slice);
  for (Index r = thread_index() / 32; r < t.count * t.m; r += warps) {
    const Index product = r / t.m, i = r % t.m;
    const T* a = t.a.matrix(product, t.inner) + i * t.a.row;
    const T* b = t.b.matrix(product, t.inner);
    A sums[columns] = {};
    for (Index p = begin + lane; p < end; p += 32) {
      const A left = as_accumulator<T>(a[p * t.a.column]);
      for (int j = 0; j < columns; ++j) {
        if (j < t.n) sums[j] += left * as_accumulator<T>(b[p * t.b.row + j * t.b.column]);
      }
    }
    for (int j = 0; j < columns; ++j) {
      for (int step = 16; step > 0; step /= 2) sums[j] += __shfl_down_sync(0xffffffffU, sums[j], step);
      if (lane == 0 && j < t.n) t.store(product, blockIdx.z, i, j, sums[j]);
    }
  }
}

// A thread takes a row of A: its neighbours' lie beside it.
template <int columns, class T, class R>
__global__ void multiply_rows_by_threads(Task<T, R> t) {
  using A = Accumulator<T>;
  const Index begin = t.slice * blockIdx.z, end = min(t.k, begin + t.slice);
  for (Index r = thread_index(); r < t.count * t.m; r += thread_count()) {
    const Index product = r / t.m, i = r % t.m;
    const T* a = t.a.matrix(product, t.inner) + i * t.a.row;
    const T* b = t.b.matrix(product, t.inner);
    A sums[columns] = {};
    for (Index p = begin; p < end; ++p) {
      const A left = as_accumulator<T>(a[p * t.a.column]);
      for (int j = 0; j < columns; ++j) {
        if (j < t.n) sums[j] += left * as_accumulator<T>(b[p * t.b.row + j * t.b.column]);
      }
    }
    for (int j = 0; j < columns; ++j) {
      if (j < t.n) t.store(product, blockIdx.z, i, j, sums[j]);
    }
  }
}

// -------------------------------------------------------------------------------------------------------- tiles

// A block of (extent / each)^2 threads computes extent x extent elements of C, a thread each x each of them.
template <int extent, int depth, int each, class T, class R>
__global__ void __launch_bounds__((extent / each) * (extent / each)) multiply_tiles(Task<T, R> t) {
  using A = Accumulator<T>;
  constexpr int side = extent / each, threads = side * side, quads = each / 4;
  alignas(16) __shared__ A left[2][depth][extent + 4];
  alignas(16) __shared__ A right[2][depth][extent + 4];
  const Index tiles_across = (t.n + extent - 1) / extent;
  const Index first_row = blockIdx.x / tiles_across * extent, first_column = blockIdx.x % tiles_across * extent;
  const Index begin = t.slice * blockIdx.z, end = min(t.k, begin + t.slice);
  const int thread = threadIdx.x, row = thread / side * 4, column = thread % side * 4;
  for (Index product = blockIdx.y; product < t.count; product += gridDim.y) {
    const Lines<T> a{t.a.matrix(product, t.inner) + first_row * t.a.row, t.a.row, t.a.column, t.m - first_row};
    const Lines<T> b{t.b.matrix(product, t.inner) + first_column * t.b.column, t.b.column, t.b.row, t.n - first_column};
    Held<A, extent, depth, threads> next_a, next_b;
    A sums[each][each] = {};
    next_a.read(a, begin, end, thread);
    next_b.read(b, begin, end, thread);
    int now = 0;
    for (Index p = begin; p < end; p += depth, now ^= 1) {
      next_a.write(left[now], a, thread);
      next_b.write(right[now], b, thread);
      __syncthreads();  // whoever is here is done with the other buffer, which is written next
      next_a.read(a, p + depth, end, thread);
      next_b.read(b, p + depth, end, thread);
#pragma unroll
      for (int q = 0; q < depth; ++q) {
        A of_a[each], of_b[each];
#pragma unroll
        for (int i = 0; i < each; ++i) {
          of_a[i] = left[now][q][row + i % 4 + i / 4 * (extent / quads)];
          of_b[i] = right[now][q][column + i % 4 + i / 4 * (extent / quads)];
        }
#pragma unroll
        for (int i = 0; i < each; ++i) {
#pragma unroll
          for (int j = 0; j < each; ++j) sums[i][j] += of_a[i] * of_b[j];
        }
      }
    }
#pragma unroll
    for (int i = 0; i < each; ++i) {
      const Index to_row = first_row + row + i % 4 + i / 4 * (extent / quads);
#pragma unroll
      for (int j = 0; j < each; ++j) {
        const Index to_column = first_column + column + j % 4 + j / 4 * (extent / quads);
        if (to_row < t.m && to_column < t.n) t.store(product, blockIdx.z, to_row, to_column, sums[i][j]);
      }
    }
    __syncthreads();  // the next product's first tiles
  }
}

// ------------------------------------------------------------------------------------------------------- slices

template <class A, class R>
__global__ void add_slices(const A* partial, Index slices, Task<R, R> t) {
  const Index elements = t.m * t.n, all = t.count * elements;
  for (Index e = thread_index(); e < all; e += thread_count()) {
    A sum{};
    for (Index s = 0; s < slices; ++s) sum += partial[s * all + e];
    t.store(e / elements, 0, e % elements / t.n, e % t.n, sum);
  }
}

// start(task, slices) with the task itself, or with one that writes the results of slices, which are then added up.
template <class T, class Start>
void in_slices(const Task<T, T>& task, Index blocks, const Start& start) {
  using A = Accumulator<T>;
  const Index wanted = ceil_div(Index{multiprocessors()} * 2, std::max<Index>(1, blocks));
  const Index slices = std::max<Index>(1, std::min({wanted, task.k / least_slice, most_slices}));
  if (slices == 1) return start(task, 1);
  const Index elements = task.m * task.n;
  const Tensor memory = empty({slices, task.count, elements}, DTypeOf<A>::value);
  auto* const partial = static_cast<A*>(memory.address());
  Task<T, A> sliced{task.m, task.n, task.k, task.a, task.b};
  sliced.c = partial;
  sliced.c_row = task.n;
  sliced.c_outer = elements * task.inner;
  sliced.c_inner = elements;
  sliced.inner = task.inner;
  sliced.count = task.count;
  sliced.c_slice = elements * task.count;
  // Whole tiles of depth in all slices but the last.
  sliced.slice = ceil_div(ceil_div(task.k, slices), 32) * 32;
  start(sliced, ceil_div(task.k, sliced.slice));
  launch("matmul", add_slices<A, T>, blocks_for(task.count * elements), block_threads, 0, partial,
         ceil_div(task.k, sliced.slice), task);
}

template <int extent, int each, class T>
void start_tiles(const Task<T, T>& task) {
  const Index tiles = ceil_div(task.m, extent) * ceil_div(task.n, extent);
  in_slices(task, tiles * task.count, [&](const auto& t, Index slices) {
    using R = typename std::decay_t<decltype(t)>::Result;
    const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(std::min(t.count, most_blocks_along_y)),
                    static_cast<unsigned>(slices));
    launch("matmul", multiply_tiles<extent, 8, each, T, R>, grid, (extent / each) * (extent / each), 0, t);
  });
}

// The transposed product: C' = B' A'.
template <class T>
Task<T, T> transposed(const Task<T, T>& t) {
  Task<T, T> other = t;
  std::swap(other.m, other.n);
  std::swap(other.c_row, other.c_column);
  std::swap(other.a, other.b);
  std::swap(other.a.row, other.a.column);
  std::swap(other.b.row, other.b.column);
  return other;
}

template <int columns, class T>
void start_thin(const Task<T, T>& task) {
  const bool by_warps = task.a.column == 1 || task.a.row != 1;
  const Index threads = task.count * task.m * (by_warps ? 32 : 1);
  in_slices(task, ceil_div(threads, block_threads), [&](const auto& t, Index slices) {
    using R = typename std::decay_t<decltype(t)>::Result;
    const dim3 grid(blocks_for(threads), 1, static_cast<unsigned>(slices));
    if (by_warps) {
      launch("matmul", multiply_rows_by_warps<columns, T, R>, grid, block_threads, 0, t);
    } else {
      launch("matmul", multiply_rows_by_threads<columns, T, R>, grid, block_threads, 0, t);
    }
  });
}

template <class T>
void start(const Product& p) {
  const Task<T, T> task = task_of<T, T>(p);
  if (!std::is_same_v<Accumulator<T>, float> && !std::is_same_v<Accumulator<T>, double>) {
    launch("matmul", multiply_elements<T, T>, blocks_for(p.count() * p.m * p.n), block_threads, 0, task);
  } else if constexpr (is_half_type<T> || std::is_floating_point_v<T>) {
    if (std::min(p.m, p.n) <= thin) {
      const Task<T, T> tall = p.n <= p.m ? task : transposed(task);
      return tall.n == 1 ? start_thin<1>(tall) : start_thin<thin>(tall);
    }
    if (p.m * p.n <= tiny && p.k <= tiny_depth) {
      return launch("matmul", multiply_elements<T, T>, blocks_for(p.count() * p.m * p.n), block_threads, 0, task);
    }
    if constexpr (!std::is_same_v<T, double>) {
      const Index large_tiles = ceil_div(p.m, 128) * ceil_div(p.n, 128) * p.count();
      if (large_tiles >= multiprocessors()) return start_tiles<128, 8>(task);
    }
    start_tiles<64, 4>(task);
  }
}

}  // namespace

void multiply(const Product& p) {
  if (p.m == 0 || p.n == 0 || p.count() == 0) return;
  if (multiply_by_blas(p) || multiply_on_tensor_cores(p)) return;
  visit_every_dtype(p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (!std::is_same_v<T, bool>) start<T>(p);
  });
}

}  // namespace fastgrad::cuda
