// CUDA's matrix products of warps. As on a GPU each lane holds its share of a tile; which share is nobody's business.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "emulation/block.h"
#include "emulation/intrinsics.h"

namespace nvcuda::wmma {

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
namespace precision {
struct tf32;
}
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment {
  static constexpr int rows = std::is_same_v<Use, matrix_b> ? K : M;
  static constexpr int columns = std::is_same_v<Use, matrix_a> ? K : N;
  static constexpr int num_elements = rows * columns / warpSize;
  static_assert(num_elements * warpSize == rows * columns);
  using element_type = T;
  using storage_element_type = std::conditional_t<std::is_same_v<T, precision::tf32>, float, T>;

  storage_element_type x[num_elements];
};

// To the nearest of the floats with 10 bits of mantissa, halves away from zero.
inline float __float_to_tf32(float x) {
  const unsigned bits = __float_as_uint(x);
  if ((bits & 0x7f800000U) == 0x7f800000U) return x;
  return __uint_as_float((bits + 0x1000U) & ~0x1fffU);
}

template <class Fragment>
void fill_fragment(Fragment& f, std::type_identity_t<typename Fragment::storage_element_type> value) {
  for (auto& element : f.x) element = value;
}

namespace detail {

// Where element i of this lane lies in memory.
template <class Fragment>
unsigned place(int i, unsigned stride, bool by_columns) {
  const unsigned element = fastgrad::emulation::lane_index() * Fragment::num_elements + i;
  const unsigned row = element / Fragment::columns, column = element % Fragment::columns;
  return by_columns ? column * stride + row : row * stride + column;
}

template <class T>
void check_access(const T* p, unsigned stride) {
  if (reinterpret_cast<std::uintptr_t>(p) % 32 != 0) fastgrad::emulation::fail("a matrix is not aligned to 32 bytes");
  if (stride * sizeof(T) % 16 != 0) fastgrad::emulation::fail("the rows of a matrix are not 16 bytes apart");
}

template <class Fragment, class T>
void load(Fragment& f, const T* p, unsigned stride, bool by_columns) {
  check_access(p, stride);
  for (int i = 0; i < Fragment::num_elements; ++i) f.x[i] = p[place<Fragment>(i, stride, by_columns)];
}

// As the units for matrices read it: the lower bits of a float do not count.
template <class T>
float operand(typename fragment<matrix_a, 16, 16, 16, T>::storage_element_type x) {
  if constexpr (std::is_same_v<T, precision::tf32>) return __uint_as_float(__float_as_uint(x) & ~0x1fffU);
  return static_cast<float>(x);
}

// What a lane brings to a product.
template <class D, class A, class B, class C>
struct Operands {
  D* d;
  const A* a;
  const B* b;
  const C* c;
};

template <class Fragment, class Select>
void gather(const fastgrad::emulation::Lane lanes[32], float* tile, Select select) {
  for (int lane = 0; lane < warpSize; ++lane) {
    const Fragment& f = *select(lanes[lane]);
    for (int i = 0; i < Fragment::num_elements; ++i) {
      tile[lane * Fragment::num_elements + i] = operand<typename Fragment::element_type>(f.x[i]);
    }
  }
}

// The whole product, when all lanes have come: what they brought lies on their stacks.
template <class D, class A, class B, class C>
void exchange(fastgrad::emulation::Lane lanes[32], unsigned present) {
  if (present != ~0U) fastgrad::emulation::fail("a matrix product needs all lanes of its warp");
  const auto part = [](const fastgrad::emulation::Lane& lane) {
    return reinterpret_cast<const Operands<D, A, B, C>*>(lane.value);
  };
  constexpr int m = A::rows, n = B::columns, k = A::columns;
  float a[m * k], b[k * n], sum[m * n];
  gather<A>(lanes, a, [&](const auto& lane) { return part(lane)->a; });
  gather<B>(lanes, b, [&](const auto& lane) { return part(lane)->b; });
  gather<C>(lanes, sum, [&](const auto& lane) { return part(lane)->c; });
  for (int row = 0; row < m; ++row) {
    for (int inner = 0; inner < k; ++inner) {
      for (int column = 0; column < n; ++column) sum[row * n + column] += a[row * k + inner] * b[inner * n + column];
    }
  }
  for (int lane = 0; lane < warpSize; ++lane) {
    for (int i = 0; i < D::num_elements; ++i) {
      part(lanes[lane])->d->x[i] = static_cast<typename D::element_type>(sum[lane * D::num_elements + i]);
    }
  }
}

}  // namespace detail

template <class Use, int M, int N, int K, class T, class Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& f,
                      const typename fragment<Use, M, N, K, T, Layout>::storage_element_type* p, unsigned stride) {
  detail::load(f, p, stride, std::is_same_v<Layout, col_major>);
}
template <int M, int N, int K, class T>
void load_matrix_sync(fragment<accumulator, M, N, K, T>& f, const T* p, unsigned stride, layout_t layout) {
  detail::load(f, p, stride, layout == mem_col_major);
}
template <int M, int N, int K, class T>
void store_matrix_sync(T* p, const fragment<accumulator, M, N, K, T>& f, unsigned stride, layout_t layout) {
  using Fragment = fragment<accumulator, M, N, K, T>;
  detail::check_access(p, stride);
  for (int i = 0; i < Fragment::num_elements; ++i) {
    p[detail::place<Fragment>(i, stride, layout == mem_col_major)] = f.x[i];
  }
}

template <int M, int N, int K, class T, class LayoutA, class LayoutB, class TypeD, class TypeC>
void mma_sync(fragment<accumulator, M, N, K, TypeD>& d, const fragment<matrix_a, M, N, K, T, LayoutA>& a,
              const fragment<matrix_b, M, N, K, T, LayoutB>& b, const fragment<accumulator, M, N, K, TypeC>& c) {
  using A = fragment<matrix_a, M, N, K, T, LayoutA>;
  using B = fragment<matrix_b, M, N, K, T, LayoutB>;
  using C = fragment<accumulator, M, N, K, TypeC>;
  using D = fragment<accumulator, M, N, K, TypeD>;
  const detail::Operands<D, A, B, C> operands{&d, &a, &b, &c};
  fastgrad::emulation::wait_for_warp(detail::exchange<D, A, B, C>, ~0U, reinterpret_cast<std::uintptr_t>(&operands), 0);
}

}  // namespace nvcuda::wmma
