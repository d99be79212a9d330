// Activation functions with up to two parameters, and their gradients: one pass over the memory each.
#include "kernels/activation.h"

#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class F, class T>
void value_loop(T* out, const T* x, Index n, T a, T b) {
  const Vec<T> first = splat<Vec<T>>(a), second = splat<Vec<T>>(b);
  for_pieces<T>(n, [&](Index i, auto piece) { piece.store(out + i, F::value(piece.load(x + i, 0), first, second)); });
}

template <class F, class T>
void gradient_loop(T* dx, const T* g, const T* x, Index n, T a, T b) {
  const Vec<T> first = splat<Vec<T>>(a), second = splat<Vec<T>>(b);
  for_pieces<T>(n, [&](Index i, auto piece) {
    piece.store(dx + i, F::gradient(piece.load(g + i, 0), piece.load(x + i, 0), first, second));
  });
}

template <class F, class T>
void set(ActivationKernels<T>& kernels, Activation op) {
  kernels.value[static_cast<int>(op)] = value_loop<F, T>;
  kernels.gradient[static_cast<int>(op)] = gradient_loop<F, T>;
}

template <class T>
void fill(ActivationKernels<T>& kernels) {
  for (int i = 0; i < static_cast<int>(Activation::count); ++i) {
    const auto op = static_cast<Activation>(i);
    visit_function(op, [&](auto function) { set<decltype(function)>(kernels, op); });
  }
}

}  // namespace

void fill_activation(Kernels& table) {
  fill(table.float32.activation);
  fill(table.float64.activation);
}

}  // namespace fastgrad::FASTGRAD_ISA
