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

// even[0], odd[0], even[1], odd[1], ...: the first vector of these, or the second one.
template <int which, class V>
FASTGRAD_INLINE V interleaved(V even, V odd) {
  constexpr int width = sizeof(V) / sizeof(Element<V>);
  return [&]<int... lane>(std::integer_sequence<int, lane...>) __attribute__((always_inline)) {
    return shuffle<(which * width / 2 + lane / 2 + (lane % 2) * width)...>(even, odd);
  }(std::make_integer_sequence<int, width>{});
}

// Adds even[i] to to[2 * i] and odd[i] to to[2 * i + 1] for i < count.
template <class T>
FASTGRAD_INLINE void add_interleaved(T* to, Vec<T> even, Vec<T> odd, Index count) {
  constexpr Index width = lanes<T>;
  const Vec<T> low = interleaved<0>(even, odd), high = interleaved<1>(even, odd);
  const Index n = 2 * count, first = n < width ? n : width;
  store_partial(to, load_partial(to, first) + low, first);
  if (n > width) store_partial(to + width, load_partial(to + width, n - width) + high, n - width);
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
