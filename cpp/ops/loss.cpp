// Cross-entropy of logits with class labels, in one pass forward and one backward.
#include <algorithm>
#include <limits>

#include "accelerator.h"
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

// The sum of the weights (1 each without weights) of the labels that are not ignored.
double weight_of(const Tensor& labels, const OptionalTensor& weight, Index ignore_index) {
  const Index* label = labels.data<Index>();
  if (!weight) {
    return static_cast<double>(labels.numel() - std::count(label, label + labels.numel(), ignore_index));
  }
  const Tensor factors = contiguous(cast(*weight, DType::float64));
  double total = 0;
  for (Index i = 0; i < labels.numel(); ++i) {
    if (label[i] != ignore_index) total += factors.data<double>()[label[i]];
  }
  return total;
}

// `smoothing` of the target is spread over all classes.
template <class T>
LabelOptions<T> label_options(const Tensor& class_weight, Index classes, Index ignore_index, double smoothing) {
  const bool weighted = class_weight.storage.get() != nullptr;
  double total = weighted ? 0 : static_cast<double>(classes);
  if (weighted) {
    for (Index c = 0; c < classes; ++c) total += static_cast<double>(class_weight.data<T>()[c]);
  }
  const double spread = smoothing / static_cast<double>(classes);
  return {weighted ? class_weight.data<T>() : nullptr, ignore_index, static_cast<T>(1 - smoothing),
          static_cast<T>(spread), static_cast<T>(total)};
}

}  // namespace

namespace {

// Without a branch for each label: most are right.
bool labels_fit(const Index* label, Index n, Index classes, Index ignore_index) {
  bool fit = true;
  for (Index i = 0; i < n; ++i) {
    const bool in_range = static_cast<std::uint64_t>(label[i]) < static_cast<std::uint64_t>(classes);
    fit &= in_range | (label[i] == ignore_index);
  }
  return fit;
}

}  // namespace

namespace {

Tensor integer_labels(const char* op, const Tensor& target) {
  if (is_floating(target.dtype) || target.dtype == DType::boolean) {
    fail(op, ": expected integer class labels (int64), got ", dtype_name(target.dtype),
         "; convert them with .long(), or give class probabilities of the same shape as the input");
  }
  return contiguous(target.dtype == DType::int64 ? target : cast(target, DType::int64));
}

// What a CUDA kernel is told of the labels. It checks them itself, so that the host need not wait.
class DeviceLabels {
 public:
  DeviceLabels(const char* op, const Tensor& target, const OptionalTensor& weight, Index classes, Index ignore_index)
      : target_(integer_labels(op, target)),
        weight_(weight ? contiguous(*weight) : Tensor{}),
        all{op, target_, weight ? &weight_ : nullptr, classes, ignore_index} {}
  DeviceLabels(const DeviceLabels&) = delete;
  DeviceLabels& operator=(const DeviceLabels&) = delete;

 private:
  Tensor target_, weight_;

 public:
  const Labels all;
};

[[noreturn]] void fail_no_classes(const Tensor& logits) {
  fail("cross_entropy: there are no classes in logits of shape ", logits.sizes);
}

// The losses, or their total, and what that was divided by.
std::pair<Tensor, Tensor> totalled(const Accelerator& cuda, const Labels& labels, const Tensor& losses, bool total,
                                   bool average) {
  const Tensor divisor = empty({}, losses.dtype), sum = total ? empty({}, losses.dtype) : losses;
  cuda.label_total(labels, average, divisor, total ? &sum : nullptr, total ? &losses : nullptr);
  return {sum, divisor};
}

}  // namespace

Tensor checked_labels(const char* op, const Tensor& target, Index classes, Index ignore_index) {
  if (const Accelerator* cuda = accelerator_of(target)) {
    const DeviceLabels labels(op, target, {}, classes, ignore_index);
    const Tensor out = empty(target.sizes, DType::int64);
    cuda->checked_labels(labels.all, out);
    return out;
  }
  const Tensor labels = integer_labels(op, target);
  const Index* label = labels.data<Index>();
  if (labels_fit(label, labels.numel(), classes, ignore_index)) return labels;
  for (Index i = 0; i < labels.numel(); ++i) {
    if ((label[i] < 0 || label[i] >= classes) && label[i] != ignore_index) {
      fail(ErrorKind::index, op, ": Target ", label[i], " is out of bounds: row ", i, " of the target has label ",
           label[i], ", but there are ", classes, " classes, so labels go from 0 to ", classes - 1);
    }
  }
  return labels;
}

std::pair<Tensor, Tensor> nll_loss(const Tensor& log_p, const Tensor& target, const OptionalTensor& weight,
                                   Index ignore_index, bool total, bool average) {
  check_logits("nll_loss", log_p, target, weight);
  const Index rows = log_p.sizes[0], step = log_p.strides[0], class_step = log_p.strides[1];
  if (const Accelerator* cuda = accelerator_of(log_p)) {
    const DeviceLabels labels("nll_loss", target, weight, log_p.sizes[1], ignore_index);
    const Tensor losses = empty({rows}, log_p.dtype);
    cuda->nll_loss(labels.all, losses, log_p);
    return totalled(*cuda, labels.all, losses, total, average);
  }
  const Tensor labels = checked_labels("nll_loss", target, log_p.sizes[1], ignore_index);
  const Tensor factors = weight ? contiguous(*weight) : Tensor{};
  const Tensor losses = empty({rows}, log_p.dtype), divisor = empty({}, log_p.dtype);
  Tensor result = losses;
  visit_dtype(log_p.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      parallel_for(0, rows, pointwise_grain / 4, [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
          const Index label = labels.data<Index>()[r];
          const bool counts = label != ignore_index;
          const T loss = counts ? -log_p.data<T>()[r * step + label * class_step] : T{0};
          losses.data<T>()[r] = counts && weight ? loss * factors.data<T>()[label] : loss;
        }
      });
      *divisor.data<T>() = average ? static_cast<T>(weight_of(labels, weight, ignore_index)) : T{1};
      if (total) {
        result = sum(losses, {}, false, std::nullopt);
        *result.data<T>() /= *divisor.data<T>();
      }
    }
  });
  return {result, divisor};
}

Tensor nll_loss_backward(const Tensor& g, const Tensor& target, const OptionalTensor& weight, const Tensor& divisor,
                         Index ignore_index, Index classes) {
  const char* const op = "nll_loss_backward";
  if (!is_floating(g.dtype) || target.dim() != 1 || (g.dim() != 0 && !(g.sizes == target.sizes)) ||
      divisor.dtype != g.dtype || divisor.numel() != 1 ||
      (weight && (weight->dtype != g.dtype || !(weight->sizes == Dims{classes})))) {
    fail(op, ": the arguments are not those of the forward");
  }
  const Index rows = target.sizes[0], step = g.dim();
  if (const Accelerator* cuda = accelerator_of(g)) {
    const DeviceLabels labels("nll_loss", target, weight, classes, ignore_index);
    const Tensor out = empty({rows, classes}, g.dtype);
    cuda->nll_loss_backward(labels.all, out, contiguous(g), divisor);
    return out;
  }
  const Tensor labels = checked_labels("nll_loss", target, classes, ignore_index), upstream = contiguous(g);
  const Tensor factors = weight ? contiguous(*weight) : Tensor{};
  Tensor out = empty({rows, classes}, g.dtype);
  visit_dtype(g.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const T scale = -1 / *divisor.data<T>();
      parallel_for(0, rows, row_grain(classes), [&](Index begin, Index end) {
        std::fill_n(out.data<T>() + begin * classes, (end - begin) * classes, T{0});
        for (Index r = begin; r < end; ++r) {
          const Index label = labels.data<Index>()[r];
          if (label == ignore_index) continue;
          const T d = upstream.data<T>()[r * step] * scale;
          out.data<T>()[r * classes + label] = weight ? d * factors.data<T>()[label] : d;
        }
      });
    }
  });
  return out;
}

double label_weight(const Tensor& target, const OptionalTensor& weight, Index ignore_index) {
  const Index classes = weight ? weight->numel() : std::numeric_limits<Index>::max();
  if (const Accelerator* cuda = accelerator_of(target)) {
    const Tensor factors = weight ? cast(*weight, DType::float64) : Tensor{};
    const DeviceLabels labels("cross_entropy", target, weight ? OptionalTensor(factors) : OptionalTensor{}, classes,
                              ignore_index);
    const Tensor divisor = empty({}, DType::float64);
    cuda->label_total(labels.all, true, divisor, nullptr, nullptr);
    return item(divisor).floating;
  }
  const Tensor labels = checked_labels("cross_entropy", target, classes, ignore_index);
  return weight_of(labels, weight, ignore_index);
}

Tensors3 cross_entropy(const Tensor& logits, const Tensor& target, const OptionalTensor& weight, Index ignore_index,
                       double smoothing, bool total, bool average) {
  check_logits("cross_entropy", logits, target, weight);
  const Index rows = logits.sizes[0], classes = logits.sizes[1];
  const Tensor x = contiguous(logits);
  if (const Accelerator* cuda = accelerator_of(x)) {
    if (rows != 0 && classes == 0) fail_no_classes(logits);
    const DeviceLabels labels("cross_entropy", target, weight, classes, ignore_index);
    const Tensor losses = empty({rows}, x.dtype), kept = empty({rows, 2}, x.dtype);
    cuda->cross_entropy(labels.all, smoothing, losses, kept, x);
    const auto [result, divisor] = totalled(*cuda, labels.all, losses, total, average);
    return {result, kept, divisor};
  }
  const Tensor labels = checked_labels("cross_entropy", target, classes, ignore_index);
  if (rows != 0 && classes == 0) fail_no_classes(logits);
  const Tensor class_weight = weight ? contiguous(*weight) : Tensor{};
  const Tensor losses = empty({rows}, x.dtype), kept = empty({rows, 2}, x.dtype), divisor = empty({}, x.dtype);
  Tensor result = losses;
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = kernels().floats<T>().loss.cross_entropy;
      const LabelOptions<T> options = label_options<T>(class_weight, classes, ignore_index, smoothing);
      parallel_for(0, rows, row_grain(classes), [&](Index begin, Index end) {
        kernel(losses.data<T>() + begin, kept.data<T>() + 2 * begin, x.data<T>() + begin * classes,
               labels.data<Index>() + begin, options, end - begin, classes);
      });
      *divisor.data<T>() = average ? static_cast<T>(weight_of(labels, weight, ignore_index)) : T{1};
      if (total) {
        result = sum(losses, {}, false, std::nullopt);
        *result.data<T>() /= *divisor.data<T>();
      }
    }
  });
  return {result, kept, divisor};
}

Tensor cross_entropy_backward(const Tensor& g, const Tensor& logits, const Tensor& kept, const Tensor& target,
                              const OptionalTensor& weight, const Tensor& divisor, Index ignore_index,
                              double smoothing) {
  const char* const op = "cross_entropy_backward";
  check_logits(op, logits, target, weight);
  const Index rows = logits.sizes[0], classes = logits.sizes[1];
  if (g.dtype != logits.dtype || (g.dim() != 0 && !(g.sizes == Dims{rows}))) {
    fail(op, ": expected one gradient or one for each of ", rows, " rows, of dtype ", dtype_name(logits.dtype),
         ", got ", g.sizes, " and ", dtype_name(g.dtype));
  }
  if (kept.dtype != logits.dtype || !(kept.sizes == Dims{rows, 2}) || divisor.dtype != logits.dtype ||
      divisor.numel() != 1) {
    fail(op, ": what was kept is not that of the forward");
  }
  const Tensor x = contiguous(logits), numbers = contiguous(kept), upstream = contiguous(g);
  Tensor out = empty_like(x);
  if (const Accelerator* cuda = accelerator_of(x)) {
    const DeviceLabels labels("cross_entropy", target, weight, classes, ignore_index);
    cuda->cross_entropy_backward(labels.all, smoothing, out, upstream, x, numbers, divisor);
    return out;
  }
  const Tensor labels = checked_labels("cross_entropy", target, classes, ignore_index);
  const Tensor class_weight = weight ? contiguous(*weight) : Tensor{};
  if (out.numel() == 0) return out;
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const auto kernel = kernels().floats<T>().loss.cross_entropy_backward;
      const LabelOptions<T> options = label_options<T>(class_weight, classes, ignore_index, smoothing);
      const Index step = g.dim();
      const T one_scale = *upstream.data<T>() / *divisor.data<T>();  // the divisor is 1 where each row has its own
      const T* scale = step == 0 ? &one_scale : upstream.data<T>();
      parallel_for(0, rows, row_grain(classes), [&](Index begin, Index end) {
        kernel(out.data<T>() + begin * classes, x.data<T>() + begin * classes, numbers.data<T>() + 2 * begin,
               labels.data<Index>() + begin, options, scale + begin * step, step, end - begin, classes);
      });
    }
  });
  return out;
}

}  // namespace fastgrad::ops
