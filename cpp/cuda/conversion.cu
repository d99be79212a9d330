// Copies between geometries and dtypes, fills, and choices.
#include <algorithm>

#include "cuda/elementwise.cuh"
#include "cuda/families.h"
#include "cuda/number.cuh"
#include "ops/transposition.h"

namespace fastgrad::cuda {
namespace {

template <class To, class From>
struct Convert {
  __device__ To operator()(From x) const { return converted<To>(x); }
};

template <class T>
struct Choose {
  __device__ T operator()(bool condition, T a, T b) const { return condition ? a : b; }
};

// A block copies a tile of a matrix by way of shared memory, so that its threads read neighbours as well as write them.
template <class T>
constexpr int tile = sizeof(T) < 4 ? 64 : 32;

template <class T>
__global__ void transpose_tiles(T* to, const T* from, Index rows, Index columns, Index to_stride, Index from_stride,
                                Index row_tiles, Index column_tiles, Geometry<2> matrices) {
  constexpr int side = tile<T>, across = 32, down = block_threads / across;
  __shared__ T staged[side][side + 1];
  const Index block = blockIdx.x, tiles = row_tiles * column_tiles, matrix = block / tiles, number = block % tiles;
  const Index first_row = number / column_tiles * side, first_column = number % column_tiles * side;
  Index at[2];
  const Index place = matrices.locate(matrix, at), last = matrices.dims - 1;
  to += at[0] + place * matrices.strides[0][last] + first_row * to_stride + first_column;
  from += at[1] + place * matrices.strides[1][last] + first_column * from_stride + first_row;
  const int x0 = threadIdx.x % across, y0 = threadIdx.x / across;
  for (int c = y0; c < side && first_column + c < columns; c += down) {
    for (int r = x0; r < side && first_row + r < rows; r += across) staged[c][r] = from[c * from_stride + r];
  }
  __syncthreads();
  for (int r = y0; r < side && first_row + r < rows; r += down) {
    for (int c = x0; c < side && first_column + c < columns; c += across) to[r * to_stride + c] = staged[c][r];
  }
}

template <class T>
void transpose(const Tensor& to, const Tensor& from, const Transposition& t) {
  const Geometry<2> matrices(t.matrices, 1);
  const Index row_tiles = (t.rows + tile<T> - 1) / tile<T>, column_tiles = (t.columns + tile<T> - 1) / tile<T>;
  launch("copy", transpose_tiles<T>, static_cast<unsigned>(matrices.total * row_tiles * column_tiles), block_threads, 0,
         static_cast<T*>(to.address()), static_cast<const T*>(from.address()), t.rows, t.columns, t.to_stride,
         t.from_stride, row_tiles, column_tiles, matrices);
}

template <class T>
void copy_same(const Tensor& to, const Tensor& from) {
  constexpr Index worth_it = 16;
  const Term source{&from, nullptr};
  if (to.numel() > 0) {
    const auto t = transposition(walk_of<2>(to, {source}), worth_it);
    if (t) return transpose<T>(to, from, *t);
  }
  map<T, T>("copy", Convert<T, T>{}, to, {source});
}

}  // namespace

void copy(const Tensor& to, const Tensor& from) {
  if (to.dtype == from.dtype) {
    visit_width(to.dtype, [&](auto tag) { copy_same<typename decltype(tag)::type>(to, from); });
    return;
  }
  visit_every_dtype(to.dtype, [&](auto to_tag) {
    visit_every_dtype(from.dtype, [&](auto from_tag) {
      using To = typename decltype(to_tag)::type;
      using From = typename decltype(from_tag)::type;
      if constexpr (!std::is_same_v<To, From>) {
        map<To, From>("copy", Convert<To, From>{}, to, {Term{&from, nullptr}});
      }
    });
  });
}

void fill(const Tensor& to, const void* number) {
  if (to.numel() == 0) return;
  const auto* const bytes = static_cast<const unsigned char*>(number);
  const auto width = static_cast<Index>(item_size(to.dtype));
  if (to.is_contiguous() && std::all_of(bytes, bytes + width, [](unsigned char b) { return b == 0; })) {
    const auto size = static_cast<std::size_t>(to.numel() * width);
    return check(cudaMemsetAsync(to.address(), 0, size, current_stream()), "fill");
  }
  visit_width(to.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, T>("fill", Convert<T, T>{}, to, {Term{nullptr, number}});
  });
}

void where(const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b) {
  visit_width(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    map<T, bool, T, T>("where", Choose<T>{}, out, {Term{&condition, nullptr}, Term{&a, nullptr}, Term{&b, nullptr}});
  });
}

}  // namespace fastgrad::cuda
