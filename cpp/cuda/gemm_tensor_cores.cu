// Products of 16-bit floats, and of float32 where TF32 is allowed, on tensor cores.
#include <mma.h>

#include <algorithm>

#include "accelerator.h"
#include "cuda/families.h"
#include "cuda/gemm_kernels.cuh"

namespace fastgrad::cuda {
namespace {

namespace wmma = nvcuda::wmma;

// A block of eight warps computes 128 x 128 elements of C.
constexpr int extent = 128, threads = 256;
constexpr Index least_size = 16;

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800

// Each warp computes 64 x 32 of them.
constexpr int warp_rows = 4, warp_columns = 2, piece = 16;

// What the tensor cores call our elements, and how deep the pieces are that they multiply.
template <class T>
struct CoreType;
template <>
struct CoreType<Float16> {
  using type = __half;
  using memory = __half;
  static constexpr int depth = 16;
};
template <>
struct CoreType<BFloat16> {
  using type = __nv_bfloat16;
  using memory = __nv_bfloat16;
  static constexpr int depth = 16;
};
template <>
struct CoreType<float> {
  using type = wmma::precision::tf32;
  using memory = float;
  static constexpr int depth = 8;
};

template <class T>
constexpr int tile_depth = 64 / sizeof(T);
// Rows of shared memory are padded against bank conflicts, by what keeps them aligned for the tensor cores.
template <class T>
constexpr int pitch = tile_depth<T> + 16 / sizeof(T);

// Copies a tile to shared memory, where its lines follow each other; zeros where there is nothing.
template <class T>
__device__ void copy_tile(T* tile, const Lines<T>& from, Index begin, Index end) {
  constexpr int depth = tile_depth<T>;
  for (int e = threadIdx.x; e < extent * depth; e += threads) {
    int line, p;
    Held<float, extent, depth, threads>::locate(e, from.step == 1, line, p);
    const bool inside = line < from.count && begin + p < end;
    tile[line * pitch<T> + p] = inside ? from.data[line * from.line + (begin + p) * from.step] : T{};
  }
}

template <class Fragment>
__device__ void round_elements(Fragment& f, float) {
  for (int i = 0; i < f.num_elements; ++i) f.x[i] = wmma::__float_to_tf32(f.x[i]);
}
template <class Fragment, class T>
__device__ void round_elements(Fragment&, T) {}

#endif

template <class T>
__global__ void __launch_bounds__(threads) multiply_on_cores(Task<T, T> t) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  using Core = CoreType<T>;
  using Memory = typename Core::memory;
  alignas(32) __shared__ T left[extent * pitch<T>];
  alignas(32) __shared__ T right[extent * pitch<T>];
  alignas(32) __shared__ float results[threads / 32][piece * piece];
  const Index tiles_across = (t.n + extent - 1) / extent;
  const Index first_row = blockIdx.x / tiles_across * extent, first_column = blockIdx.x % tiles_across * extent;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int row = warp / 4 * warp_rows * piece, column = warp % 4 * warp_columns * piece;
  for (Index product = blockIdx.y; product < t.count; product += gridDim.y) {
    const Lines<T> a{t.a.matrix(product, t.inner) + first_row * t.a.row, t.a.row, t.a.column, t.m - first_row};
    const Lines<T> b{t.b.matrix(product, t.inner) + first_column * t.b.column, t.b.column, t.b.row, t.n - first_column};
    wmma::fragment<wmma::accumulator, piece, piece, Core::depth, float> sums[warp_rows][warp_columns];
    for (auto& some : sums) {
      for (auto& sum : some) wmma::fill_fragment(sum, 0.0F);
    }
    for (Index p = 0; p < t.k; p += tile_depth<T>) {
      copy_tile(left, a, p, t.k);
      copy_tile(right, b, p, t.k);
      __syncthreads();
      const auto* const in_a = reinterpret_cast<const Memory*>(left + row * pitch<T>);
      const auto* const in_b = reinterpret_cast<const Memory*>(right + column * pitch<T>);
#pragma unroll
      for (int q = 0; q < tile_depth<T>; q += Core::depth) {
        wmma::fragment<wmma::matrix_a, piece, piece, Core::depth, typename Core::type, wmma::row_major> of_a[warp_rows];
        wmma::fragment<wmma::matrix_b, piece, piece, Core::depth, typename Core::type, wmma::col_major>
            of_b[warp_columns];
        for (int i = 0; i < warp_rows; ++i) {
          wmma::load_matrix_sync(of_a[i], in_a + i * piece * pitch<T> + q, pitch<T>);
          round_elements(of_a[i], T{});
        }
        for (int j = 0; j < warp_columns; ++j) {
          wmma::load_matrix_sync(of_b[j], in_b + j * piece * pitch<T> + q, pitch<T>);
          round_elements(of_b[j], T{});
        }
        for (int i = 0; i < warp_rows; ++i) {
          for (int j = 0; j < warp_columns; ++j) wmma::mma_sync(sums[i][j], of_a[i], of_b[j], sums[i][j]);
        }
      }
      __syncthreads();
    }
    for (int i = 0; i < warp_rows; ++i) {
      for (int j = 0; j < warp_columns; ++j) {
        wmma::store_matrix_sync(results[warp], sums[i][j], piece, wmma::mem_row_major);
        __syncwarp();
        for (int e = lane; e < piece * piece; e += 32) {
          const Index to_row = first_row + row + i * piece + e / piece;
          const Index to_column = first_column + column + j * piece + e % piece;
          if (to_row < t.m && to_column < t.n) t.store(product, 0, to_row, to_column, results[warp][e]);
        }
        __syncwarp();
      }
    }
  }
#endif
}

// Those of compute capability 8.0 and later have all the types.
bool has_cores() {
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, current_device()), "cudaDeviceGetAttribute");
  return major >= 8;
}

template <class T>
bool start(const Product& p) {
  const Index tiles = ceil_div(p.m, extent) * ceil_div(p.n, extent);
  const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(std::min(p.count(), most_blocks_along_y)));
  launch("matmul", multiply_on_cores<T>, grid, threads, 0, task_of<T, T>(p));
  return true;
}

}  // namespace

bool multiply_on_tensor_cores(const Product& p) {
  const bool suits = is_half(p.dtype) || (p.dtype == DType::float32 && tf32_is_allowed());
  if (!suits || std::min({p.m, p.n, p.k}) < least_size || !has_cores()) return false;
  if (p.dtype == DType::float16) return start<Float16>(p);
  if (p.dtype == DType::bfloat16) return start<BFloat16>(p);
  return start<float>(p);
}

}  // namespace fastgrad::cuda
