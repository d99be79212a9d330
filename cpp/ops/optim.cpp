// Optimizer steps over all parameters in one call.
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/overlap.h"

namespace fastgrad::ops {
namespace {

void check_like(const char* op, std::size_t i, const char* what, const Tensor& p, const Tensor& other) {
  if (other.dtype != p.dtype || !(other.sizes == p.sizes)) {
    fail(op, ": parameter ", i, " of shape ", p.sizes, " and dtype ", dtype_name(p.dtype), " needs a ", what,
         " of the same shape and dtype, got ", other.sizes, " and ", dtype_name(other.dtype));
  }
}

}  // namespace

void sgd_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& buffers,
          double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool maximize, bool first) {
  const bool with_buffers = !buffers.empty();
  if (grads.size() != params.size() || (with_buffers && buffers.size() != params.size())) {
    fail("sgd_: expected one gradient", with_buffers ? " and one buffer" : "", " for each of ", params.size(),
         " parameters, got ", grads.size(), " and ", buffers.size());
  }
  // All checks come before the first write: an error leaves every parameter as it was.
  for (std::size_t i = 0; i < params.size(); ++i) {
    check_inplace("sgd_", params[i]);
    if (!is_floating(params[i].dtype))
      fail("sgd_: parameter ", i, " is ", dtype_name(params[i].dtype), ", not a float");
    check_like("sgd_", i, "gradient", params[i], grads[i]);
    if (with_buffers) check_like("sgd_", i, "momentum buffer", params[i], buffers[i]);
  }
  for (std::size_t i = 0; i < params.size(); ++i) {
    // The kernel sees contiguous memory; what is not goes through a copy.
    const Tensor param = contiguous(params[i]), grad = contiguous(grads[i]);
    const Tensor buffer = with_buffers ? contiguous(buffers[i]) : Tensor{};
    visit_dtype(param.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) {
        parallel_for(0, param.numel(), pointwise_grain, [&](Index begin, Index end) {
          kernels().floats<T>().optim.sgd(param.data<T>() + begin, grad.data<T>() + begin,
                                          with_buffers ? buffer.data<T>() + begin : nullptr, end - begin, lr, momentum,
                                          dampening, weight_decay, nesterov, maximize, first);
        });
      }
    });
    if (param.storage.get() != params[i].storage.get()) copy_(params[i], param);
    if (with_buffers && buffer.storage.get() != buffers[i].storage.get()) copy_(buffers[i], buffer);
    bump_version(params[i]);
    if (with_buffers) bump_version(buffers[i]);
  }
}

}  // namespace fastgrad::ops
