// layer_norm and rms_norm: normalization of contiguous rows. The gradients of weight and bias are combined from those
// of blocks of rows, which never depend on the number of threads, so neither do the bits.
#include "ops/norm.h"

namespace fastgrad::ops {
namespace {

struct Rows {
  Index rows = 1, n = 1;
  Dims outer;  // the shape of one number for each row
};

Rows rows_of(const char* op, const Tensor& x, const Dims& shape) {
  const int lead = x.dim() - shape.size();
  if (shape.empty()) {
    fail(op, ": Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, got []");
  }
  Rows result;
  for (int d = 0; d < lead; ++d) {
    result.rows *= x.sizes[d];
    result.outer.push_back(x.sizes[d]);
  }
  bool fits = lead >= 0;
  for (int d = 0; fits && d < shape.size(); ++d) {
    fits = x.sizes[lead + d] == shape[d];
    result.n *= shape[d];
  }
  if (!fits) {
    fail(op, ": Given normalized_shape=", shape, ", expected input whose shape ends with it, but got input of size ",
         x.sizes);
  }
  return result;
}

Tensors3 normalize_rows(const char* op, const Tensor& input, const Dims& shape, const OptionalTensor& weight,
                        const OptionalTensor& bias, double eps, bool centred) {
  const Rows rows = rows_of(op, input, shape);
  const Tensor w = checked_parameter(op, "weight", weight, shape, input.dtype);
  const Tensor b = checked_parameter(op, "bias", bias, shape, input.dtype);
  Tensors3 result;
  with_floats(op, input, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor x = contiguous(input), y = empty(x.sizes, x.dtype), rstd = empty(rows.outer, x.dtype);
    const Tensor mean = centred ? empty(rows.outer, x.dtype) : Tensor{};
    result = {y, mean, rstd};
    if (x.numel() == 0) return;
    if (const Accelerator* cuda = accelerator_of(x)) return cuda->layer_norm(y, mean, rstd, x, w, b, rows.n, eps);
    const auto kernel = kernels().floats<T>().norm.layer_norm;
    parallel_for(0, rows.rows, grain_of(rows.n), [&](Index begin, Index end) {
      const Index at = begin * rows.n;
      kernel(y.data<T>() + at, centred ? mean.data<T>() + begin : nullptr, rstd.data<T>() + begin, x.data<T>() + at,
             data_or_null<T>(w), data_or_null<T>(b), end - begin, rows.n, static_cast<T>(eps));
    });
  });
  return result;
}

constexpr Index rows_of_a_block = 64;

Tensors3 rows_backward(const char* op, const Tensor& g, const Tensor& input, const Dims& shape,
                       const OptionalTensor& weight, const OptionalTensor& means, const Tensor& rstds, bool affine) {
  check_gradient(op, g, input);
  const Rows rows = rows_of(op, input, shape);
  const Tensor w = checked_parameter(op, "weight", weight, shape, input.dtype);
  const Tensor rstd = statistic(op, rstds, rows.rows, input.dtype);
  const Tensor mean = means ? statistic(op, *means, rows.rows, input.dtype) : Tensor{};
  if (const Accelerator* cuda = accelerator_of(input)) {
    check_floats(op, input);
    const Tensor dx = empty(input.sizes, input.dtype), none = empty({0}, input.dtype);
    const Tensor dweight = affine ? empty(shape, input.dtype) : none;
    const Tensor dbias = affine && means ? empty(shape, input.dtype) : none;
    cuda->layer_norm_backward(dx, affine ? dweight : Tensor{}, affine && means ? dbias : Tensor{}, contiguous(g),
                              contiguous(input), w, mean, rstd, rows.n);
    return {dx, dweight, dbias};
  }
  const Index blocks = affine ? (rows.rows + rows_of_a_block - 1) / rows_of_a_block : 0;
  const Tensor dweight = zeros({blocks, rows.n}, input.dtype), dbias = zeros({blocks, rows.n}, input.dtype);
  const Tensor dx = empty(input.sizes, input.dtype);
  with_floats(op, input, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (input.numel() == 0) return;
    const Tensor x = contiguous(input), upstream = contiguous(g);
    const auto kernel = kernels().floats<T>().norm.layer_norm_backward;
    const auto run = [&](Index begin, Index end, T* to_weight, T* to_bias) {
      const Index at = begin * rows.n;
      kernel(dx.data<T>() + at, to_weight, to_bias, upstream.data<T>() + at, x.data<T>() + at, data_or_null<T>(w),
             means ? mean.data<T>() + begin : nullptr, rstd.data<T>() + begin, end - begin, rows.n);
    };
    if (!affine) {
      parallel_for(0, rows.rows, grain_of(rows.n), [&](Index begin, Index end) { run(begin, end, nullptr, nullptr); });
      return;
    }
    parallel_for(0, blocks, grain_of(rows_of_a_block * rows.n), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        run(i * rows_of_a_block, std::min((i + 1) * rows_of_a_block, rows.rows), dweight.data<T>() + i * rows.n,
            means ? dbias.data<T>() + i * rows.n : nullptr);
      }
    });
  });
  if (!affine) return {dx, dweight, dbias};
  const auto total = [&](const Tensor& blocks_of) { return view(sum(blocks_of, {0}, false, {}), shape); };
  return {dx, total(dweight), means ? total(dbias) : dbias};
}

}  // namespace

Tensors3 layer_norm(const Tensor& x, const Dims& shape, const OptionalTensor& weight, const OptionalTensor& bias,
                    double eps) {
  return normalize_rows("layer_norm", x, shape, weight, bias, eps, true);
}

Tensors3 layer_norm_backward(const Tensor& g, const Tensor& x, const Dims& shape, const OptionalTensor& weight,
                             const Tensor& mean, const Tensor& rstd, bool affine) {
  return rows_backward("layer_norm", g, x, shape, weight, mean, rstd, affine);
}

std::pair<Tensor, Tensor> rms_norm(const Tensor& x, const Dims& shape, const OptionalTensor& weight, double eps) {
  const Tensors3 all = normalize_rows("rms_norm", x, shape, weight, {}, eps, false);
  return {std::get<0>(all), std::get<2>(all)};
}

std::pair<Tensor, Tensor> rms_norm_backward(const Tensor& g, const Tensor& x, const Dims& shape,
                                            const OptionalTensor& weight, const Tensor& rstd) {
  const Tensors3 all = rows_backward("rms_norm", g, x, shape, weight, {}, rstd, weight.has_value());
  return {std::get<0>(all), std::get<1>(all)};
}

}  // namespace fastgrad::ops
