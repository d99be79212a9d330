// Losses of an element and its target.
#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"
#include "ops/streamed.h"

namespace fastgrad::ops {
namespace {

// A sum is that of the sums of blocks of so many elements.
constexpr Index sum_block = 4096;

void check(const char* name, const Tensor& x, const Tensor& target) {
  if (!is_floating(x.dtype) || x.dtype != target.dtype || !(x.sizes == target.sizes)) {
    fail(name, ": expected floating-point input and target of one shape and dtype, got ", x.sizes, " and ",
         target.sizes, " of ", dtype_name(x.dtype), " and ", dtype_name(target.dtype));
  }
}

template <class T>
Tensor total_of(PointwiseLoss loss, const Tensor& x, const Tensor& target, double a, double scale) {
  const auto kernel = kernels().floats<T>().loss_pointwise.total[static_cast<int>(loss)];
  const Index n = x.numel(), blocks = (n + sum_block - 1) / sum_block;
  const Tensor sums = empty({blocks}, x.dtype);
  parallel_for(0, blocks, pointwise_grain / 4 / sum_block, [&](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) {
      const Index first = b * sum_block;
      sums.data<T>()[b] =
          kernel(x.data<T>() + first, target.data<T>() + first, std::min(sum_block, n - first), static_cast<T>(a));
    }
  });
  Tensor result = sum(sums, {}, false, std::nullopt);
  *result.data<T>() *= static_cast<T>(scale);
  return result;
}

template <class T>
Tensor values_of(PointwiseLoss loss, const Tensor& x, const Tensor& target, double a, double scale) {
  const auto kernel = kernels().floats<T>().loss_pointwise.value[static_cast<int>(loss)];
  Tensor out = empty(x.sizes, x.dtype);
  const auto source = [](const Tensor& t) { return Source{static_cast<const char*>(t.raw()), sizeof(T)}; };
  for_each_piece<2>(out, pointwise_grain / 4, {source(x), source(target)}, [&](char* to, Index i, Index n) {
    kernel(reinterpret_cast<T*>(to), x.data<T>() + i, target.data<T>() + i, n, static_cast<T>(a),
           static_cast<T>(scale));
  });
  return out;
}

Tensor on_device(const Accelerator& cuda, PointwiseLoss loss, const Tensor& x, const Tensor& target, double a,
                 bool total, double scale) {
  constexpr Index most_sums = 1024;
  if (!total) {
    const Tensor values = empty(x.sizes, x.dtype);
    cuda.pointwise_loss(loss, values, x, target, a, scale);
    return values;
  }
  const Tensor sums = empty({std::clamp<Index>(x.numel() / sum_block, 1, most_sums)}, x.dtype);
  cuda.pointwise_loss_sums(loss, sums, contiguous(x), contiguous(target), a, scale);
  return sum(sums, {}, false, std::nullopt);
}

}  // namespace

Tensor pointwise_loss(PointwiseLoss loss, const char* name, const Tensor& x, const Tensor& target, double a, bool total,
                      double scale) {
  check(name, x, target);
  if (const Accelerator* cuda = accelerator_of(x)) return on_device(*cuda, loss, x, target, a, total, scale);
  const Tensor from = contiguous(x), wanted = contiguous(target);
  Tensor result;
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      result = total ? total_of<T>(loss, from, wanted, a, scale) : values_of<T>(loss, from, wanted, a, scale);
    }
  });
  return result;
}

Tensor pointwise_loss_backward(PointwiseLoss loss, const char* name, const Tensor& g, const Tensor& x,
                               const Tensor& target, double a, double scale) {
  check(name, x, target);
  if (g.dtype != x.dtype || (g.dim() != 0 && !(g.sizes == x.sizes))) {
    fail(name, ": expected one gradient or one for each element of ", x.sizes, ", of dtype ", dtype_name(x.dtype),
         ", got ", g.sizes, " and ", dtype_name(g.dtype));
  }
  Tensor out = empty(x.sizes, x.dtype);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->pointwise_loss_backward(loss, out, g, x, target, a, scale);
    return out;
  }
  const Tensor from = contiguous(x), wanted = contiguous(target), upstream = contiguous(g);
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = kernels().floats<T>().loss_pointwise.gradient[static_cast<int>(loss)];
      const Index step = g.dim() != 0;
      const auto source = [](const Tensor& t, Index s) {
        return Source{static_cast<const char*>(t.raw()), s * static_cast<Index>(sizeof(T))};
      };
      for_each_piece<3>(out, pointwise_grain / 4, {source(upstream, step), source(from, 1), source(wanted, 1)},
                        [&](char* to, Index i, Index n) {
                          kernel(reinterpret_cast<T*>(to), upstream.data<T>() + i * step, step, from.data<T>() + i,
                                 wanted.data<T>() + i, n, static_cast<T>(a), static_cast<T>(scale));
                        });
    }
  });
  return out;
}

}  // namespace fastgrad::ops
