// The 16-bit floats of cuda_fp16.h and cuda_bf16.h: storage and conversions. They have no arithmetic, which fastgrad
// does in float.
#pragma once

#include <cstdint>

#include "core/half.h"

namespace fastgrad::emulation {

template <class Storage>
Storage rounded(float x);
template <>
inline Float16 rounded<Float16>(float x) {
  return to_float16(x);
}
template <>
inline BFloat16 rounded<BFloat16>(float x) {
  return to_bfloat16(x);
}

template <class Storage>
struct SmallFloat {
  std::uint16_t bits;

  SmallFloat() = default;
  SmallFloat(float x) : bits(rounded<Storage>(x).bits) {}
  explicit operator float() const { return to_float(Storage{bits}); }

  static SmallFloat from_bits(std::uint16_t bits) {
    SmallFloat result;
    result.bits = bits;
    return result;
  }
};

template <class Storage>
struct alignas(4) SmallFloat2 {
  SmallFloat<Storage> x, y;
};

}  // namespace fastgrad::emulation
