// out[i] = f(a[i], b[i], ...): the one engine of all elementwise kernels.
//
// Where everything is contiguous (or one number) a thread moves packs of 16 bytes; anything else goes element by
// element through the strides.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "accelerator.h"
#include "cuda/launch.cuh"
#include "ops/iterate.h"

namespace fastgrad::cuda {

constexpr int max_dims = 16;  // after neighbouring dimensions have been merged

// How N operands lie over one shape.
template <int N>
struct Geometry {
  int dims;
  Index sizes[max_dims];
  Index strides[N][max_dims];

  explicit Geometry(const Walk<N>& walk) : dims(walk.sizes.size()) {
    if (dims > max_dims) {
      fail(ErrorKind::not_implemented, "CUDA kernels walk over at most ", max_dims,
           " dimensions that cannot be merged, got ", dims, "; call .contiguous() first");
    }
    std::copy(walk.sizes.begin(), walk.sizes.end(), sizes);
    for (int k = 0; k < N; ++k) std::copy(walk.strides[k].begin(), walk.strides[k].end(), strides[k]);
  }

  // Where element i of each operand lies.
  __device__ void locate(Index i, Index (&at)[N]) const {
    for (int k = 0; k < N; ++k) at[k] = 0;
    for (int d = dims - 1; d > 0; --d) {
      const Index rest = i / sizes[d], here = i - rest * sizes[d];
      for (int k = 0; k < N; ++k) at[k] += here * strides[k][d];
      i = rest;
    }
    for (int k = 0; k < N; ++k) at[k] += i * strides[k][0];
  }
};

// An operand of a kernel: elements, or a number where `data` is null.
template <class T>
struct Source {
  const T* data;
  Index step;  // 1: contiguous, 0: one element
  T number;
};

template <class T, int width>
struct alignas(sizeof(T) * width) Pack {
  T v[width];
};

template <class T, int width>
__device__ Pack<T, width> load_pack(const Source<T>& from, Index pack) {
  if (from.step == 1) return reinterpret_cast<const Pack<T, width>*>(from.data)[pack];
  Pack<T, width> same;
  const T number = from.data == nullptr ? from.number : *from.data;
  for (int i = 0; i < width; ++i) same.v[i] = number;
  return same;
}

template <class T>
__device__ T load_one(const Source<T>& from, Index at) {
  return from.data == nullptr ? from.number : from.data[at];
}

template <int width, class F, class R, class... T>
__global__ void map_packed(F f, R* out, Index n, Source<T>... from) {
  const Index packs = n / width;
  for (Index p = thread_index(); p < packs; p += thread_count()) {
    Pack<R, width> result;
    [&](const auto&... packed) {
      for (int i = 0; i < width; ++i) result.v[i] = f(packed.v[i]...);
    }(load_pack<T, width>(from, p)...);
    reinterpret_cast<Pack<R, width>*>(out)[p] = result;
  }
  const Index rest = packs * width + thread_index();
  if (rest < n) out[rest] = f(load_one(from, rest * from.step)...);
}

template <class F, class R, class... T, std::size_t... k>
__device__ void map_at(F f, R* out, const Index (&at)[sizeof...(T) + 1], std::index_sequence<k...>,
                       const Source<T>&... from) {
  out[at[0]] = f(load_one(from, at[k + 1])...);
}

template <class F, class R, class... T>
__global__ void map_strided(F f, Geometry<sizeof...(T) + 1> geometry, R* out, Index n, Source<T>... from) {
  for (Index i = thread_index(); i < n; i += thread_count()) {
    Index at[sizeof...(T) + 1];
    geometry.locate(i, at);
    map_at(f, out, at, std::make_index_sequence<sizeof...(T)>(), from...);
  }
}

template <class T>
Source<T> source_of(const Term& term, const Dims& shape) {
  Source<T> source{nullptr, 0, T{}};
  if (term.tensor == nullptr) {
    std::memcpy(&source.number, term.number, sizeof(T));
  } else {
    source.data = static_cast<const T*>(term.tensor->address());
    source.step = term.tensor->sizes == shape && term.tensor->numel() > 1 ? 1 : 0;
  }
  return source;
}

// What map_packed can read: contiguous in the shape, or one element.
inline bool is_packable(const Term& term, const Dims& shape, std::size_t alignment) {
  if (term.tensor == nullptr || term.tensor->numel() == 1) return true;
  return term.tensor->sizes == shape && term.tensor->is_contiguous() &&
         reinterpret_cast<std::uintptr_t>(term.tensor->address()) % alignment == 0;
}

inline Dims strides_of(const Term& term, const Dims& shape) {
  return term.tensor == nullptr ? Dims(shape.size()) : broadcast_strides(*term.tensor, shape);
}

// out[...] = f(terms[...]) with elements of types R and T.
template <class R, class... T, class F>
void map(const char* name, F f, const Tensor& out, const std::array<Term, sizeof...(T)>& terms) {
  const Index n = out.numel();
  if (n == 0) return;
  constexpr std::size_t widest = std::max({sizeof(R), sizeof(T)...});
  constexpr int width = static_cast<int>(std::min<std::size_t>(16 / widest, 8));
  auto* const to = static_cast<R*>(out.address());
  bool packed = is_packable({&out, nullptr}, out.sizes, sizeof(R) * width) && out.is_contiguous();
  std::size_t k = 0;
  ((packed = packed && is_packable(terms[k++], out.sizes, sizeof(T) * width)), ...);
  k = 0;
  if (packed) {
    const auto start = [&](const Source<T>&... from) {
      launch(name, map_packed<width, F, R, T...>, blocks_for(n / width + width), block_threads, 0, f, to, n, from...);
    };
    [&]<std::size_t... i>(std::index_sequence<i...>) {
      start(source_of<T>(terms[i], out.sizes)...);
    }(std::make_index_sequence<sizeof...(T)>());
    return;
  }
  std::array<Dims, sizeof...(T) + 1> strides{out.strides};
  for (const Term& term : terms) strides[++k] = strides_of(term, out.sizes);
  const Geometry<sizeof...(T) + 1> geometry(Walk<sizeof...(T) + 1>(out.sizes, strides));
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    launch(name, map_strided<F, R, T...>, blocks_for(n), block_threads, 0, f, geometry, to, n,
           source_of<T>(terms[i], out.sizes)...);
  }(std::make_index_sequence<sizeof...(T)>());
}

}  // namespace fastgrad::cuda
