// Rules of optimizers: from the options, which all parameters share, and the numbers that are kept of each parameter to
// the scalars of its step. On a CUDA device a kernel computes them, from numbers that lie there.
#pragma once

#include <cmath>
#include <cstring>
#include <variant>
#include <vector>

#include "core/host_device.h"
#include "core/tensor.h"
#include "kernels.h"

namespace fastgrad {

// A number that each step changes: how many steps there were, and the like.
struct Counter {
  void* at;
  bool is_wide;  // float64, else float32

  FASTGRAD_HOST_DEVICE double get() const {
    return is_wide ? *static_cast<double*>(at) : static_cast<double>(*static_cast<float*>(at));
  }
  FASTGRAD_HOST_DEVICE void set(double value) const {
    if (is_wide) {
      *static_cast<double*>(at) = value;
    } else {
      *static_cast<float*>(at) = static_cast<float>(value);
    }
  }
  FASTGRAD_HOST_DEVICE double next() const {
    set(get() + 1);
    return get();
  }
};

inline constexpr int most_counters = 3, most_states = 3;

// Each rule's step(counters) changes a parameter's counters and gives its scalars. `descent` is that of every step, but
// for what the learning rate makes of it.
struct SgdRule {
  using Step = SgdStep;
  static constexpr int counters = 0;
  SgdStep same;

  FASTGRAD_HOST_DEVICE SgdStep step(const Counter*) const { return same; }
};

struct AdamRule {
  using Step = AdamStep;
  static constexpr int counters = 1;
  Descent descent;
  double lr, beta1, beta2, eps;

  FASTGRAD_HOST_DEVICE AdamStep step(const Counter* counter) const {
    const double t = counter[0].next();
    return {descent, beta1, beta2, eps, lr / (1 - std::pow(beta1, t)), 1 / std::sqrt(1 - std::pow(beta2, t))};
  }
};

struct AdamaxRule {
  using Step = AdamaxStep;
  static constexpr int counters = 1;
  Descent descent;
  double lr, beta1, beta2, eps;

  FASTGRAD_HOST_DEVICE AdamaxStep step(const Counter* counter) const {
    return {descent, beta1, beta2, eps, lr / (1 - std::pow(beta1, counter[0].next()))};
  }
};

struct NAdamRule {
  using Step = NAdamStep;
  static constexpr int counters = 2;  // the second: the product of all mu
  Descent descent;
  double lr, beta1, beta2, eps, momentum_decay;

  FASTGRAD_HOST_DEVICE double mu(double t) const { return beta1 * (1 - 0.5 * std::pow(0.96, t * momentum_decay)); }
  FASTGRAD_HOST_DEVICE NAdamStep step(const Counter* counter) const {
    const double t = counter[0].next();
    counter[1].set(counter[1].get() * mu(t));
    const double product = counter[1].get(), next = mu(t + 1);
    return {descent,
            beta1,
            beta2,
            eps,
            1 / (1 - std::pow(beta2, t)),
            lr * (1 - mu(t)) / (1 - product),
            lr * next / (1 - product * next)};
  }
};

struct RAdamRule {
  using Step = RAdamStep;
  static constexpr int counters = 1;
  Descent descent;
  double lr, beta1, beta2, eps;

  FASTGRAD_HOST_DEVICE RAdamStep step(const Counter* counter) const {
    const double t = counter[0].next(), power = std::pow(beta2, t), correction = 1 - power;
    // How many gradients the average of squares stands for, in the end and now.
    const double most = 2 / (1 - beta2) - 1, length = most - 2 * t * power / correction;
    const bool rectified = length > 5;
    double size = lr / (1 - std::pow(beta1, t));
    if (rectified) {
      size *= std::sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length) * correction);
    }
    return {descent, beta1, beta2, eps, size, rectified};
  }
};

struct RMSpropRule {
  using Step = RMSpropStep;
  static constexpr int counters = 1;
  RMSpropStep same;

  FASTGRAD_HOST_DEVICE RMSpropStep step(const Counter* counter) const {
    counter[0].next();
    return same;
  }
};

struct AdagradRule {
  using Step = AdagradStep;
  static constexpr int counters = 1;
  Descent descent;
  double lr, lr_decay, eps;

  FASTGRAD_HOST_DEVICE AdagradStep step(const Counter* counter) const {
    return {descent, lr / (1 + (counter[0].next() - 1) * lr_decay), eps};
  }
};

struct AdadeltaRule {
  using Step = AdadeltaStep;
  static constexpr int counters = 1;
  AdadeltaStep same;

  FASTGRAD_HOST_DEVICE AdadeltaStep step(const Counter* counter) const {
    counter[0].next();
    return same;
  }
};

struct RpropRule {
  using Step = RpropStep;
  static constexpr int counters = 1;
  RpropStep same;

  FASTGRAD_HOST_DEVICE RpropStep step(const Counter* counter) const {
    counter[0].next();
    return same;
  }
};

struct AsgdRule {
  using Step = AsgdStep;
  static constexpr int counters = 3;  // the others: eta, mu
  Descent descent;
  double lr, lambd, alpha, t0;

  FASTGRAD_HOST_DEVICE AsgdStep step(const Counter* counter) const {
    const double t = counter[0].next(), eta = counter[1].get(), mu = counter[2].get(), past = t - t0;
    counter[1].set(lr / std::pow(1 + lambd * lr * t, alpha));
    counter[2].set(1 / (past > 1 ? past : 1));
    return {descent, 1 - lambd * eta, eta, mu};
  }
};

using OptimRule = std::variant<SgdRule, AdamRule, AdamaxRule, NAdamRule, RAdamRule, RMSpropRule, AdagradRule,
                               AdadeltaRule, RpropRule, AsgdRule>;

// A parameter with its gradient and what is kept of it, all contiguous; states of no storage are not kept.
struct OptimParameter {
  Tensor param, grad, states[most_states], counters[most_counters];
};

}  // namespace fastgrad
