// Optimizer steps, one pass over the memory of a parameter.
#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// torch.optim.SGD's rule for one vector. The roundings are PyTorch's own: one per multiply-add of a tensor and a
// scaled tensor, and scalars rounded once from double.
template <class T>
struct Sgd {
  T lr, momentum, undamped, weight_decay;
  bool nesterov, maximize, first;

  FASTGRAD_INLINE Vec<T> direction(Vec<T> param, Vec<T> grad) const {
    if (maximize) grad = -grad;
    return weight_decay != 0 ? fma(param, splat<Vec<T>>(weight_decay), grad) : grad;
  }
  FASTGRAD_INLINE Vec<T> next_buffer(Vec<T> buffer, Vec<T> grad) const {
    return first ? grad : fma(grad, splat<Vec<T>>(undamped), buffer * momentum);
  }
  FASTGRAD_INLINE Vec<T> with_momentum(Vec<T> grad, Vec<T> buffer) const {
    return nesterov ? fma(buffer, splat<Vec<T>>(momentum), grad) : buffer;
  }
  FASTGRAD_INLINE Vec<T> step(Vec<T> param, Vec<T> direction) const {
    return fma(direction, splat<Vec<T>>(-lr), param);
  }
};

template <class T>
void sgd(T* param, const T* grad, T* buffer, Index n, double lr, double momentum, double dampening, double weight_decay,
         bool nesterov, bool maximize, bool first) {
  const Sgd<T> rule{static_cast<T>(lr),
                    static_cast<T>(momentum),
                    static_cast<T>(1 - dampening),
                    static_cast<T>(weight_decay),
                    nesterov,
                    maximize,
                    first};
  for_pieces<T>(n, [&](Index i, auto piece) {
    const Vec<T> p = piece.load(param + i, 0);
    Vec<T> g = rule.direction(p, piece.load(grad + i, 0));
    if (buffer != nullptr) {
      const Vec<T> b = rule.next_buffer(piece.load(buffer + i, 0), g);
      piece.store(buffer + i, b);
      g = rule.with_momentum(g, b);
    }
    piece.store(param + i, rule.step(p, g));
  });
}

}  // namespace

void fill_optim(Kernels& table) {
  table.float32.optim = {sgd<float>};
  table.float64.optim = {sgd<double>};
}

}  // namespace fastgrad::FASTGRAD_ISA
