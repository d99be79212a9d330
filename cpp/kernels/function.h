// What functions of one element are written with: the kernels of the CPU and those of CUDA call the same ones.
//
// CUDA is to these headers one more instruction set (vec_cuda.h), whose vectors have one element.
#pragma once

#include <type_traits>

#include "kernels.h"

#if defined(__CUDACC__) || defined(FASTGRAD_CUDA_EMULATED)
#define FASTGRAD_ON_CUDA
#define FASTGRAD_ISA cuda
#endif

#if defined(__CUDACC__)
#define FASTGRAD_FUNCTION __host__ __device__
// Before a function that calls what it is given, which may be of the device alone.
#define FASTGRAD_CALLS_ANY _Pragma("nv_exec_check_disable")
#else
#define FASTGRAD_FUNCTION
#define FASTGRAD_CALLS_ANY
#endif

namespace fastgrad::FASTGRAD_ISA {
namespace {

// Lists of element types: for_types(Integers{}, [&](auto tag) { ... });
template <class... T>
struct Types {};
using Integers = Types<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
using Floats = Types<float, double>;  // 16-bit floats are computed as float
using WholeNumbers = Types<bool, std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
using Numbers = Types<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t, float, double>;
using All = Types<bool, std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t, float, double>;

template <class... T, class F>
void for_types(Types<T...>, F f) {
  (f(TypeTag<T>{}), ...);
}

template <class T, class List>
inline constexpr bool is_among = false;
template <class T, class... Listed>
inline constexpr bool is_among<T, Types<Listed...>> = (std::is_same_v<T, Listed> || ...);

template <class T>
inline constexpr bool is_signed = static_cast<T>(-1) < T{0};

template <class T>
FASTGRAD_FUNCTION bool is_negative(T x) {
  if constexpr (is_signed<T>) {
    return x < T{0};
  } else {
    return false;
  }
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
