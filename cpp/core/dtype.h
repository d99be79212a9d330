// The element types, and how to reach a type from its tag.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fastgrad {

// Ordered by promotion category: bool < integers < floats; wider after narrower.
enum class DType : std::uint8_t { boolean, uint8, int32, int64, float32, float64 };

inline constexpr int dtype_count = 6;

constexpr bool is_floating(DType t) { return t >= DType::float32; }
constexpr bool is_integer(DType t) { return t > DType::boolean && t < DType::float32; }

constexpr std::size_t item_size(DType t) {
  constexpr std::size_t sizes[dtype_count] = {1, 1, 4, 8, 4, 8};
  return sizes[static_cast<int>(t)];
}

// PyTorch's spelling, without the module prefix.
constexpr const char* dtype_name(DType t) {
  constexpr const char* names[dtype_count] = {"bool", "uint8", "int32", "int64", "float32", "float64"};
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
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::int32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::int64;
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
struct TypeTag {
  using type = T;
};

// Calls f(TypeTag<T>{}) with the C++ type that `t` names.
template <class F>
decltype(auto) visit_dtype(DType t, F&& f) {
  switch (t) {
    case DType::boolean:
      return f(TypeTag<bool>{});
    case DType::uint8:
      return f(TypeTag<std::uint8_t>{});
    case DType::int32:
      return f(TypeTag<std::int32_t>{});
    case DType::int64:
      return f(TypeTag<std::int64_t>{});
    case DType::float32:
      return f(TypeTag<float>{});
    default:
      return f(TypeTag<double>{});
  }
}

}  // namespace fastgrad
