// The two 16-bit floats: storage and conversion. Arithmetic on them is done in float.
#pragma once

#include <cstdint>

namespace fastgrad {

// IEEE 754 binary16: 5 bits of exponent, 10 of mantissa.
struct Float16 {
  std::uint16_t bits;
};

// The upper half of a float: 8 bits of exponent, 7 of mantissa.
struct BFloat16 {
  std::uint16_t bits;
};

// Branches below are selections, so that loops over them become vectors. Internal to each file, because the kernels'
// files are compiled for several instruction sets.

static inline float to_float(Float16 x) {
  const std::uint32_t magnitude = x.bits & 0x7fffU, sign = (x.bits & 0x8000U) << 16;
  // Read with float's exponent bias the number is 2^112 times too small, subnormals included.
  const std::uint32_t finite = __builtin_bit_cast(std::uint32_t, __builtin_bit_cast(float, magnitude << 13) * 0x1p112f);
  const std::uint32_t infinite = 0x7f800000U | magnitude << 13;
  return __builtin_bit_cast(float, sign | (magnitude >= 0x7c00U ? infinite : finite));
}

static inline float to_float(BFloat16 x) { return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16); }

// To the nearest, halves to the even one.
static inline Float16 to_float16(float x) {
  const auto bits = __builtin_bit_cast(std::uint32_t, x);
  const std::uint32_t magnitude = bits & 0x7fffffffU, sign = (bits >> 16) & 0x8000U;
  const std::uint32_t normal = (magnitude + 0xfffU + ((magnitude >> 13) & 1U) - (112U << 23)) >> 13;
  // The last place of 0.5f is the smallest subnormal: the addition rounds to it.
  const std::uint32_t subnormal =
      __builtin_bit_cast(std::uint32_t, __builtin_bit_cast(float, magnitude) + 0.5f) - 0x3f000000U;
  const std::uint32_t finite = magnitude < 0x38800000U ? subnormal : normal;
  const std::uint32_t large = magnitude > 0x7f800000U ? 0x7e00U : 0x7c00U;  // NaN, or too large: infinity
  return {static_cast<std::uint16_t>(sign | (magnitude >= 0x477ff000U ? large : finite))};
}

static inline BFloat16 to_bfloat16(float x) {
  const auto bits = __builtin_bit_cast(std::uint32_t, x);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  return {static_cast<std::uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? 0x7fc0U : rounded)};
}

}  // namespace fastgrad
