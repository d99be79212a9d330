// The element types in device code: 16-bit floats, and conversions between all of them.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

#include "core/dtype.h"

namespace fastgrad::cuda {

__device__ inline float widened(Float16 x) { return __half2float(__ushort_as_half(x.bits)); }
__device__ inline float widened(BFloat16 x) { return __bfloat162float(__ushort_as_bfloat16(x.bits)); }
template <class T>
__device__ T widened(T x) {
  return x;
}

// The computation type of T: float for 16-bit floats, itself otherwise.
template <class T>
using Widened = std::conditional_t<is_half_type<T>, float, T>;

// A number as another type. Floats outside of an integer type's range give some number, as on the host.
template <class To, class From>
__device__ To converted(From x) {
  const auto wide = widened(x);
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<To, bool>) {
    return wide != 0;
  } else if constexpr (std::is_same_v<To, Float16>) {
    return {__half_as_ushort(__float2half_rn(static_cast<float>(wide)))};
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return {__bfloat16_as_ushort(__float2bfloat16_rn(static_cast<float>(wide)))};
  } else if constexpr (std::is_floating_point_v<decltype(wide)> && std::is_integral_v<To> && sizeof(To) < 8) {
    return static_cast<To>(static_cast<long long>(wide));  // by way of 64 bits: narrowing wraps around
  } else {
    return static_cast<To>(wide);
  }
}

// Elements of one type are moved whatever they mean.
template <class F>
void visit_width(DType t, F&& f) {
  switch (item_size(t)) {
    case 1:
      return f(TypeTag<std::uint8_t>{});
    case 2:
      return f(TypeTag<std::uint16_t>{});
    case 4:
      return f(TypeTag<std::uint32_t>{});
    default:
      return f(TypeTag<std::uint64_t>{});
  }
}

}  // namespace fastgrad::cuda
