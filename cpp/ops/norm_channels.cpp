// batch_norm: normalization of channels over the batch. The statistics of a channel are combined from those of its
// pieces, which never depend on the number of threads, so neither do the bits.
#include <cmath>

#include "ops/norm.h"
#include "ops/overlap.h"

namespace fastgrad::ops {
namespace {

// Contiguous memory seen as [batch, channels, inner]. Where `inner` is long, each of its runs is a row of the matrix
// that the kernels see; where it is short, a row is a whole [channels, inner].
struct Grid {
  static constexpr Index row_block = 128, column_block = 256;

  Index batch, channels, inner;
  bool by_row;

  Grid(Index b, Index c, Index i) : batch(b), channels(c), inner(i), by_row(i >= long_run) {}

  Index count() const { return std::max<Index>(1, batch * inner); }  // elements of a channel
  // The matrix is cut into pieces, each with numbers[channels][width()]; a piece has elements(p) of each number.
  Index pieces() const { return by_row ? batch : (batch + row_block - 1) / row_block; }
  Index width() const { return by_row ? 1 : inner; }
  Index elements(Index p) const { return by_row ? inner : std::min(row_block, batch - p * row_block); }
  Index partial_count() const { return pieces() * channels * width(); }

  template <class T>
  const ChannelKernels<T>& kernels() const {
    const NormKernels<T>& all = fastgrad::kernels().floats<T>().norm;
    return by_row ? all.by_row : all.by_column;
  }
};

// A part of the matrix: where its first element is, and the place of its numbers among the parameters (which `spread`
// makes) and among the partial results.
struct Tile {
  Index element, parameter, partial, rows, n, stride;
};

template <class F>
void for_each_tile(const Grid& grid, const F& f) {
  if (grid.by_row) {
    parallel_for(0, grid.batch * grid.channels, grain_of(grid.inner), [&](Index begin, Index end) {
      f(Tile{begin * grid.inner, begin, begin, end - begin, grid.inner, grid.inner});
    });
    return;
  }
  const Index n = grid.channels * grid.inner, across = (n + Grid::column_block - 1) / Grid::column_block;
  parallel_for(0, grid.pieces() * across, grain_of(Grid::row_block * std::min(n, Grid::column_block)),
               [&](Index begin, Index end) {
                 for (Index i = begin; i < end; ++i) {
                   const Index piece = i / across, column = i % across * Grid::column_block;
                   f(Tile{piece * Grid::row_block * n + column, column, piece * n + column, grid.elements(piece),
                          std::min(Grid::column_block, n - column), n});
                 }
               });
}

// The numbers of the channels, one for each row or column of the matrix.
template <class T, class S>
Numbers<T> spread(const Grid& grid, const Numbers<S>& channels) {
  const Index copies = grid.by_row ? grid.batch : 1;
  Numbers<T> all;
  all.reserve(static_cast<std::size_t>(copies * grid.channels * grid.width()));
  for (Index i = 0; i < copies; ++i) {
    for (const S number : channels)
      all.insert(all.end(), static_cast<std::size_t>(grid.width()), static_cast<T>(number));
  }
  return all;
}

struct Moments {
  Numbers<double> mean, squares;
};

// Means of pieces and their sums of squared differences, as those of whole channels.
template <class T>
Moments combined(const Grid& grid, const Numbers<T>& mean, const Numbers<T>& squares) {
  Moments result{Numbers<double>(grid.channels), Numbers<double>(grid.channels)};
  const auto for_each_part = [&](Index c, const auto& f) {
    for (Index p = 0; p < grid.pieces(); ++p) {
      const Index first = (p * grid.channels + c) * grid.width();
      for (Index i = first; i < first + grid.width(); ++i) f(i, static_cast<double>(grid.elements(p)));
    }
  };
  for (Index c = 0; c < grid.channels; ++c) {
    double sum = 0, total = 0;
    for_each_part(c, [&](Index i, double n) { sum += n * mean[i]; });
    const double centre = sum / static_cast<double>(grid.count());
    for_each_part(c, [&](Index i, double n) { total += squares[i] + n * (mean[i] - centre) * (mean[i] - centre); });
    result.mean[c] = centre;
    result.squares[c] = total;
  }
  return result;
}

template <class T>
Moments moments(const Grid& grid, const Tensor& x) {
  Numbers<T> mean(grid.partial_count()), squares(grid.partial_count());
  if (x.numel() == 0) return combined(grid, mean, squares);
  for_each_tile(grid, [&](const Tile& t) {
    grid.kernels<T>().moments(&mean[t.partial], &squares[t.partial], x.data<T>() + t.element, t.rows, t.n, t.stride);
  });
  return combined(grid, mean, squares);
}

// For each channel sum(g) and sum(g * (x - mean)).
struct Products {
  Numbers<double> total, product;
};

template <class T>
Products products(const Grid& grid, const Tensor& g, const Tensor& x, const Numbers<double>& mean) {
  const Numbers<T> means = spread<T>(grid, mean);
  Numbers<T> total(grid.partial_count()), product(grid.partial_count());
  for_each_tile(grid, [&](const Tile& t) {
    grid.kernels<T>().products(&total[t.partial], &product[t.partial], g.data<T>() + t.element, x.data<T>() + t.element,
                               &means[t.parameter], t.rows, t.n, t.stride);
  });
  Products result{Numbers<double>(grid.channels), Numbers<double>(grid.channels)};
  for (Index i = 0; i < grid.partial_count(); ++i) {
    const Index c = i / grid.width() % grid.channels;
    result.total[c] += total[i];
    result.product[c] += product[i];
  }
  return result;
}

// y = (x - mean) * scale + shift with the numbers of each channel.
template <class T>
Tensor normalized(const Grid& grid, const Tensor& x, const Numbers<double>& mean, const Numbers<double>& scale,
                  const Numbers<double>& shift) {
  const Tensor y = empty(x.sizes, x.dtype);
  const Numbers<T> m = spread<T>(grid, mean), k = spread<T>(grid, scale), b = spread<T>(grid, shift);
  for_each_tile(grid, [&](const Tile& t) {
    grid.kernels<T>().normalize(y.data<T>() + t.element, x.data<T>() + t.element, &m[t.parameter], &k[t.parameter],
                                &b[t.parameter], t.rows, t.n, t.stride);
  });
  return y;
}

// The numbers with which dx = g * a + (x - mean) * b + c.
struct Factors {
  Numbers<double> mean, a, b, c;
};

template <class T>
Tensor gradient(const Grid& grid, const Tensor& g, const Tensor& x, const Factors& factors) {
  const Tensor dx = empty(x.sizes, x.dtype);
  const Numbers<T> m = spread<T>(grid, factors.mean), a = spread<T>(grid, factors.a), b = spread<T>(grid, factors.b),
                   c = spread<T>(grid, factors.c);
  for_each_tile(grid, [&](const Tile& t) {
    grid.kernels<T>().combine(dx.data<T>() + t.element, g.data<T>() + t.element, x.data<T>() + t.element,
                              &m[t.parameter], &a[t.parameter], &b[t.parameter], &c[t.parameter], t.rows, t.n,
                              t.stride);
  });
  return dx;
}

// The running statistics moved towards those of a batch, whose variance is taken without bias.
template <class T>
void move_running(const OptionalTensor& mean, const OptionalTensor& variance, const Moments& batch, double count,
                  double momentum) {
  const auto move = [&](const Tensor& running, const Numbers<double>& values, double divisor) {
    Numbers<double> moved = numbers<T>(contiguous(running), running.numel(), 0);
    for (std::size_t c = 0; c < moved.size(); ++c) {
      moved[c] = (1 - momentum) * moved[c] + momentum * values[c] / divisor;
    }
    copy_(running, tensor_of<T>(moved, running.sizes, running.dtype));
  };
  move(*mean, batch.mean, 1);
  move(*variance, batch.squares, count - 1);
}

// The running statistics after a kernel has changed `updated`, the same memory or a contiguous copy.
void settle(const Tensor& running, const Tensor& updated) {
  if (updated.storage.get() == running.storage.get()) {
    bump_version(running);
  } else {
    copy_(running, updated);
  }
}

// 1 / sqrt(variance + eps)
Tensor reciprocal_root(const Tensor& variance, double eps) {
  const Tensor shifted = binary(Binary::add, "batch_norm", {&variance, {}}, {nullptr, Scalar::of(eps)});
  return unary(Unary::rsqrt, "batch_norm", shifted);
}

}  // namespace

Tensors3 batch_norm(const Tensor& input, const OptionalTensor& weight, const OptionalTensor& bias,
                    const OptionalTensor& running_mean, const OptionalTensor& running_var, bool training,
                    double momentum, double eps) {
  const char* const op = "batch_norm";
  const Channels size = channels_of(op, input);
  const Index channels = size.channels;
  const Dims shape{channels};
  const Tensor w = checked_parameter(op, "weight", weight, shape, input.dtype);
  const Tensor b = checked_parameter(op, "bias", bias, shape, input.dtype);
  const Tensor old_mean = checked_parameter(op, "running_mean", running_mean, shape, input.dtype);
  const Tensor old_var = checked_parameter(op, "running_var", running_var, shape, input.dtype);
  if (running_mean.has_value() != running_var.has_value()) {
    fail(ErrorKind::value, op, ": running_mean and running_var must either both be None or neither be None");
  }
  if (!training && !running_mean) fail(op, ": running_mean must be defined in evaluation mode");
  Tensors3 result;
  with_floats(op, input, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor x = contiguous(input);
    if (const Accelerator* cuda = accelerator_of(x)) {
      const Tensor y = empty(x.sizes, x.dtype), mean = training ? empty(shape, x.dtype) : clone(old_mean);
      const Tensor rstd = training ? empty(shape, x.dtype) : reciprocal_root(old_var, eps);
      if (training) {
        if (running_mean) check_inplace(op, *running_mean), check_inplace(op, *running_var);
        cuda->batch_statistics(mean, rstd, x, old_mean, old_var, momentum, eps);
        if (running_mean) settle(*running_mean, old_mean), settle(*running_var, old_var);
      }
      cuda->batch_normalize(y, x, mean, rstd, w, b);
      result = {y, mean, rstd};
      return;
    }
    const Grid grid(size.batch, channels, size.inner);
    const auto count = static_cast<double>(grid.count());
    Numbers<double> mean, rstd;
    if (training) {
      const Moments found = moments<T>(grid, x);
      if (running_mean && x.numel() > 0) move_running<T>(running_mean, running_var, found, count, momentum);
      mean = found.mean;
      rstd = found.squares;
      for (double& r : rstd) r /= count;
    } else {
      mean = numbers<T>(old_mean, channels, 0);
      rstd = numbers<T>(old_var, channels, 0);
    }
    for (double& r : rstd) r = 1 / std::sqrt(r + eps);
    Numbers<double> scale = numbers<T>(w, channels, 1);
    for (Index c = 0; c < channels; ++c) scale[c] *= rstd[c];
    result = {normalized<T>(grid, x, mean, scale, numbers<T>(b, channels, 0)), tensor_of<T>(mean, shape, x.dtype),
              tensor_of<T>(rstd, shape, x.dtype)};
  });
  return result;
}

Tensors3 batch_norm_backward(const Tensor& g, const Tensor& input, const OptionalTensor& weight, const Tensor& means,
                             const Tensor& rstds, bool training) {
  const char* const op = "batch_norm";
  check_gradient(op, g, input);
  const Channels size = channels_of(op, input);
  const Index channels = size.channels;
  const Dims shape{channels};
  const Tensor w = checked_parameter(op, "weight", weight, shape, input.dtype);
  const Tensor mean = statistic(op, means, channels, input.dtype), rstd = statistic(op, rstds, channels, input.dtype);
  Tensors3 result;
  with_floats(op, input, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor x = contiguous(input), upstream = contiguous(g);
    if (const Accelerator* cuda = accelerator_of(x)) {
      result = {empty(x.sizes, x.dtype), empty(shape, x.dtype), empty(shape, x.dtype)};
      const auto& [dx, dweight, dbias] = result;
      cuda->batch_norm_backward(dx, dweight, dbias, upstream, x, w, mean, rstd, training);
      return;
    }
    const Grid grid(size.batch, channels, size.inner);
    const auto count = static_cast<double>(grid.count());
    Factors f{numbers<T>(mean, channels, 0), numbers<T>(w, channels, 1), Numbers<double>(channels),
              Numbers<double>(channels)};
    Products sums = products<T>(grid, upstream, x, f.mean);
    for (Index c = 0; c < channels; ++c) {
      const double r = rstd.data<T>()[c];
      f.a[c] *= r;
      if (training) {
        f.b[c] = -f.a[c] * r * r * sums.product[c] / count;
        f.c[c] = -f.a[c] * sums.total[c] / count;
      }
      sums.product[c] *= r;
    }
    result = {gradient<T>(grid, upstream, x, f), tensor_of<T>(sums.product, shape, x.dtype),
              tensor_of<T>(sums.total, shape, x.dtype)};
  });
  return result;
}

}  // namespace fastgrad::ops
