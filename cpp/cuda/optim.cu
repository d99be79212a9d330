// Optimizer steps over all parameters at once.
//
// A launch gets the addresses of as many parameters as its arguments hold; a block is a chunk of one of them. What a
// step's scalars depend on (how many steps there were) lies on the device, so that a recorded graph counts on.
#include <algorithm>
#include <cmath>

#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/number.cuh"

namespace fastgrad::cuda {
namespace {

constexpr int group_size = 64;  // parameters: 4 KB of arguments
constexpr Index chunk = 4096;   // elements

// -------------------------------------------------------------------------------------------------------- scalars

struct CounterGroup {
  Counter counters[group_size][most_counters];
};

template <class Rule>
__global__ void compute_steps(Rule rule, CounterGroup group, typename Rule::Step* steps, int n) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) steps[i] = rule.step(group.counters[i]);
}

// ---------------------------------------------------------------------------------------------------------- rules

__device__ inline float fused(float a, float b, float c) { return ::fmaf(a, b, c); }
__device__ inline double fused(double a, double b, double c) { return ::fma(a, b, c); }
__device__ inline float root(float x) { return ::sqrtf(x); }
__device__ inline double root(double x) { return ::sqrt(x); }
__device__ inline float magnitude(float x) { return ::fabsf(x); }
__device__ inline double magnitude(double x) { return ::fabs(x); }
// The second where one of them is NaN.
template <class T>
__device__ T larger(T a, T b) {
  return a > b ? a : b;
}
template <class T>
__device__ T smaller(T a, T b) {
  return a < b ? a : b;
}

// The average moved towards x by the fraction 1 - beta of the way.
template <class T>
struct Moving {
  T rest, beta;
  __device__ explicit Moving(double b) : rest(static_cast<T>(1 - b)), beta(static_cast<T>(b)) {}

  __device__ T mean(T average, T x) const { return fused(rest, x - average, average); }
  __device__ T square(T average, T x) const { return fused(x * x, rest, average * beta); }
};

// One element, with those states that `kept` says.
template <class T>
struct Element {
  T param, grad, state[most_states];
  const bool (&kept)[most_states];
};

template <class T>
__device__ void update(Element<T>& e, const SgdStep& s) {
  T change = e.grad;
  if (e.kept[0]) {
    const T momentum = static_cast<T>(s.momentum);
    e.state[0] = s.first ? e.grad : fused(e.grad, static_cast<T>(s.undamped), e.state[0] * momentum);
    change = s.nesterov ? fused(e.state[0], momentum, e.grad) : e.state[0];
  }
  e.param = fused(change, static_cast<T>(-s.lr), e.param);
}

template <class T>
__device__ void update(Element<T>& e, const AdamStep& s) {
  e.state[0] = Moving<T>(s.beta1).mean(e.state[0], e.grad);
  e.state[1] = Moving<T>(s.beta2).square(e.state[1], e.grad);
  T squares = e.state[1];
  if (e.kept[2]) squares = e.state[2] = larger(e.state[2], squares);
  e.param +=
      static_cast<T>(-s.size) * e.state[0] / fused(root(squares), static_cast<T>(s.scale), static_cast<T>(s.eps));
}

template <class T>
__device__ void update(Element<T>& e, const AdamaxStep& s) {
  e.state[0] = Moving<T>(s.beta1).mean(e.state[0], e.grad);
  e.state[1] = larger(e.state[1] * static_cast<T>(s.beta2), magnitude(e.grad) + static_cast<T>(s.eps));
  e.param += static_cast<T>(-s.size) * e.state[0] / e.state[1];
}

template <class T>
__device__ void update(Element<T>& e, const NAdamStep& s) {
  e.state[0] = Moving<T>(s.beta1).mean(e.state[0], e.grad);
  e.state[1] = Moving<T>(s.beta2).square(e.state[1], e.grad);
  const T change = fused(static_cast<T>(-s.grad_size), e.grad, static_cast<T>(-s.momentum_size) * e.state[0]);
  e.param += change / (root(e.state[1] * static_cast<T>(s.scale)) + static_cast<T>(s.eps));
}

template <class T>
__device__ void update(Element<T>& e, const RAdamStep& s) {
  e.state[0] = Moving<T>(s.beta1).mean(e.state[0], e.grad);
  e.state[1] = Moving<T>(s.beta2).square(e.state[1], e.grad);
  const T change = static_cast<T>(-s.size) * e.state[0];
  e.param += s.rectified ? change / (root(e.state[1]) + static_cast<T>(s.eps)) : change;
}

template <class T>
__device__ void update(Element<T>& e, const RMSpropStep& s) {
  const Moving<T> moving(s.alpha);
  const T lr = static_cast<T>(-s.lr);
  e.state[0] = moving.square(e.state[0], e.grad);
  T squares = e.state[0];
  if (e.kept[2]) {
    e.state[2] = moving.mean(e.state[2], e.grad);
    squares = fused(-e.state[2], e.state[2], squares);
  }
  const T denominator = root(squares) + static_cast<T>(s.eps);
  if (e.kept[1]) {
    e.state[1] = fused(e.state[1], static_cast<T>(s.momentum), e.grad / denominator);
    e.param = fused(e.state[1], lr, e.param);
  } else {
    e.param += lr * e.grad / denominator;
  }
}

template <class T>
__device__ void update(Element<T>& e, const AdagradStep& s) {
  e.state[0] = fused(e.grad, e.grad, e.state[0]);
  e.param += static_cast<T>(-s.size) * e.grad / (root(e.state[0]) + static_cast<T>(s.eps));
}

template <class T>
__device__ void update(Element<T>& e, const AdadeltaStep& s) {
  const Moving<T> moving(s.rho);
  const T eps = static_cast<T>(s.eps);
  e.state[0] = moving.square(e.state[0], e.grad);
  const T change = root(e.state[1] + eps) / root(e.state[0] + eps) * e.grad;
  e.state[1] = moving.square(e.state[1], change);
  e.param = fused(change, static_cast<T>(-s.lr), e.param);
}

template <class T>
__device__ void update(Element<T>& e, const RpropStep& s) {
  const T agreement = e.grad * e.state[0], one = 1;
  const T factor = agreement > 0 ? static_cast<T>(s.eta_plus) : agreement < 0 ? static_cast<T>(s.eta_minus) : one;
  e.state[1] = smaller(static_cast<T>(s.max), larger(static_cast<T>(s.min), e.state[1] * factor));
  e.state[0] = agreement < 0 ? T{0} : e.grad;
  e.param -= e.state[0] > 0 ? e.state[1] : e.state[0] < 0 ? -e.state[1] : T{0};
}

template <class T>
__device__ void update(Element<T>& e, const AsgdStep& s) {
  e.param = fused(e.grad, static_cast<T>(-s.size), e.param * static_cast<T>(s.shrink));
  e.state[0] = s.average == 1 ? e.param : fused(e.param - e.state[0], static_cast<T>(s.average), e.state[0]);
}

template <class T, class Step>
__device__ void take_step(Element<T>& e, const Step& s) {
  if (s.maximize) e.grad = -e.grad;
  if (s.weight_decay != 0) e.grad = fused(e.param, static_cast<T>(s.weight_decay), e.grad);
  if (s.keep != 1) e.param *= static_cast<T>(s.keep);
  update(e, s);
}

// --------------------------------------------------------------------------------------------------------- kernel

template <class S>
struct Slots {
  S* param;
  const S* grad;
  S* state[most_states];
  Index n;
  unsigned first_block;
  bool is_aligned;  // to 16 bytes, all of them
};

template <class S>
struct ParameterGroup {
  int count;
  Slots<S> slots[group_size];

  __device__ const Slots<S>& of_block(unsigned block) const {
    int low = 0, high = count;
    while (high - low > 1) {
      const int middle = (low + high) / 2;
      (slots[middle].first_block <= block ? low : high) = middle;
    }
    return slots[low];
  }
};

template <class S, int width>
struct alignas(sizeof(S) * width) Numbers {
  S v[width];
};

// Elements [at, at + width) of a parameter, in memory of type S.
template <int width, class S, class Step>
__device__ void step_elements(const Slots<S>& slots, const bool (&kept)[most_states], Index at, const Step& step) {
  using T = Widened<S>;
  using V = Numbers<S, width>;
  V param = *reinterpret_cast<const V*>(slots.param + at), state[most_states];
  const V grad = *reinterpret_cast<const V*>(slots.grad + at);
  for (int k = 0; k < most_states; ++k) {
    if (kept[k]) state[k] = *reinterpret_cast<const V*>(slots.state[k] + at);
  }
  for (int i = 0; i < width; ++i) {
    Element<T> e{widened(param.v[i]), widened(grad.v[i]), {}, kept};
    for (int k = 0; k < most_states; ++k) {
      if (kept[k]) e.state[k] = widened(state[k].v[i]);
    }
    take_step(e, step);
    param.v[i] = converted<S>(e.param);
    for (int k = 0; k < most_states; ++k) {
      if (kept[k]) state[k].v[i] = converted<S>(e.state[k]);
    }
  }
  *reinterpret_cast<V*>(slots.param + at) = param;
  for (int k = 0; k < most_states; ++k) {
    if (kept[k]) *reinterpret_cast<V*>(slots.state[k] + at) = state[k];
  }
}

// `steps` has the scalars of each parameter; where it is null all have the same.
template <class S, class Step>
__global__ void optimize_group(ParameterGroup<S> group, Step same, const Step* steps) {
  constexpr int width = 16 / sizeof(S);
  const Slots<S>& slots = group.of_block(blockIdx.x);
  const Step step = steps == nullptr ? same : steps[&slots - group.slots];
  const bool kept[most_states] = {slots.state[0] != nullptr, slots.state[1] != nullptr, slots.state[2] != nullptr};
  const Index begin = static_cast<Index>(blockIdx.x - slots.first_block) * chunk;
  const Index end = begin + chunk < slots.n ? begin + chunk : slots.n;
  Index single = begin;
  if (slots.is_aligned) {
    single = end - (end - begin) % width;
    for (Index at = begin + threadIdx.x * width; at < single; at += Index{blockDim.x} * width) {
      step_elements<width>(slots, kept, at, step);
    }
  }
  for (Index at = single + threadIdx.x; at < end; at += blockDim.x) step_elements<1>(slots, kept, at, step);
}

template <class S>
Slots<S> slots_of(const OptimParameter& p, unsigned first_block) {
  Slots<S> slots{static_cast<S*>(p.param.address()),
                 static_cast<const S*>(p.grad.address()),
                 {},
                 p.param.numel(),
                 first_block,
                 true};
  const auto is_aligned = [](const void* at) { return reinterpret_cast<std::uintptr_t>(at) % 16 == 0; };
  slots.is_aligned = is_aligned(slots.param) && is_aligned(slots.grad);
  for (int k = 0; k < most_states; ++k) {
    if (!p.states[k].storage) continue;
    slots.state[k] = static_cast<S*>(p.states[k].address());
    slots.is_aligned = slots.is_aligned && is_aligned(slots.state[k]);
  }
  return slots;
}

// Parameters of elements S, at most a group of them.
template <class S, class Step>
void launch_group(const std::vector<const OptimParameter*>& parameters, const Step& same, const Step* steps) {
  ParameterGroup<S> group{};
  unsigned blocks = 0;
  for (const OptimParameter* p : parameters) {
    group.slots[group.count++] = slots_of<S>(*p, blocks);
    blocks += static_cast<unsigned>((p->param.numel() + chunk - 1) / chunk);
  }
  if (blocks == 0) return;
  static_assert(sizeof group + sizeof same + sizeof steps <= 4096);
  launch("optim", optimize_group<S, Step>, blocks, block_threads, 0, group, same, steps);
}

// The scalars of a group's steps, in memory of the device; no storage where all have the same.
template <class Rule>
Tensor steps_of(const Rule& rule, const std::vector<const OptimParameter*>& parameters) {
  if (Rule::counters == 0) return {};
  CounterGroup group{};
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    for (int k = 0; k < Rule::counters; ++k) {
      const Tensor& number = parameters[i]->counters[k];
      group.counters[i][k] = {number.address(), number.dtype == DType::float64};
    }
  }
  const int n = static_cast<int>(parameters.size());
  Tensor steps = empty({n * static_cast<Index>(sizeof(typename Rule::Step))}, DType::uint8);
  launch("optim", compute_steps<Rule>, 1, group_size, 0, rule, group,
         static_cast<typename Rule::Step*>(steps.address()), n);
  return steps;
}

template <class F>
void visit_floats(DType t, F&& f) {
  switch (t) {
    case DType::float16:
      return f(TypeTag<Float16>{});
    case DType::bfloat16:
      return f(TypeTag<BFloat16>{});
    case DType::float32:
      return f(TypeTag<float>{});
    default:
      return f(TypeTag<double>{});
  }
}

template <class Rule>
void optimize_by(const Rule& rule, const std::vector<const OptimParameter*>& group, DType dtype) {
  using Step = typename Rule::Step;
  const Tensor steps = steps_of(rule, group);
  Step same{};
  if constexpr (Rule::counters == 0) same = rule.step(nullptr);
  visit_floats(dtype, [&](auto tag) {
    using S = typename decltype(tag)::type;
    launch_group<S>(group, same, steps.storage ? static_cast<const Step*>(steps.address()) : nullptr);
  });
}

}  // namespace

void optimize(const OptimRule& rule, const std::vector<OptimParameter>& parameters) {
  for (DType dtype : {DType::float16, DType::bfloat16, DType::float32, DType::float64}) {
    std::vector<const OptimParameter*> group;
    const auto flush = [&] {
      if (group.empty()) return;
      std::visit([&](const auto& r) { optimize_by(r, group, dtype); }, rule);
      group.clear();
    };
    for (const OptimParameter& p : parameters) {
      if (p.param.dtype != dtype) continue;
      group.push_back(&p);
      if (static_cast<int>(group.size()) == group_size) flush();
    }
    flush();
  }
}

}  // namespace fastgrad::cuda
