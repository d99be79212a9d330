// Elementwise kernels of three inputs. Plain loops: the compiler makes vectors of them for each instruction set.
#include "kernels.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// Integer arithmetic wraps around; in C++ only that of unsigned types does.
template <class T>
T wrapped(std::uint64_t x) {
  return static_cast<T>(x);
}

struct Addcmul {
  static float of(float a, float b, float c) { return a + b * c; }
  static double of(double a, double b, double c) { return a + b * c; }
  template <class T>
  static T of(T a, T b, T c) {
    return wrapped<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b) * static_cast<std::uint64_t>(c));
  }
};

struct Addcdiv {
  template <class T>
  static T of(T a, T b, T c) {
    return a + b / c;
  }
};

// From the nearer end, so that a weight of 1 gives the other end exactly.
struct Lerp {
  template <class T>
  static T of(T a, T b, T weight) {
    const T way = b - a;
    return weight < T{0.5} && weight > T{-0.5} ? a + weight * way : b - way * (T{1} - weight);
  }
};

// NaN wins, then the upper limit.
struct Clamp {
  template <class T>
  static T of(T x, T low, T high) {
    const T raised = x > low || x != x ? x : low;
    return raised < high || raised != raised ? raised : high;
  }
};

// The strides of b and c are known where both are 0 or 1, so that the compiler can make vectors.
template <class F, class T, Index sb, Index sc>
void contiguous_loop(T* o, const T* a, const T* b, const T* c, Index n) {
  FASTGRAD_INDEPENDENT
  for (Index i = 0; i < n; ++i) o[i] = F::of(a[i], b[i * sb], c[i * sc]);
}

template <class F, class T>
void loop(void* out, const void* first, const void* second, const void* third, Index n, Index so, Index sa, Index sb,
          Index sc) {
  auto* o = static_cast<T*>(out);
  const auto* a = static_cast<const T*>(first);
  const auto* b = static_cast<const T*>(second);
  const auto* c = static_cast<const T*>(third);
  if (so == 1 && sa == 1 && sb == 1 && sc == 1) return contiguous_loop<F, T, 1, 1>(o, a, b, c, n);
  if (so == 1 && sa == 1 && sb == 0 && sc == 0) return contiguous_loop<F, T, 0, 0>(o, a, b, c, n);
  if (so == 1 && sa == 1 && sb == 1 && sc == 0) return contiguous_loop<F, T, 1, 0>(o, a, b, c, n);
  for (Index i = 0; i < n; ++i) o[i * so] = F::of(a[i * sa], b[i * sb], c[i * sc]);
}

template <class F, class List>
void set(Kernels& table, Ternary op, List types) {
  for_types(types, [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.ternary[static_cast<int>(op)][static_cast<int>(DTypeOf<T>::value)] = loop<F, T>;
  });
}

}  // namespace

void fill_ternary(Kernels& table) {
  set<Addcmul>(table, Ternary::addcmul, Integers{});
  set<Addcmul>(table, Ternary::addcmul, Floats{});
  set<Addcdiv>(table, Ternary::addcdiv, Floats{});
  set<Lerp>(table, Ternary::lerp, Floats{});
  set<Clamp>(table, Ternary::clamp, Integers{});
  set<Clamp>(table, Ternary::clamp, Floats{});
}

}  // namespace fastgrad::FASTGRAD_ISA
