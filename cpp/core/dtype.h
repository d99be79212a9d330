// The element types, and how to reach a type from its tag.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/half.h"

namespace fastgrad {

// Ordered by promotion category: bool < integers < floats; wider after narrower.
enum class DType : std::uint8_t { boolean, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64 };

inline constexpr int dtype_count = 10;

constexpr bool is_floating(DType t) { return t >= DType::float16; }
constexpr bool is_integer(DType t) { return t > DType::boolean && t < DType::float16; }
constexpr bool is_signed(DType t) { return t > DType::uint8; }
// Stored in 16 bits, computed in float32.
constexpr bool is_half(DType t) { return t == DType::float16 || t == DType::bfloat16; }

constexpr std::size_t item_size(DType t) {
  constexpr std::size_t sizes[dtype_count] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
  return sizes[static_cast<int>(t)];
}

// PyTorch's spelling, without the module prefix.
constexpr const char* dtype_name(DType t) {
  constexpr const char* names[dtype_count] = {"bool",  "uint8",   "int8",     "int16",   "int32",
                                              "int64", "float16", "bfloat16", "float32", "float64"};
  return names[static_cast<int>(t)];
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::uint8;
};
template <>
struct DTypeOf<std::int8_t> {
  static constexpr DType value = DType::int8;
};
template <>
struct DTypeOf<std::int16_t> {
  static constexpr DType value = DType::int16;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::int32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<Float16> {
  static constexpr DType value = DType::float16;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::bfloat16;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};

template <class T>
inline constexpr bool is_half_type = false;
template <>
inline constexpr bool is_half_type<Float16> = true;
template <>
inline constexpr bool is_half_type<BFloat16> = true;

// A number as a floating-point type, rounded to the nearest.
template <class T>
T rounded_to(double x) {
  return static_cast<T>(x);
}
template <>
inline Float16 rounded_to<Float16>(double x) {
  return to_float16(static_cast<float>(x));
}
template <>
inline BFloat16 rounded_to<BFloat16>(double x) {
  return to_bfloat16(static_cast<float>(x));
}

template <class T>
struct TypeTag {
  using type = T;
};

// NotImplementedError: the operation has no code for 16-bit floats.
[[noreturn]] void fail_not_computed(DType t);

// Calls f(TypeTag<T>{}) with the C++ type that `t` names. For code that computes: 16-bit floats, which come to it as
// float32, are an error.
template <class F>
decltype(auto) visit_dtype(DType t, F&& f) {
  switch (t) {
    case DType::boolean:
      return f(TypeTag<bool>{});
    case DType::uint8:
      return f(TypeTag<std::uint8_t>{});
    case DType::int8:
      return f(TypeTag<std::int8_t>{});
    case DType::int16:
      return f(TypeTag<std::int16_t>{});
    case DType::int32:
      return f(TypeTag<std::int32_t>{});
    case DType::int64:
      return f(TypeTag<std::int64_t>{});
    case DType::float32:
      return f(TypeTag<float>{});
    case DType::float64:
      return f(TypeTag<double>{});
    default:
      fail_not_computed(t);
  }
}

// The same for code that only moves or converts numbers: f sees Float16 and BFloat16, too.
template <class F>
decltype(auto) visit_every_dtype(DType t, F&& f) {
  if (t == DType::float16) return f(TypeTag<Float16>{});
  if (t == DType::bfloat16) return f(TypeTag<BFloat16>{});
  return visit_dtype(t, f);
}

}  // namespace fastgrad
