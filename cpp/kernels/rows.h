// Passes over one contiguous row, vector by vector, where the last vector may be partly filled.
#pragma once

#include "kernels/math.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// How a pass reads and writes a full vector ...
template <class T>
struct Whole {
  static Vec<T> load(const T* from, T) { return FASTGRAD_ISA::load(from); }
  static void store(T* to, Vec<T> v) { FASTGRAD_ISA::store(to, v); }
};

// ... and the `count` elements that are left at the end, seen as a vector padded with `fill`.
template <class T>
struct Part {
  Index count;
  Vec<T> load(const T* from, T fill) const { return load_partial(from, count, fill); }
  void store(T* to, Vec<T> v) const { store_partial(to, v, count); }
};

// f(i, piece) for each vector of a row of n elements, from left to right.
template <class T, class F>
FASTGRAD_INLINE void for_pieces(Index n, F f) {
  Index i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) f(i, Whole<T>{});
  if (i < n) f(i, Part<T>{n - i});
}

// Combines term(i, piece) of all vectors of a row, in four chains so that their latencies overlap. The order depends
// on n alone. Padding must leave the combination as it is, and so must `identity`.
template <class T, class Term, class Combine>
FASTGRAD_INLINE Vec<T> fold(Index n, Vec<T> identity, Term term, Combine combine) {
  constexpr Index step = lanes<T>;
  Vec<T> a = identity, b = identity, c = identity, d = identity;
  Index i = 0;
  for (; i + 4 * step <= n; i += 4 * step) {
    a = combine(a, term(i, Whole<T>{}));
    b = combine(b, term(i + step, Whole<T>{}));
    c = combine(c, term(i + 2 * step, Whole<T>{}));
    d = combine(d, term(i + 3 * step, Whole<T>{}));
  }
  for (; i + step <= n; i += step) a = combine(a, term(i, Whole<T>{}));
  if (i < n) b = combine(b, term(i, Part<T>{n - i}));
  return combine(combine(a, b), combine(c, d));
}

template <class T, class Term>
FASTGRAD_INLINE T row_sum(Index n, Term term) {
  return sum_across(fold<T>(n, Vec<T>{}, term, [](auto a, auto b) { return a + b; }));
}

// The largest element of a row; any other element, or NaN, where the row has a NaN.
template <class T>
FASTGRAD_INLINE T row_max(const T* x, Index n) {
  constexpr T lowest = -FloatTraits<T>::infinity;
  return max_across(fold<T>(
      n, splat<Vec<T>>(lowest), [&](Index i, auto piece) { return piece.load(x + i, lowest); },
      [](auto a, auto b) { return max(a, b); }));
}

// The sum of e = exp(x - shift) over a row, where no x is larger than shift; use(i, piece, e) is called on the way.
template <class T, class Use>
FASTGRAD_INLINE T row_sum_exp(const T* x, Index n, T shift, Use use) {
  Vec<T> sum{};
  for_pieces<T>(n, [&](Index i, auto piece) {
    const Vec<T> e = exp_negative(piece.load(x + i, -FloatTraits<T>::infinity) - shift);
    use(i, piece, e);
    sum += e;
  });
  return sum_across(sum);
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
