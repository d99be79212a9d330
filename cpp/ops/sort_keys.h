// Elements as unsigned numbers in the same order, each with its place: what sorting and selecting move about.
//
// No two entries of a line are equal, so every way to sort them is stable and gives the same bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/dims.h"

namespace fastgrad {

// An unsigned number that is larger where x is; NaN counts as the largest, and -0.0 as 0.0.
template <class T>
auto order_key(T x) {
  if constexpr (std::is_integral_v<T>) {
    using Wide = std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>;
    using Key = std::make_unsigned_t<Wide>;
    return static_cast<Key>(static_cast<Key>(static_cast<Wide>(x)) ^ (Key{1} << (8 * sizeof(Key) - 1)));
  } else {
    using Float = std::conditional_t<sizeof(T) == 8, double, float>;
    using Key = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
    const Float value = static_cast<Float>(x);
    if (value != value) return std::numeric_limits<Key>::max();
    const Key bits = std::bit_cast<Key>(value + Float{0}), sign = Key{1} << (8 * sizeof(Key) - 1);
    return static_cast<Key>((bits & sign) != 0 ? ~bits : bits | sign);
  }
}

// A key of 32 bits above a place of 32 bits.
struct NarrowEntry {
  using Key = std::uint32_t;
  std::uint64_t word;
  static NarrowEntry of(Key key, Index place) {
    return {static_cast<std::uint64_t>(key) << 32 | static_cast<std::uint64_t>(place)};
  }
  Key key() const { return static_cast<Key>(word >> 32); }
  Index place() const { return static_cast<Index>(word & 0xffffffffU); }
  friend bool operator<(NarrowEntry a, NarrowEntry b) { return a.word < b.word; }
};

struct WideEntry {
  using Key = std::uint64_t;
  std::uint64_t key_;
  Index place_;
  static WideEntry of(Key key, Index place) { return {key, place}; }
  Key key() const { return key_; }
  Index place() const { return place_; }
  friend bool operator<(const WideEntry& a, const WideEntry& b) {
    return a.key_ != b.key_ ? a.key_ < b.key_ : a.place_ < b.place_;
  }
};

template <class T>
using EntryOf = std::conditional_t<sizeof(T) == 8, WideEntry, NarrowEntry>;

inline constexpr int digit_bits = 8;
inline constexpr int digit_values = 1 << digit_bits;
inline constexpr Index radix_minimum = 200;  // entries below which comparing them is faster

// One pass of the radix sort: `from` to `to`, in the order of the digit at `shift`.
template <class Entry>
void sort_by_digit(const Entry* from, Entry* to, Index n, int shift, const Index* counts) {
  Index next[digit_values], sum = 0;
  for (int v = 0; v < digit_values; ++v) {
    next[v] = sum;
    sum += counts[v];
  }
  for (Index i = 0; i < n; ++i) to[next[(from[i].key() >> shift) & (digit_values - 1)]++] = from[i];
}

// Sorts n entries that are in the order of their places; `spare` has room for as many. Returns where they are then.
template <class Entry>
Entry* sort_entries(Entry* entries, Entry* spare, Index n) {
  if (n < radix_minimum) {
    std::sort(entries, entries + n);
    return entries;
  }
  constexpr int digits = sizeof(typename Entry::Key) * 8 / digit_bits;
  Index counts[digits][digit_values] = {};
  for (Index i = 0; i < n; ++i) {
    for (int d = 0; d < digits; ++d) ++counts[d][(entries[i].key() >> (d * digit_bits)) & (digit_values - 1)];
  }
  for (int d = 0; d < digits; ++d) {
    const Index first = (entries[0].key() >> (d * digit_bits)) & (digit_values - 1);
    if (counts[d][first] == n) continue;  // all have the same digit
    sort_by_digit(entries, spare, n, d * digit_bits, counts[d]);
    std::swap(entries, spare);
  }
  return entries;
}

}  // namespace fastgrad
