// Optimizer steps over all parameters in one call.
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/overlap.h"

namespace fastgrad::ops {

void sgd_(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& buffers,
          double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool maximize,
          bool first) {
  const bool with_buffers = !buffers.empty();
  if (grads.size() != params.size() || (with_buffers && buffers.size() != params.size())) {
    fail("sgd_: expected one gradient", with_buffers ? " and one buffer" : "", " for each of ", params.size(),
         " parameters, got ", grads.size(), " and ", buffers.size());
  }
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Tensor &p = params[i], &g = grads[i];
    check_inplace("sgd_", p);
    if (!is_floating(p.dtype) || g.dtype != p.dtype || !(g.sizes == p.sizes) ||
        (with_buffers && (buffers[i].dtype != p.dtype || !(buffers[i].sizes == p.sizes)))) {
      fail("sgd_: parameter ", i, " of shape ", p.sizes, " and dtype ", dtype_name(p.dtype),
           " needs a gradient and a buffer like itself, got a gradient of shape ", g.sizes, " and dtype ",
           dtype_name(g.dtype));
    }
    // The kernel sees contiguous memory; a parameter that is not goes through a copy.
    const Tensor param = contiguous(p), grad = contiguous(g);
    const Tensor buffer = with_buffers ? contiguous(buffers[i]) : Tensor{};
    visit_dtype(p.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) {
        parallel_for(0, p.numel(), pointwise_grain, [&](Index begin, Index end) {
          kernels().floats<T>().optim.sgd(param.data<T>() + begin, grad.data<T>() + begin,
                                          with_buffers ? buffer.data<T>() + begin : nullptr, end - begin,
                                          static_cast<T>(lr), static_cast<T>(momentum), static_cast<T>(dampening),
                                          static_cast<T>(weight_decay), nesterov, maximize, first);
        });
      }
    });
    if (param.storage.get() != p.storage.get()) copy_(p, param);
    if (with_buffers && buffer.storage.get() != buffers[i].storage.get()) copy_(buffers[i], buffer);
    bump_version(p);
    if (with_buffers) bump_version(buffers[i]);
  }
}

}  // namespace fastgrad::ops
