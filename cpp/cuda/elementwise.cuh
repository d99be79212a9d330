// out[i] = f(a[i], b[i], ...): the one engine of all elementwise kernels.
//
// A thread takes packs of neighbouring elements along the innermost dimension, 16 bytes of the widest type. Where an
// operand is dense there it is moved in one piece; anything else goes element by element.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "accelerator.h"
#include "cuda/launch.cuh"
#include "ops/iterate.h"

namespace fastgrad::cuda {

constexpr int max_dims = 16;  // after neighbouring dimensions have been merged

// Division of 32-bit numbers below 2^31 by one that is known before the kernel: a multiplication and a shift.
struct Divisor {
  std::uint32_t factor, shift;

  Divisor() = default;
  explicit Divisor(std::uint32_t by) : shift(static_cast<std::uint32_t>(std::bit_width(by - 1))) {
    factor = static_cast<std::uint32_t>((((std::uint64_t{1} << shift) - by) << 32) / by + 1);
  }
  __device__ std::uint32_t divide(std::uint32_t n) const {
    const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(n) * factor >> 32);
    return (high + n) >> shift;
  }
};

// How N operands lie over one shape, whose innermost dimension is cut into packs.
template <int N>
struct Geometry {
  int dims;
  bool is_narrow;  // 32 bits are enough for the number of a pack
  Index inner;     // elements along the innermost dimension
  Index packs;     // in it
  Index total;     // packs in all
  Index sizes[max_dims];
  Divisor divisors[max_dims];
  Index strides[N][max_dims];

  Geometry(const Walk<N>& walk, int width) : dims(walk.sizes.size()), inner(walk.inner()) {
    if (dims > max_dims) {
      fail(ErrorKind::not_implemented, "CUDA kernels walk over at most ", max_dims,
           " dimensions that cannot be merged, got ", dims, "; call .contiguous() first");
    }
    packs = (inner + width - 1) / width;
    total = packs * walk.outer();
    is_narrow = total <= std::numeric_limits<std::int32_t>::max();
    for (int d = 0; d < dims; ++d) {
      sizes[d] = d == dims - 1 ? packs : walk.sizes[d];
      divisors[d] = is_narrow ? Divisor(static_cast<std::uint32_t>(sizes[d])) : Divisor{};
      for (int k = 0; k < N; ++k) strides[k][d] = walk.strides[k][d];
    }
  }

  // Where the row of a pack begins in each operand; returns the number of the pack in its row.
  __device__ Index locate(Index pack, Index (&at)[N]) const {
    for (int k = 0; k < N; ++k) at[k] = 0;
    if (dims == 1) return pack;
    return is_narrow ? locate_narrow(static_cast<std::uint32_t>(pack), at) : locate_wide(pack, at);
  }

  // Where an element lies in each operand, for packs of one.
  __device__ void locate_element(Index i, Index (&at)[N]) const {
    const Index column = locate(i, at);
    for (int k = 0; k < N; ++k) at[k] += column * strides[k][dims - 1];
  }

 private:
  __device__ Index locate_narrow(std::uint32_t i, Index (&at)[N]) const {
    std::uint32_t rest = divisors[dims - 1].divide(i);
    const std::uint32_t column = i - rest * static_cast<std::uint32_t>(packs);
    for (int d = dims - 2; d > 0; --d) {
      const std::uint32_t next = divisors[d].divide(rest), here = rest - next * static_cast<std::uint32_t>(sizes[d]);
      for (int k = 0; k < N; ++k) at[k] += here * strides[k][d];
      rest = next;
    }
    for (int k = 0; k < N; ++k) at[k] += rest * strides[k][0];
    return column;
  }

  __device__ Index locate_wide(Index i, Index (&at)[N]) const {
    Index rest = i / packs;
    const Index column = i - rest * packs;
    for (int d = dims - 2; d > 0; --d) {
      const Index next = rest / sizes[d], here = rest - next * sizes[d];
      for (int k = 0; k < N; ++k) at[k] += here * strides[k][d];
      rest = next;
    }
    for (int k = 0; k < N; ++k) at[k] += rest * strides[k][0];
    return column;
  }
};

// How an operand's neighbours along the innermost dimension lie.
enum class Lines : int { dense, repeated, strided };

// An operand of a kernel: elements, or a number where `data` is null.
template <class T>
struct Source {
  const T* data;
  Lines lines;
  T number;
};

template <class T, int width>
struct alignas(sizeof(T) * width) Pack {
  T v[width];
};

template <class T, int width>
__device__ Pack<T, width> repeated(T x) {
  Pack<T, width> same;
  for (int i = 0; i < width; ++i) same.v[i] = x;
  return same;
}

// `count` elements; the last one stands in the places behind them.
template <class T, int width>
__device__ Pack<T, width> load_pack(const Source<T>& from, Index row, Index first, Index stride, int count) {
  if (from.data == nullptr) return repeated<T, width>(from.number);
  const T* const at = from.data + row;
  if (from.lines == Lines::repeated) return repeated<T, width>(*at);
  if (from.lines == Lines::dense && count == width) {
    return *reinterpret_cast<const Pack<T, width>*>(at + first);
  }
  Pack<T, width> gathered;
  for (int i = 0; i < width; ++i) gathered.v[i] = at[(first + (i < count ? i : count - 1)) * stride];
  return gathered;
}

template <class T, int width>
__device__ void store_pack(T* row, Lines lines, Index first, Index stride, int count, const Pack<T, width>& pack) {
  if (lines == Lines::dense && count == width) {
    *reinterpret_cast<Pack<T, width>*>(row + first) = pack;
    return;
  }
  for (int i = 0; i < width; ++i) {
    if (i < count) row[(first + i) * stride] = pack.v[i];
  }
}

template <class F, class R, int width, class... T>
__device__ void apply(const F& f, Pack<R, width>& result, const Pack<T, width>&... x) {
  for (int i = 0; i < width; ++i) result.v[i] = f(x.v[i]...);
}

template <int width, class F, class R, class... T>
__global__ void map_kernel(F f, Geometry<sizeof...(T) + 1> geometry, R* out, Lines out_lines, Source<T>... from) {
  constexpr int operands = sizeof...(T) + 1;
  const int inner_dim = geometry.dims - 1;
  for (Index p = thread_index(); p < geometry.total; p += thread_count()) {
    Index row[operands];
    const Index first = geometry.locate(p, row) * width, left = geometry.inner - first;
    const int count = left < width ? static_cast<int>(left) : width;
    Pack<R, width> result;
    [&]<std::size_t... k>(std::index_sequence<k...>) {
      apply(f, result, load_pack<T, width>(from, row[k + 1], first, geometry.strides[k + 1][inner_dim], count)...);
    }(std::make_index_sequence<sizeof...(T)>());
    store_pack(out + row[0], out_lines, first, geometry.strides[0][inner_dim], count, result);
  }
}

// The operands over the shape of `out`, with the dimensions in the order in which its memory runs through them.
template <int N>
Walk<N> walk_of(const Tensor& out, const std::array<Term, N - 1>& terms) {
  std::array<Dims, N> strides{out.strides};
  for (int k = 1; k < N; ++k) {
    const Tensor* const t = terms[k - 1].tensor;
    strides[k] = t == nullptr ? Dims(out.dim()) : broadcast_strides(*t, out.sizes);
  }
  if (out.is_contiguous()) return Walk<N>(out.sizes, strides);
  const Dims order = memory_order(out);
  Dims sizes;
  std::array<Dims, N> ordered;
  for (const Index d : order) {
    sizes.push_back(out.sizes[static_cast<int>(d)]);
    for (int k = 0; k < N; ++k) ordered[k].push_back(strides[k][static_cast<int>(d)]);
  }
  return Walk<N>(sizes, ordered);
}

// How operand k lies along the innermost dimension; dense only where packs are aligned in all rows.
template <int N>
Lines lines_of(const Walk<N>& walk, int k, const void* memory, std::size_t item, int width) {
  const Index stride = walk.strides[k].back();
  if (stride == 0) return Lines::repeated;
  bool is_dense = stride == 1 && reinterpret_cast<std::uintptr_t>(memory) % (item * width) == 0;
  for (int d = 0; d < walk.last(); ++d) is_dense = is_dense && walk.strides[k][d] % width == 0;
  return is_dense ? Lines::dense : Lines::strided;
}

template <class T, int N>
Source<T> source_of(const Term& term, const Walk<N>& walk, int k, int width) {
  Source<T> source{nullptr, Lines::repeated, T{}};
  if (term.tensor == nullptr) {
    std::memcpy(&source.number, term.number, sizeof(T));
  } else {
    source.data = static_cast<const T*>(term.tensor->address());
    source.lines = lines_of(walk, k, source.data, sizeof(T), width);
  }
  return source;
}

// out[...] = f(terms[...]) with elements of types R and T.
template <class R, class... T, class F>
void map(const char* name, F f, const Tensor& out, const std::array<Term, sizeof...(T)>& terms) {
  if (out.numel() == 0) return;
  constexpr int operands = sizeof...(T) + 1;
  constexpr int width = static_cast<int>(std::min<std::size_t>(16 / std::max({sizeof(R), sizeof(T)...}), 8));
  const Walk<operands> walk = walk_of<operands>(out, terms);
  const Geometry<operands> geometry(walk, width);
  auto* const to = static_cast<R*>(out.address());
  [&]<std::size_t... k>(std::index_sequence<k...>) {
    launch(name, map_kernel<width, F, R, T...>, blocks_for(geometry.total), block_threads, 0, f, geometry, to,
           lines_of(walk, 0, to, sizeof(R), width), source_of<T>(terms[k], walk, static_cast<int>(k) + 1, width)...);
  }(std::make_index_sequence<sizeof...(T)>());
}

}  // namespace fastgrad::cuda
