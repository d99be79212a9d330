// Copies between element types and layouts, and selection by a mask.
#include <utility>

#include "kernels.h"
#include "kernels/loop.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class T>
constexpr bool is_float = sizeof(T) == 0;
template <>
constexpr bool is_float<float> = true;
template <>
constexpr bool is_float<double> = true;

// What a 16-bit float is converted through.
inline float widened(Float16 x) { return to_float(x); }
inline float widened(BFloat16 x) { return to_float(x); }
template <class T>
T widened(T x) {
  return x;
}

template <class To>
struct Convert {
  template <class From>
  static To of(From x) {
    if constexpr (is_float<From> && !is_float<To> && sizeof(To) < sizeof(std::int32_t)) {
      // Through a wide integer: the direct cast of a number that the narrow type does not hold is undefined.
      return static_cast<To>(static_cast<Index>(x));
    } else {
      return static_cast<To>(x);
    }
  }
};
template <>
struct Convert<bool> {
  template <class From>
  static bool of(From x) {
    return x != From{0};
  }
};
template <>
struct Convert<Float16> {
  template <class From>
  static Float16 of(From x) {
    return to_float16(static_cast<float>(x));
  }
};
template <>
struct Convert<BFloat16> {
  template <class From>
  static BFloat16 of(From x) {
    return to_bfloat16(static_cast<float>(x));
  }
};

template <class A, class B>
constexpr bool is_same = false;
template <class A>
constexpr bool is_same<A, A> = true;

template <class To, class From>
To converted(From x) {
  if constexpr (is_same<To, From>) {
    return x;  // bits as they are
  } else {
    return Convert<To>::of(widened(x));
  }
}

template <class From, class To>
void cast(void* out, const void* in, Index n, Index so, Index si) {
  auto* o = static_cast<To*>(out);
  const auto* x = static_cast<const From*>(in);
  if (so == 1 && si == 1) {
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = converted<To>(x[i]);
  } else if (so == 1 && si == 0) {
    const To value = converted<To>(*x);
    for (Index i = 0; i < n; ++i) o[i] = value;
  } else if (is_same<From, To> && so == 1 && si == -1) {  // backwards: turned around vector by vector
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = converted<To>(x[-i]);
  } else {
    for (Index i = 0; i < n; ++i) o[i * so] = converted<To>(x[i * si]);
  }
}

// Both sides are read whatever the mask says: a choice of values becomes vectors, a choice of loads does not.
template <Index sa, Index sb, class T>
void where_rows(T* out, const bool* m, const T* a, const T* b, Index n) {
  FASTGRAD_INDEPENDENT
  for (Index i = 0; i < n; ++i) {
    const T yes = a[i * sa], no = b[i * sb];
    out[i] = m[i] ? yes : no;
  }
}

template <class T>
void where(void* out, const bool* m, const void* left, const void* right, Index n, Index so, Index sm, Index sa,
           Index sb) {
  auto* o = static_cast<T*>(out);
  const auto* a = static_cast<const T*>(left);
  const auto* b = static_cast<const T*>(right);
  if (so == 1 && sm == 1 && sa == 1 && sb == 1) return where_rows<1, 1>(o, m, a, b, n);
  if (so == 1 && sm == 1 && sa == 0 && sb == 1) return where_rows<0, 1>(o, m, a, b, n);
  if (so == 1 && sm == 1 && sa == 1 && sb == 0) return where_rows<1, 0>(o, m, a, b, n);
  for (Index i = 0; i < n; ++i) {
    const T yes = a[i * sa], no = b[i * sb];
    o[i * so] = m[i * sm] ? yes : no;
  }
}

// ------------------------------------------------------------------------------------------------------ transposing

// The elements of a and b in turn: those of their lower halves, or (upper = 1) of their upper halves.
template <int upper, class V, int... i>
FASTGRAD_INLINE V interleaved(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int n = sizeof...(i);
  return __builtin_shufflevector(a, b, (upper * n / 2 + i / 2 + i % 2 * n)...);
}

// A square of as many vectors as each has elements. One round of interleaving moves each element's place (row, column),
// seen as one binary number, to the left by one digit; after half of all digits, rows are columns.
template <class V>
FASTGRAD_INLINE void transpose_square(V* v) {
  constexpr int n = sizeof(V) / sizeof(Element<V>);
  constexpr auto places = std::make_integer_sequence<int, n>{};
#pragma GCC unroll 4
  for (int round = 1; round < n; round *= 2) {
    V turned[n];
#pragma GCC unroll 16
    for (int i = 0; i < n / 2; ++i) {
      turned[2 * i] = interleaved<0>(v[i], v[i + n / 2], places);
      turned[2 * i + 1] = interleaved<1>(v[i], v[i + n / 2], places);
    }
#pragma GCC unroll 16
    for (int i = 0; i < n; ++i) v[i] = turned[i];
  }
}

template <class V>
FASTGRAD_INLINE void transpose_tile(Element<V>* out, const Element<V>* in, Index out_stride, Index in_stride) {
  constexpr int n = sizeof(V) / sizeof(Element<V>);
  V v[n];
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) __builtin_memcpy(&v[i], in + i * in_stride, sizeof(V));
  transpose_square(v);
#pragma GCC unroll 16
  for (int i = 0; i < n; ++i) __builtin_memcpy(out + i * out_stride, &v[i], sizeof(V));
}

template <class T>
void transpose_edge(T* out, const T* in, Index rows, Index columns, Index out_stride, Index in_stride) {
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) out[r * out_stride + c] = in[c * in_stride + r];
  }
}

// In squares of registers. A group of four of them reads whole cache lines, and their neighbours, of each line of `in`.
template <class V>
void transpose(void* to, const void* from, Index rows, Index columns, Index out_stride, Index in_stride) {
  using T = Element<V>;
  constexpr Index n = sizeof(V) / sizeof(T), group = 4 * n;
  auto* out = static_cast<T*>(to);
  const auto* in = static_cast<const T*>(from);
  const Index whole_rows = rows - rows % n, whole_columns = columns - columns % n;
  for (Index first = 0; first < whole_rows; first += group) {
    const Index last = first + group < whole_rows ? first + group : whole_rows;
    for (Index c = 0; c < whole_columns; c += n) {
      for (Index r = first; r < last; r += n) {
        transpose_tile<V>(out + r * out_stride + c, in + c * in_stride + r, out_stride, in_stride);
      }
    }
  }
  transpose_edge(out + whole_columns, in + whole_columns * in_stride, whole_rows, columns - whole_columns, out_stride,
                 in_stride);
  transpose_edge(out + whole_rows * out_stride, in + whole_rows, rows - whole_rows, columns, out_stride, in_stride);
}

using Every =
    Types<bool, std::uint8_t, std::int8_t, std::int16_t, std::int32_t, Index, Float16, BFloat16, float, double>;

template <class From>
void set_from(Kernels& table) {
  auto& row = table.cast[static_cast<int>(DTypeOf<From>::value)];
  for_types(Every{}, [&](auto tag) {
    using To = typename decltype(tag)::type;
    row[static_cast<int>(DTypeOf<To>::value)] = cast<From, To>;
  });
}

}  // namespace

void fill_conversion(Kernels& table) {
  table.transpose[0] = transpose<VecOf<std::uint8_t, 16>::type>;
  table.transpose[1] = transpose<VecOf<std::uint16_t, 8>::type>;
  table.transpose[2] = transpose<Vec<std::uint32_t>>;
  table.transpose[3] = transpose<Vec<std::uint64_t>>;
  for_types(Every{}, [&](auto tag) {
    using T = typename decltype(tag)::type;
    set_from<T>(table);
    table.where[static_cast<int>(DTypeOf<T>::value)] = where<T>;
  });
}

}  // namespace fastgrad::FASTGRAD_ISA
