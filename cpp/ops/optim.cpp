// Optimizer steps over all parameters in one call.
#include <cmath>

#include "ops/iterate.h"
#include "ops/ops.h"
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

// One number for each parameter, which the step changes: how many steps there were, and the like.
class Numbers {
 public:
  Numbers(const char* op, const char* name, const Tensors& tensors, std::size_t count) : tensors_(tensors) {
    if (tensors.size() != count) fail(op, ": expected one ", name, " for each of ", count, " parameters");
    for (const Tensor& t : tensors) {
      check_inplace(op, t);
      if (t.numel() != 1 || (t.dtype != DType::float32 && t.dtype != DType::float64)) {
        fail(op, ": expected each ", name, " to be one float32 or float64 number, got ", t.sizes, " and ",
             dtype_name(t.dtype));
      }
    }
  }

  double at(std::size_t i) const {
    const Tensor& t = tensors_[i];
    return t.dtype == DType::float32 ? static_cast<double>(*t.data<float>()) : *t.data<double>();
  }
  void set(std::size_t i, double value) const {
    const Tensor& t = tensors_[i];
    if (t.dtype == DType::float32) {
      *t.data<float>() = static_cast<float>(value);
    } else {
      *t.data<double>() = value;
    }
    bump_version(t);
  }
  double next(std::size_t i) const {
    set(i, at(i) + 1);
    return at(i);
  }

 private:
  const Tensors& tensors_;
};

// One step of a rule for all parameters. All checks come before the first write: an error leaves everything as it was.
class Update {
 public:
  Update(const char* op, const Tensors& params, const Tensors& grads, std::initializer_list<State> states)
      : params_(params), grads_(grads), states_(states) {
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
  }

  // kernel(table) chooses the rule from OptimKernels; step(i) gives the scalars of parameter i.
  template <class Kernel, class Step>
  void run(const Kernel& kernel, const Step& step) const {
    for (std::size_t i = 0; i < params_.size(); ++i) {
      const auto scalars = step(i);
      visit_dtype(computed_as(params_[i].dtype), [&](auto tag) {
        using T = typename decltype(tag)::type;
        if constexpr (std::is_floating_point_v<T>) {
          run_one<T>(
              i, [&](const OptimSlots<T>& slots, Index n) { kernel(kernels().floats<T>().optim)(slots, n, scalars); });
        }
      });
    }
  }

 private:
  // 16-bit floats are computed as float32.
  static DType computed_as(DType dtype) { return is_half(dtype) ? DType::float32 : dtype; }
  static Tensor computable(const Tensor& t) { return is_half(t.dtype) ? cast(t, DType::float32) : contiguous(t); }

  // The kernel sees contiguous memory; what is not goes through a copy.
  template <class T, class F>
  void run_one(std::size_t i, const F& kernel) const {
    const Tensor param = computable(params_[i]), grad = computable(grads_[i]);
    Tensor kept[3];
    T* state[3] = {};
    for (std::size_t k = 0; k < states_.size(); ++k) {
      if (states_[k].tensors.empty()) continue;
      kept[k] = computable(states_[k].tensors[i]);
      state[k] = kept[k].data<T>();
    }
    parallel_for(0, param.numel(), pointwise_grain / 2, [&](Index begin, Index end) {
      OptimSlots<T> slots{param.data<T>() + begin, grad.data<T>() + begin, {}};
      for (int k = 0; k < 3; ++k) slots.state[k] = state[k] == nullptr ? nullptr : state[k] + begin;
      kernel(slots, end - begin);
    });
    written(params_[i], param);
    for (std::size_t k = 0; k < states_.size(); ++k) {
      if (state[k] != nullptr) written(states_[k].tensors[i], kept[k]);
    }
  }

  static void written(const Tensor& t, const Tensor& computed) {
    if (computed.storage.get() != t.storage.get()) copy_(t, computed);
    bump_version(t);
  }

  const Tensors& params_;
  const Tensors& grads_;
  std::vector<State> states_;
};

Descent descent(double weight_decay, bool maximize) { return {maximize, weight_decay, 1}; }

// Weight decay that is decoupled from the gradient: the parameter shrinks by lr * weight_decay first.
Descent descent(double lr, double weight_decay, bool decoupled, bool maximize) {
  return decoupled ? Descent{maximize, 0, 1 - lr * weight_decay} : descent(weight_decay, maximize);
}

}  // namespace

void sgd_(const Tensors& params, const Tensors& grads, const Tensors& buffers, double lr, double momentum,
          double dampening, double weight_decay, bool nesterov, bool maximize, bool first) {
  const Update update("sgd_", params, grads, {{"momentum_buffer", buffers}});
  update.run([](const auto& rules) { return rules.sgd; },
             [&](std::size_t) -> SgdStep {
               return {descent(weight_decay, maximize), lr, momentum, 1 - dampening, nesterov, first};
             });
}

void adam_(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
           const Tensors& max_exp_avg_sqs, const Tensors& steps, double lr, double beta1, double beta2, double eps,
           double weight_decay, bool decoupled, bool maximize) {
  const char* const op = "adam_";
  const Update update(op, params, grads,
                      {{"exp_avg", exp_avgs}, {"exp_avg_sq", exp_avg_sqs}, {"max_exp_avg_sq", max_exp_avg_sqs}});
  const Numbers counts(op, "step", steps, params.size());
  update.run([](const auto& rules) { return rules.adam; },
             [&](std::size_t i) -> AdamStep {
               const double t = counts.next(i);
               return {descent(lr, weight_decay, decoupled, maximize), beta1, beta2, eps, lr / (1 - std::pow(beta1, t)),
                       1 / std::sqrt(1 - std::pow(beta2, t))};
             });
}

void adamax_(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_infs,
             const Tensors& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
             bool maximize) {
  const char* const op = "adamax_";
  const Update update(op, params, grads, {{"exp_avg", exp_avgs}, {"exp_inf", exp_infs}});
  const Numbers counts(op, "step", steps, params.size());
  update.run([](const auto& rules) { return rules.adamax; },
             [&](std::size_t i) -> AdamaxStep {
               const double size = lr / (1 - std::pow(beta1, counts.next(i)));
               return {descent(weight_decay, maximize), beta1, beta2, eps, size};
             });
}

void nadam_(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
            const Tensors& mu_products, const Tensors& steps, double lr, double beta1, double beta2, double eps,
            double weight_decay, double momentum_decay, bool decoupled, bool maximize) {
  const char* const op = "nadam_";
  const Update update(op, params, grads, {{"exp_avg", exp_avgs}, {"exp_avg_sq", exp_avg_sqs}});
  const Numbers counts(op, "step", steps, params.size()), products(op, "mu_product", mu_products, params.size());
  update.run([](const auto& rules) { return rules.nadam; },
             [&](std::size_t i) -> NAdamStep {
               const double t = counts.next(i);
               const auto mu = [&](double at) { return beta1 * (1 - 0.5 * std::pow(0.96, at * momentum_decay)); };
               products.set(i, products.at(i) * mu(t));
               const double product = products.at(i), next = mu(t + 1);
               return {descent(lr, weight_decay, decoupled, maximize),
                       beta1,
                       beta2,
                       eps,
                       1 / (1 - std::pow(beta2, t)),
                       lr * (1 - mu(t)) / (1 - product),
                       lr * next / (1 - product * next)};
             });
}

void radam_(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
            const Tensors& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
            bool decoupled, bool maximize) {
  const char* const op = "radam_";
  const Update update(op, params, grads, {{"exp_avg", exp_avgs}, {"exp_avg_sq", exp_avg_sqs}});
  const Numbers counts(op, "step", steps, params.size());
  update.run([](const auto& rules) { return rules.radam; },
             [&](std::size_t i) -> RAdamStep {
               const double t = counts.next(i), power = std::pow(beta2, t), correction = 1 - power;
               // How many gradients the average of squares stands for, in the end and now.
               const double most = 2 / (1 - beta2) - 1, length = most - 2 * t * power / correction;
               const bool rectified = length > 5;
               double size = lr / (1 - std::pow(beta1, t));
               if (rectified) {
                 size *=
                     std::sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length) * correction);
               }
               return {descent(lr, weight_decay, decoupled, maximize), beta1, beta2, eps, size, rectified};
             });
}

void rmsprop_(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& buffers,
              const Tensors& grad_avgs, const Tensors& steps, double lr, double alpha, double eps, double weight_decay,
              double momentum, bool maximize) {
  const char* const op = "rmsprop_";
  const Update update(op, params, grads,
                      {{"square_avg", square_avgs}, {"momentum_buffer", buffers}, {"grad_avg", grad_avgs}});
  const Numbers counts(op, "step", steps, params.size());
  update.run([](const auto& rules) { return rules.rmsprop; },
             [&](std::size_t i) -> RMSpropStep {
               counts.next(i);
               return {descent(weight_decay, maximize), lr, alpha, eps, momentum};
             });
}

void adagrad_(const Tensors& params, const Tensors& grads, const Tensors& sums, const Tensors& steps, double lr,
              double lr_decay, double weight_decay, double eps, bool maximize) {
  const char* const op = "adagrad_";
  const Update update(op, params, grads, {{"sum", sums}});
  const Numbers counts(op, "step", steps, params.size());
  update.run([](const auto& rules) { return rules.adagrad; },
             [&](std::size_t i) -> AdagradStep {
               return {descent(weight_decay, maximize), lr / (1 + (counts.next(i) - 1) * lr_decay), eps};
             });
}

void adadelta_(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& acc_deltas,
               const Tensors& steps, double lr, double rho, double eps, double weight_decay, bool maximize) {
  const char* const op = "adadelta_";
  const Update update(op, params, grads, {{"square_avg", square_avgs}, {"acc_delta", acc_deltas}});
  const Numbers counts(op, "step", steps, params.size());
  update.run([](const auto& rules) { return rules.adadelta; },
             [&](std::size_t i) -> AdadeltaStep {
               counts.next(i);
               return {descent(weight_decay, maximize), lr, rho, eps};
             });
}

void rprop_(const Tensors& params, const Tensors& grads, const Tensors& prevs, const Tensors& step_sizes,
            const Tensors& steps, double eta_minus, double eta_plus, double min_size, double max_size, bool maximize) {
  const char* const op = "rprop_";
  const Update update(op, params, grads, {{"prev", prevs}, {"step_size", step_sizes}});
  const Numbers counts(op, "step", steps, params.size());
  update.run([](const auto& rules) { return rules.rprop; },
             [&](std::size_t i) -> RpropStep {
               counts.next(i);
               return {descent(0, maximize), eta_minus, eta_plus, min_size, max_size};
             });
}

void asgd_(const Tensors& params, const Tensors& grads, const Tensors& averages, const Tensors& mus,
           const Tensors& etas, const Tensors& steps, double lr, double lambd, double alpha, double t0,
           double weight_decay, bool maximize) {
  const char* const op = "asgd_";
  const Update update(op, params, grads, {{"ax", averages}});
  const Numbers counts(op, "step", steps, params.size()), sizes(op, "eta", etas, params.size()),
      fractions(op, "mu", mus, params.size());
  update.run([](const auto& rules) { return rules.asgd; },
             [&](std::size_t i) -> AsgdStep {
               const double t = counts.next(i), eta = sizes.at(i), mu = fractions.at(i);
               sizes.set(i, lr / std::pow(1 + lambd * lr * t, alpha));
               fractions.set(i, 1 / std::max(1.0, t - t0));
               return {descent(weight_decay, maximize), 1 - lambd * eta, eta, mu};
             });
}

}  // namespace fastgrad::ops
