// Losses of an element and its target, and their slopes, for vectors V.
#pragma once

#include "kernels/vectors.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

struct Mse {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V t, V) {
    return (x - t) * (x - t);
  }
  template <class V>
  FASTGRAD_INLINE static V slope(V x, V t, V) {
    return (x - t) * 2;
  }
};

// c (d - c / 2), where c is the difference d limited to delta: right on both sides, and its slope is c.
struct Huber {
  template <class V>
  FASTGRAD_INLINE static V slope(V x, V t, V delta) {
    return min(delta, max(-delta, x - t));  // NaN stays
  }
  template <class V>
  FASTGRAD_INLINE static V value(V x, V t, V delta) {
    const V limited = slope(x, t, delta);
    return limited * ((x - t) - limited * Element<V>(0.5));
  }
};

struct KlDiv {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V t, V) {
    return (t == 0 ? V{} : t * log(t)) - t * x;
  }
  template <class V>
  FASTGRAD_INLINE static V slope(V, V t, V) {
    return -t;
  }
};

struct KlDivLog {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V t, V) {
    return exp(t) * (t - x);
  }
  template <class V>
  FASTGRAD_INLINE static V slope(V, V t, V) {
    return -exp(t);
  }
};

struct BceWithLogits {
  template <class V>
  FASTGRAD_INLINE static V value(V x, V t, V) {
    return (1 - t) * x + softplus_of(-x);
  }
  template <class V>
  FASTGRAD_INLINE static V slope(V x, V t, V) {
    return sigmoid(x) - t;
  }
};

// f(Function{}) with the function of a loss.
template <class F>
void visit_function(PointwiseLoss op, const F& f) {
  switch (op) {
    case PointwiseLoss::mse:
      return f(Mse{});
    case PointwiseLoss::huber:
      return f(Huber{});
    case PointwiseLoss::kl_div:
      return f(KlDiv{});
    case PointwiseLoss::kl_div_log:
      return f(KlDivLog{});
    case PointwiseLoss::bce_with_logits:
      return f(BceWithLogits{});
    case PointwiseLoss::count:
      return;
  }
}

}  // namespace
}  // namespace fastgrad::FASTGRAD_ISA
