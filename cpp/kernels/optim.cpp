// Optimizer steps: torch.optim's rules, one pass over the memory of a parameter. The roundings are PyTorch's where it
// has a fused multiply-add; where it divides by a scalar, its reciprocal multiplies.
#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class T>
FASTGRAD_INLINE Vec<T> scalar(double x) {
  return splat<Vec<T>>(static_cast<T>(x));
}

// rule(param, grad, state) changes one vector of a parameter and of its states.
template <class T, class Rule>
FASTGRAD_INLINE void for_parameter(const OptimSlots<T>& slots, Index n, const Descent& descent, Rule rule) {
  const Vec<T> decay = scalar<T>(descent.weight_decay), keep = scalar<T>(descent.keep);
  for_pieces<T>(n, [&](Index i, auto piece) {
    Vec<T> param = piece.load(slots.param + i, 0), grad = piece.load(slots.grad + i, 0), state[3] = {};
    for (int k = 0; k < 3; ++k) {
      if (slots.state[k] != nullptr) state[k] = piece.load(slots.state[k] + i, 0);
    }
    if (descent.maximize) grad = -grad;
    if (descent.weight_decay != 0) grad = fma(param, decay, grad);
    if (descent.keep != 1) param *= keep;
    rule(param, grad, state);
    piece.store(slots.param + i, param);
    for (int k = 0; k < 3; ++k) {
      if (slots.state[k] != nullptr) piece.store(slots.state[k] + i, state[k]);
    }
  });
}

// The average moved towards x by the fraction 1 - beta of the way.
template <class V>
struct Moving {
  V rest, beta;
  FASTGRAD_INLINE explicit Moving(double b)
      : rest(splat<V>(static_cast<Element<V>>(1 - b))), beta(splat<V>(static_cast<Element<V>>(b))) {}

  FASTGRAD_INLINE V mean(V average, V x) const { return fma(rest, x - average, average); }
  FASTGRAD_INLINE V square(V average, V x) const { return fma(x * x, rest, average * beta); }
};

template <class T>
void sgd(const OptimSlots<T>& slots, Index n, const SgdStep& s) {
  const Vec<T> lr = scalar<T>(-s.lr), momentum = scalar<T>(s.momentum), undamped = scalar<T>(s.undamped);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    if (slots.state[0] != nullptr) {
      state[0] = s.first ? grad : fma(grad, undamped, state[0] * momentum);
      grad = s.nesterov ? fma(state[0], momentum, grad) : state[0];
    }
    param = fma(grad, lr, param);
  });
}

template <class T>
void adam(const OptimSlots<T>& slots, Index n, const AdamStep& s) {
  const Moving<Vec<T>> first(s.beta1), second(s.beta2);
  const Vec<T> size = scalar<T>(-s.size), scale = scalar<T>(s.scale), eps = scalar<T>(s.eps);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    state[0] = first.mean(state[0], grad);
    state[1] = second.square(state[1], grad);
    Vec<T> squares = state[1];
    if (slots.state[2] != nullptr) squares = state[2] = max(state[2], squares);
    param += size * state[0] / fma(sqrt(squares), scale, eps);
  });
}

template <class T>
void adamax(const OptimSlots<T>& slots, Index n, const AdamaxStep& s) {
  const Moving<Vec<T>> first(s.beta1);
  const Vec<T> beta2 = scalar<T>(s.beta2), size = scalar<T>(-s.size), eps = scalar<T>(s.eps);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    state[0] = first.mean(state[0], grad);
    state[1] = max(state[1] * beta2, magnitude(grad) + eps);
    param += size * state[0] / state[1];
  });
}

template <class T>
void nadam(const OptimSlots<T>& slots, Index n, const NAdamStep& s) {
  const Moving<Vec<T>> first(s.beta1), second(s.beta2);
  const Vec<T> scale = scalar<T>(s.scale), eps = scalar<T>(s.eps), grad_size = scalar<T>(-s.grad_size),
               momentum_size = scalar<T>(-s.momentum_size);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    state[0] = first.mean(state[0], grad);
    state[1] = second.square(state[1], grad);
    param += fma(grad_size, grad, momentum_size * state[0]) / (sqrt(state[1] * scale) + eps);
  });
}

template <class T>
void radam(const OptimSlots<T>& slots, Index n, const RAdamStep& s) {
  const Moving<Vec<T>> first(s.beta1), second(s.beta2);
  const Vec<T> size = scalar<T>(-s.size), eps = scalar<T>(s.eps);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    state[0] = first.mean(state[0], grad);
    state[1] = second.square(state[1], grad);
    const Vec<T> change = size * state[0];
    param += s.rectified ? change / (sqrt(state[1]) + eps) : change;
  });
}

template <class T>
void rmsprop(const OptimSlots<T>& slots, Index n, const RMSpropStep& s) {
  const Moving<Vec<T>> moving(s.alpha);
  const Vec<T> lr = scalar<T>(-s.lr), eps = scalar<T>(s.eps), momentum = scalar<T>(s.momentum);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    state[0] = moving.square(state[0], grad);
    Vec<T> squares = state[0];
    if (slots.state[2] != nullptr) {
      state[2] = moving.mean(state[2], grad);
      squares = fma(-state[2], state[2], squares);
    }
    const Vec<T> denominator = sqrt(squares) + eps;
    if (slots.state[1] != nullptr) {
      state[1] = fma(state[1], momentum, grad / denominator);
      param = fma(state[1], lr, param);
    } else {
      param += lr * grad / denominator;
    }
  });
}

template <class T>
void adagrad(const OptimSlots<T>& slots, Index n, const AdagradStep& s) {
  const Vec<T> size = scalar<T>(-s.size), eps = scalar<T>(s.eps);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    state[0] = fma(grad, grad, state[0]);
    param += size * grad / (sqrt(state[0]) + eps);
  });
}

template <class T>
void adadelta(const OptimSlots<T>& slots, Index n, const AdadeltaStep& s) {
  const Moving<Vec<T>> moving(s.rho);
  const Vec<T> lr = scalar<T>(-s.lr), eps = scalar<T>(s.eps);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    state[0] = moving.square(state[0], grad);
    const Vec<T> change = sqrt(state[1] + eps) / sqrt(state[0] + eps) * grad;
    state[1] = moving.square(state[1], change);
    param = fma(change, lr, param);
  });
}

template <class T>
void rprop(const OptimSlots<T>& slots, Index n, const RpropStep& s) {
  const Vec<T> minus = scalar<T>(s.eta_minus), plus = scalar<T>(s.eta_plus), lowest = scalar<T>(s.min),
               highest = scalar<T>(s.max), one = scalar<T>(1);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    const Vec<T> agreement = grad * state[0];
    const Vec<T> factor = agreement > 0 ? plus : agreement < 0 ? minus : one;
    state[1] = min(highest, max(lowest, state[1] * factor));
    state[0] = agreement < 0 ? Vec<T>{} : grad;
    param -= state[0] > 0 ? state[1] : state[0] < 0 ? -state[1] : Vec<T>{};
  });
}

template <class T>
void asgd(const OptimSlots<T>& slots, Index n, const AsgdStep& s) {
  const Vec<T> shrink = scalar<T>(s.shrink), size = scalar<T>(-s.size), average = scalar<T>(s.average);
  for_parameter<T>(slots, n, s, [&](Vec<T>& param, Vec<T> grad, Vec<T>* state) {
    param = fma(grad, size, param * shrink);
    state[0] = s.average == 1 ? param : fma(param - state[0], average, state[0]);
  });
}

template <class T>
constexpr OptimKernels<T> optim_kernels = {sgd<T>,     adam<T>,    adamax<T>,   nadam<T>, radam<T>,
                                           rmsprop<T>, adagrad<T>, adadelta<T>, rprop<T>, asgd<T>};

}  // namespace

void fill_optim(Kernels& table) {
  table.float32.optim = optim_kernels<float>;
  table.float64.optim = optim_kernels<double>;
}

}  // namespace fastgrad::FASTGRAD_ISA
