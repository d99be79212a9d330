// Cross-entropy of logits with class labels, in one pass forward and one backward.
#include <algorithm>
#include <limits>

#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

void check_logits(const char* op, const Tensor& logits, const Tensor& target, const OptionalTensor& weight) {
  if (logits.dim() != 2 || !is_floating(logits.dtype)) {
    fail(op, ": expected floating-point logits of shape (rows, classes), got ", logits.sizes, " and ",
         dtype_name(logits.dtype));
  }
  if (!(target.sizes == Dims{logits.sizes[0]})) {
    fail(ErrorKind::value, op, ": Expected input batch_size (", logits.sizes[0],
         ") to match target batch_size: the shapes are ", logits.sizes, " and ", target.sizes);
  }
  if (weight && (!(weight->sizes == Dims{logits.sizes[1]}) || weight->dtype != logits.dtype)) {
    fail(op, ": weight tensor should be defined for all ", logits.sizes[1], " classes and be ",
         dtype_name(logits.dtype), ", but its shape is ", weight->sizes, " and its dtype ", dtype_name(weight->dtype));
  }
}

Index row_grain(Index classes) { return std::max<Index>(1, pointwise_grain / 4 / std::max<Index>(1, classes)); }

}  // namespace

Tensor checked_labels(const char* op, const Tensor& target, Index classes, Index ignore_index) {
  if (is_floating(target.dtype) || target.dtype == DType::boolean) {
    fail(op, ": expected integer class labels (int64), got ", dtype_name(target.dtype),
         "; convert them with .long(), or give class probabilities of the same shape as the input");
  }
  const Tensor labels = contiguous(target.dtype == DType::int64 ? target : cast(target, DType::int64));
  const Index* label = labels.data<Index>();
  for (Index i = 0; i < labels.numel(); ++i) {
    if ((label[i] < 0 || label[i] >= classes) && label[i] != ignore_index) {
      fail(ErrorKind::index, op, ": Target ", label[i], " is out of bounds: row ", i, " of the target has label ",
           label[i], ", but there are ", classes, " classes, so labels go from 0 to ", classes - 1);
    }
  }
  return labels;
}

double label_weight(const Tensor& target, const OptionalTensor& weight, Index ignore_index) {
  const Index classes = weight ? weight->numel() : std::numeric_limits<Index>::max();
  const Tensor labels = checked_labels("cross_entropy", target, classes, ignore_index);
  const Tensor factors = weight ? contiguous(cast(*weight, DType::float64)) : Tensor{};
  double total = 0;
  for (Index i = 0; i < labels.numel(); ++i) {
    const Index label = labels.data<Index>()[i];
    if (label != ignore_index) total += weight ? factors.data<double>()[label] : 1.0;
  }
  return total;
}

std::pair<Tensor, Tensor> cross_entropy(const Tensor& logits, const Tensor& target, const OptionalTensor& weight,
                                        Index ignore_index) {
  check_logits("cross_entropy", logits, target, weight);
  const Index rows = logits.sizes[0], classes = logits.sizes[1];
  const Tensor x = contiguous(logits), labels = checked_labels("cross_entropy", target, classes, ignore_index);
  const Tensor class_weight = weight ? contiguous(*weight) : Tensor{};
  std::pair<Tensor, Tensor> result{empty({rows}, x.dtype), empty({rows}, x.dtype)};
  if (rows == 0) return result;
  if (classes == 0) fail("cross_entropy: there are no classes in logits of shape ", logits.sizes);
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = kernels().floats<T>().loss.cross_entropy;
      parallel_for(0, rows, row_grain(classes), [&](Index begin, Index end) {
        kernel(result.first.data<T>() + begin, result.second.data<T>() + begin, x.data<T>() + begin * classes,
               labels.data<Index>() + begin, weight ? class_weight.data<T>() : nullptr, end - begin, classes,
               ignore_index);
      });
    }
  });
  return result;
}

Tensor cross_entropy_backward(const Tensor& logits, const Tensor& normalizer, const Tensor& target,
                              const OptionalTensor& weight, const Tensor& scale, Index ignore_index) {
  check_logits("cross_entropy_backward", logits, target, weight);
  const Index rows = logits.sizes[0], classes = logits.sizes[1];
  if (scale.dtype != logits.dtype || (scale.dim() != 0 && !(scale.sizes == Dims{rows})) ||
      normalizer.dtype != logits.dtype || !(normalizer.sizes == Dims{rows})) {
    fail("cross_entropy_backward: expected one scale or one per row, got ", scale.sizes);
  }
  const Tensor x = contiguous(logits), labels = checked_labels("cross_entropy", target, classes, ignore_index);
  const Tensor class_weight = weight ? contiguous(*weight) : Tensor{};
  const Tensor kept = contiguous(normalizer), factor = contiguous(scale);
  Tensor out = empty_like(x);
  if (out.numel() == 0) return out;
  const Index step = scale.dim() == 0 ? 0 : 1;
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = kernels().floats<T>().loss.cross_entropy_backward;
      parallel_for(0, rows, row_grain(classes), [&](Index begin, Index end) {
        kernel(out.data<T>() + begin * classes, x.data<T>() + begin * classes, kept.data<T>() + begin,
               labels.data<Index>() + begin, weight ? class_weight.data<T>() : nullptr, factor.data<T>() + begin * step,
               step, end - begin, classes, ignore_index);
      });
    }
  });
  return out;
}

}  // namespace fastgrad::ops
