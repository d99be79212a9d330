// Elementwise kernels of three inputs. Plain loops: the compiler makes vectors of them for each instruction set.
#include "kernels/ternary.h"

#include "kernels.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

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

template <class F>
void set(Kernels& table, Ternary op) {
  for_types(typename F::Types{}, [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.ternary[static_cast<int>(op)][static_cast<int>(DTypeOf<T>::value)] = loop<F, T>;
  });
}

}  // namespace

void fill_ternary(Kernels& table) {
  for (int i = 0; i < static_cast<int>(Ternary::count); ++i) {
    const auto op = static_cast<Ternary>(i);
    visit_function(op, [&](auto function) { set<decltype(function)>(table, op); });
  }
}

}  // namespace fastgrad::FASTGRAD_ISA
