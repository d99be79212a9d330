// What the plain loops of several families share.
#pragma once

#include "kernels.h"

// Put before a loop whose iterations do not read what others write, although pointers may be equal.
#if defined(__clang__)
#define FASTGRAD_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define FASTGRAD_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace fastgrad::FASTGRAD_ISA {
namespace {

// Lists of element types, for filling the table: for_types(Integers{}, [&](auto tag) { ... });
template <class... T>
struct Types {};
using Integers = Types<std::uint8_t, std::int8_t, std::int16_t, std::int32_t, std::int64_t>;
using Floats = Types<float, double>;  // 16-bit floats are computed as float

template <class... T, class F>
void for_types(Types<T...>, F f) {
  (f(TypeTag<T>{}), ...);
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
