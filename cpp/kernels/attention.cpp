// The steps of attention between its matrix products, over tiles of scores with a column for each query: what belongs
// to a query then stands in a lane of a vector, and nothing is summed across lanes.
#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// ------------------------------------------------------------------------------------------------------------- masks

template <class T>
Index count_of(Whole<T>) {
  return lanes<T>;
}
template <class T>
Index count_of(Part<T> part) {
  return part.count;
}

// Elements of a row of the mask as numbers.
template <class T, class S>
FASTGRAD_INLINE Vec<T> strided(const S* from, Index step, Index count) {
  if (step == 0) return splat<Vec<T>>(static_cast<T>(*from));
  T elements[lanes<T>] = {};
  for (Index i = 0; i < count; ++i) elements[i] = static_cast<T>(from[i * step]);
  return load(elements);
}

// Key j's row of a tile under what is given for it.
template <class T>
void mask_row(T* s, Index j, Index queries, const AttentionMask<T>& mask) {
  for_pieces<T>(queries, [&](Index i, auto piece) {
    const Index at = j * mask.key_step + i * mask.query_step, count = count_of(piece);
    Vec<T> x = piece.load(s + i, 0);
    if (mask.added != nullptr) {
      x += mask.query_step == 1 ? piece.load(mask.added + at, 0) : strided<T>(mask.added + at, mask.query_step, count);
    }
    if (mask.allowed != nullptr) {
      const auto* const allowed = reinterpret_cast<const std::uint8_t*>(mask.allowed) + at;
      x = strided<T>(allowed, mask.query_step, count) > 0 ? x : splat<Vec<T>>(-FloatTraits<T>::infinity);
    }
    piece.store(s + i, x);
  });
}

template <class T>
void mask_scores(T* s, Index stride, Index keys, Index queries, const AttentionMask<T>& mask) {
  const Vec<T> hidden = splat<Vec<T>>(-FloatTraits<T>::infinity);
  const bool is_given = mask.added != nullptr || mask.allowed != nullptr;
  for (Index j = 0; j < keys; ++j, s += stride) {
    if (is_given) mask_row(s, j, queries, mask);
    const Index blind =
        j - mask.diagonal < queries ? j - mask.diagonal : queries;  // so many queries are before the key
    for_pieces<T>(blind > 0 ? blind : 0, [&](Index i, auto piece) { piece.store(s + i, hidden); });
  }
}

// ----------------------------------------------------------------------------------------------------------- softmax

// The largest of a column of vectors, in four chains so that their latencies overlap; NaN counts as nothing here.
template <class T, class Piece>
FASTGRAD_INLINE Vec<T> column_max(const T* s, Index stride, Index keys, Vec<T> largest, Piece piece) {
  Vec<T> m[4] = {largest, largest, largest, largest};
  Index j = 0;
  for (; j + 4 <= keys; j += 4, s += 4 * stride) {
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) m[k] = max(piece.load(s + k * stride, 0), m[k]);
  }
  for (; j < keys; ++j, s += stride) m[0] = max(piece.load(s, 0), m[0]);
  return max(max(m[0], m[1]), max(m[2], m[3]));
}

template <class T>
void softmax(T* s, Index stride, Index keys, Index queries, T* largest, T* sum, T* factor) {
  constexpr T lowest = -FloatTraits<T>::infinity;
  for_pieces<T>(queries, [&](Index i, auto piece) {
    const Vec<T> before = piece.load(largest + i, 0);
    const Vec<T> after = column_max(s + i, stride, keys, before, piece);
    const Vec<T> shift = after == lowest ? Vec<T>{} : after;  // a query that saw nothing: exp(-infinity - 0) = 0
    Vec<T> total{};
    T* x = s + i;
    for (Index j = 0; j < keys; ++j, x += stride) {
      const Vec<T> e = exp_negative(piece.load(x, 0) - shift);
      piece.store(x, e);
      total += e;
    }
    const Vec<T> f = exp_negative(before - shift);
    piece.store(factor + i, f);
    piece.store(sum + i, fma(piece.load(sum + i, 0), f, total));
    piece.store(largest + i, after);
  });
}

template <class T>
void finish(T* largest, const T* sum, T* factor, Index queries) {
  for_pieces<T>(queries, [&](Index i, auto piece) {
    const Vec<T> total = piece.load(sum + i, 1), m = piece.load(largest + i, 0);
    const auto is_empty = total == 0;
    piece.store(factor + i, is_empty ? Vec<T>{} : 1 / total);
    piece.store(largest + i, is_empty ? splat<Vec<T>>(FloatTraits<T>::infinity) : m + log(total));
  });
}

template <class T>
void scale_rows(T* x, Index stride, const T* factor, Index rows, Index n) {
  for (Index r = 0; r < rows; ++r, x += stride) {
    const T f = factor[r];
    for_pieces<T>(n, [&](Index c, auto piece) { piece.store(x + c, piece.load(x + c, 0) * f); });
  }
}

// ---------------------------------------------------------------------------------------------------------- gradient

template <class T>
void dots(T* out, const T* a, Index a_stride, const T* b, Index b_stride, Index rows, Index n) {
  for (Index r = 0; r < rows; ++r, a += a_stride, b += b_stride) {
    out[r] = row_sum<T>(n, [&](Index c, auto piece) { return piece.load(a + c, 0) * piece.load(b + c, 0); });
  }
}

template <class T>
void gradient(T* p, T* d, Index stride, Index keys, Index queries, const T* log_sum, const T* dot, T scale) {
  for_pieces<T>(queries, [&](Index i, auto piece) {
    const Vec<T> shift = piece.load(log_sum + i, 0), mean = piece.load(dot + i, 0);
    T *weight = p + i, *to = d + i;
    for (Index j = 0; j < keys; ++j, weight += stride, to += stride) {
      const Vec<T> w = exp_negative(piece.load(weight, 0) - shift);
      piece.store(weight, w);
      piece.store(to, w * (piece.load(to, 0) - mean) * scale);
    }
  });
}

template <class T>
constexpr AttentionKernels<T> attention_kernels = {mask_scores<T>, softmax<T>, finish<T>,
                                                   scale_rows<T>,  dots<T>,    gradient<T>};

}  // namespace

void fill_attention(Kernels& table) {
  table.float32.attention = attention_kernels<float>;
  table.float64.attention = attention_kernels<double>;
}

}  // namespace fastgrad::FASTGRAD_ISA
