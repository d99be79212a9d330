// Copies between element types and layouts, and selection by a mask.
#include "kernels.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class To, class From>
struct Convert {
  static To of(From x) { return static_cast<To>(x); }
};
template <class From>
struct Convert<bool, From> {
  static bool of(From x) { return x != From{0}; }
};
// Through a wide integer: a negative float has no value in an unsigned type, and the direct cast is undefined.
template <>
struct Convert<std::uint8_t, float> {
  static std::uint8_t of(float x) { return static_cast<std::uint8_t>(static_cast<Index>(x)); }
};
template <>
struct Convert<std::uint8_t, double> {
  static std::uint8_t of(double x) { return static_cast<std::uint8_t>(static_cast<Index>(x)); }
};

template <class From, class To>
void cast(void* out, const void* in, Index n, Index so, Index si) {
  auto* o = static_cast<To*>(out);
  const auto* x = static_cast<const From*>(in);
  if (so == 1 && si == 1) {
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = Convert<To, From>::of(x[i]);
  } else if (so == 1 && si == 0) {
    const To value = Convert<To, From>::of(*x);
    for (Index i = 0; i < n; ++i) o[i] = value;
  } else {
    for (Index i = 0; i < n; ++i) o[i * so] = Convert<To, From>::of(x[i * si]);
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

template <class From, class... To>
void set_from(Kernels& table) {
  ((table.cast[static_cast<int>(DTypeOf<From>::value)][static_cast<int>(DTypeOf<To>::value)] = cast<From, To>), ...);
  table.where[static_cast<int>(DTypeOf<From>::value)] = where<From>;
}

template <class... T>
void set_all(Kernels& table) {
  (set_from<T, bool, std::uint8_t, std::int32_t, Index, float, double>(table), ...);
}

}  // namespace

void fill_conversion(Kernels& table) { set_all<bool, std::uint8_t, std::int32_t, Index, float, double>(table); }

}  // namespace fastgrad::FASTGRAD_ISA
