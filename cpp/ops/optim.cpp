// Optimizer steps over all parameters in one call.
#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/optim_rules.h"
#include "ops/overlap.h"

namespace fastgrad::ops {
namespace {

using Tensors = std::vector<Tensor>;

void check_like(const char* op, std::size_t i, const char* what, const Tensor& p, const Tensor& other) {
  if (other.dtype != p.dtype || !(other.sizes == p.sizes)) {
    fail(op, ": parameter ", i, " of shape ", p.sizes, " and dtype ", dtype_name(p.dtype), " needs a ", what,
         " of the same shape and dtype, got ", other.sizes, " and ", dtype_name(other.dtype));
  }
}

// What a rule keeps for each parameter: one tensor of its shape for each of them, or none at all.
struct State {
  const char* name;
  const Tensors& tensors;
};

// One number for each parameter, which the step changes.
struct Numbers {
  const char* name;
  const Tensors& tensors;
};

// One step of a rule for all parameters. All checks come before the first write: an error leaves everything as it was.
class Update {
 public:
  Update(const char* op, const Tensors& params, const Tensors& grads, std::initializer_list<State> states,
         std::initializer_list<Numbers> numbers)
      : params_(params), grads_(grads), states_(states), numbers_(numbers) {
    if (grads.size() != params.size()) {
      fail(op, ": expected one gradient for each of ", params.size(), " parameters, got ", grads.size());
    }
    for (const State& s : states_) {
      if (s.tensors.empty() || s.tensors.size() == params.size()) continue;
      fail(op, ": expected one ", s.name, " for each of ", params.size(), " parameters, got ", s.tensors.size());
    }
    for (std::size_t i = 0; i < params.size(); ++i) {
      check_inplace(op, params[i]);
      if (!is_floating(params[i].dtype)) {
        fail(op, ": parameter ", i, " is ", dtype_name(params[i].dtype), ", not a float");
      }
      check_like(op, i, "gradient", params[i], grads[i]);
      for (const State& s : states_) {
        if (s.tensors.empty()) continue;
        check_inplace(op, s.tensors[i]);
        check_like(op, i, s.name, params[i], s.tensors[i]);
      }
    }
    for (const Numbers& n : numbers_) check_numbers(op, n);
  }

  // kernel(table) chooses the rule from OptimKernels.
  template <class Rule, class Kernel>
  void run(const Rule& rule, const Kernel& kernel) const {
    if (params_.empty()) return;
    if (const Accelerator* cuda = accelerator_of(params_.front())) return run_on(*cuda, rule);
    for (std::size_t i = 0; i < params_.size(); ++i) {
      Counter counters[most_counters];
      for (std::size_t k = 0; k < numbers_.size(); ++k) {
        const Tensor& t = numbers_[k].tensors[i];
        counters[k] = {t.raw(), t.dtype == DType::float64};
      }
      const auto scalars = rule.step(counters);
      visit_dtype(computed_as(params_[i].dtype), [&](auto tag) {
        using T = typename decltype(tag)::type;
        if constexpr (std::is_floating_point_v<T>) {
          run_one<T>(
              i, [&](const OptimSlots<T>& slots, Index n) { kernel(kernels().floats<T>().optim)(slots, n, scalars); });
        }
      });
      bump_numbers(i);
    }
  }

 private:
  void check_numbers(const char* op, const Numbers& n) const {
    if (n.tensors.size() != params_.size()) {
      fail(op, ": expected one ", n.name, " for each of ", params_.size(), " parameters");
    }
    for (const Tensor& t : n.tensors) {
      check_inplace(op, t);
      if (t.numel() != 1 || (t.dtype != DType::float32 && t.dtype != DType::float64)) {
        fail(op, ": expected each ", n.name, " to be one float32 or float64 number, got ", t.sizes, " and ",
             dtype_name(t.dtype));
      }
    }
  }

  void bump_numbers(std::size_t i) const {
    for (const Numbers& n : numbers_) bump_version(n.tensors[i]);
  }

  // 16-bit floats are computed as float32.
  static DType computed_as(DType dtype) { return is_half(dtype) ? DType::float32 : dtype; }
  static Tensor computable(const Tensor& t) { return is_half(t.dtype) ? cast(t, DType::float32) : contiguous(t); }

  // The kernel sees contiguous memory; what is not goes through a copy.
  template <class T, class F>
  void run_one(std::size_t i, const F& kernel) const {
    const Tensor param = computable(params_[i]), grad = computable(grads_[i]);
    Tensor kept[most_states];
    T* state[most_states] = {};
    for (std::size_t k = 0; k < states_.size(); ++k) {
      if (states_[k].tensors.empty()) continue;
      kept[k] = computable(states_[k].tensors[i]);
      state[k] = kept[k].data<T>();
    }
    parallel_for(0, param.numel(), pointwise_grain / 2, [&](Index begin, Index end) {
      OptimSlots<T> slots{param.data<T>() + begin, grad.data<T>() + begin, {}};
      for (int k = 0; k < most_states; ++k) slots.state[k] = state[k] == nullptr ? nullptr : state[k] + begin;
      kernel(slots, end - begin);
    });
    written(params_[i], param);
    for (std::size_t k = 0; k < states_.size(); ++k) {
      if (state[k] != nullptr) written(states_[k].tensors[i], kept[k]);
    }
  }

  void run_on(const Accelerator& cuda, const OptimRule& rule) const {
    std::vector<OptimParameter> all(params_.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].param = contiguous(params_[i]);
      all[i].grad = contiguous(grads_[i]);
      for (std::size_t k = 0; k < states_.size(); ++k) {
        if (!states_[k].tensors.empty()) all[i].states[k] = contiguous(states_[k].tensors[i]);
      }
      for (std::size_t k = 0; k < numbers_.size(); ++k) all[i].counters[k] = numbers_[k].tensors[i];
    }
    cuda.optimize(rule, all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      written(params_[i], all[i].param);
      for (std::size_t k = 0; k < states_.size(); ++k) {
        if (!states_[k].tensors.empty()) written(states_[k].tensors[i], all[i].states[k]);
      }
      bump_numbers(i);
    }
  }

  static void written(const Tensor& t, const Tensor& computed) {
    if (computed.storage.get() != t.storage.get()) copy_(t, computed);
    bump_version(t);
  }

  const Tensors& params_;
  const Tensors& grads_;
  std::vector<State> states_;
  std::vector<Numbers> numbers_;
};

Descent descent(double weight_decay, bool maximize) { return {maximize, weight_decay, 1}; }

// Weight decay that is decoupled from the gradient: the parameter shrinks by lr * weight_decay first.
Descent descent(double lr, double weight_decay, bool decoupled, bool maximize) {
  return decoupled ? Descent{maximize, 0, 1 - lr * weight_decay} : descent(weight_decay, maximize);
}

}  // namespace

void sgd_(const Tensors& params, const Tensors& grads, const Tensors& buffers, double lr, double momentum,
          double dampening, double weight_decay, bool nesterov, bool maximize, bool first) {
  const Update update("sgd_", params, grads, {{"momentum_buffer", buffers}}, {});
  update.run(SgdRule{{descent(weight_decay, maximize), lr, momentum, 1 - dampening, nesterov, first}},
             [](const auto& rules) { return rules.sgd; });
}

void adam_(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
           const Tensors& max_exp_avg_sqs, const Tensors& steps, double lr, double beta1, double beta2, double eps,
           double weight_decay, bool decoupled, bool maximize) {
  const Update update("adam_", params, grads,
                      {{"exp_avg", exp_avgs}, {"exp_avg_sq", exp_avg_sqs}, {"max_exp_avg_sq", max_exp_avg_sqs}},
                      {{"step", steps}});
  update.run(AdamRule{descent(lr, weight_decay, decoupled, maximize), lr, beta1, beta2, eps},
             [](const auto& rules) { return rules.adam; });
}

void adamax_(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_infs,
             const Tensors& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
             bool maximize) {
  const Update update("adamax_", params, grads, {{"exp_avg", exp_avgs}, {"exp_inf", exp_infs}}, {{"step", steps}});
  update.run(AdamaxRule{descent(weight_decay, maximize), lr, beta1, beta2, eps},
             [](const auto& rules) { return rules.adamax; });
}

void nadam_(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
            const Tensors& mu_products, const Tensors& steps, double lr, double beta1, double beta2, double eps,
            double weight_decay, double momentum_decay, bool decoupled, bool maximize) {
  const Update update("nadam_", params, grads, {{"exp_avg", exp_avgs}, {"exp_avg_sq", exp_avg_sqs}},
                      {{"step", steps}, {"mu_product", mu_products}});
  update.run(NAdamRule{descent(lr, weight_decay, decoupled, maximize), lr, beta1, beta2, eps, momentum_decay},
             [](const auto& rules) { return rules.nadam; });
}

void radam_(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
            const Tensors& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
            bool decoupled, bool maximize) {
  const Update update("radam_", params, grads, {{"exp_avg", exp_avgs}, {"exp_avg_sq", exp_avg_sqs}}, {{"step", steps}});
  update.run(RAdamRule{descent(lr, weight_decay, decoupled, maximize), lr, beta1, beta2, eps},
             [](const auto& rules) { return rules.radam; });
}

void rmsprop_(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& buffers,
              const Tensors& grad_avgs, const Tensors& steps, double lr, double alpha, double eps, double weight_decay,
              double momentum, bool maximize) {
  const Update update("rmsprop_", params, grads,
                      {{"square_avg", square_avgs}, {"momentum_buffer", buffers}, {"grad_avg", grad_avgs}},
                      {{"step", steps}});
  update.run(RMSpropRule{{descent(weight_decay, maximize), lr, alpha, eps, momentum}},
             [](const auto& rules) { return rules.rmsprop; });
}

void adagrad_(const Tensors& params, const Tensors& grads, const Tensors& sums, const Tensors& steps, double lr,
              double lr_decay, double weight_decay, double eps, bool maximize) {
  const Update update("adagrad_", params, grads, {{"sum", sums}}, {{"step", steps}});
  update.run(AdagradRule{descent(weight_decay, maximize), lr, lr_decay, eps},
             [](const auto& rules) { return rules.adagrad; });
}

void adadelta_(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& acc_deltas,
               const Tensors& steps, double lr, double rho, double eps, double weight_decay, bool maximize) {
  const Update update("adadelta_", params, grads, {{"square_avg", square_avgs}, {"acc_delta", acc_deltas}},
                      {{"step", steps}});
  update.run(AdadeltaRule{{descent(weight_decay, maximize), lr, rho, eps}},
             [](const auto& rules) { return rules.adadelta; });
}

void rprop_(const Tensors& params, const Tensors& grads, const Tensors& prevs, const Tensors& step_sizes,
            const Tensors& steps, double eta_minus, double eta_plus, double min_size, double max_size, bool maximize) {
  const Update update("rprop_", params, grads, {{"prev", prevs}, {"step_size", step_sizes}}, {{"step", steps}});
  update.run(RpropRule{{descent(0, maximize), eta_minus, eta_plus, min_size, max_size}},
             [](const auto& rules) { return rules.rprop; });
}

void asgd_(const Tensors& params, const Tensors& grads, const Tensors& averages, const Tensors& mus,
           const Tensors& etas, const Tensors& steps, double lr, double lambd, double alpha, double t0,
           double weight_decay, bool maximize) {
  const Update update("asgd_", params, grads, {{"ax", averages}}, {{"step", steps}, {"eta", etas}, {"mu", mus}});
  update.run(AsgdRule{descent(weight_decay, maximize), lr, lambd, alpha, t0},
             [](const auto& rules) { return rules.asgd; });
}

}  // namespace fastgrad::ops
