// Vectors of elements that are two apart in memory, and back.
#pragma once

#include <utility>

#include "kernels/packing.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class V, int... lane>
FASTGRAD_INLINE V even_lanes(V low, V high, std::integer_sequence<int, lane...>) {
  return shuffle<(2 * lane)...>(low, high);
}

// The first `count` (at most lanes<T>) of the elements from[0], from[2], from[4] ...; reads none behind the last.
template <class T>
FASTGRAD_INLINE Vec<T> load_even(const T* from, Index count) {
  constexpr Index width = lanes<T>;
  const Index reach = 2 * count - 1, low = reach < width ? reach : width;
  return even_lanes(load_partial(from, low), load_partial(from + low, reach - low),
                    std::make_integer_sequence<int, lanes<T>>{});
}
template <class T>
FASTGRAD_INLINE Vec<T> load_even(const T* from) {
  // The last element is the other vector's last but one: nothing behind it is read.
  constexpr auto at = [](int lane) { return lane < lanes<T> / 2 ? 2 * lane : 2 * lane + 1; };
  return [&]<int... lane>(std::integer_sequence<int, lane...>) __attribute__((always_inline)) {
    return shuffle<at(lane)...>(load(from), load(from + lanes<T> - 1));
  }(std::make_integer_sequence<int, lanes<T>>{});
}

// Adds even[i] to to[2 * i] and odd[i] to to[2 * i + 1] for i < count.
template <class T>
FASTGRAD_INLINE void add_interleaved(T* to, Vec<T> even, Vec<T> odd, Index count) {
  constexpr int width = lanes<T>;
  const auto half = [&]<int... lane>(int, std::integer_sequence<int, lane...>, auto first)
                        __attribute__((always_inline)) {
                          return shuffle<(first.value + lane / 2 + (lane % 2) * width)...>(even, odd);
                        };
  const auto all = std::make_integer_sequence<int, lanes<T>>{};
  const Vec<T> low = half(0, all, std::integral_constant<int, 0>{});
  const Vec<T> high = half(0, all, std::integral_constant<int, width / 2>{});
  const Index n = 2 * count, first = n < width ? n : width;
  store_partial(to, load_partial(to, first) + low, first);
  if (n > width) store_partial(to + width, load_partial(to + width, n - width) + high, n - width);
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
