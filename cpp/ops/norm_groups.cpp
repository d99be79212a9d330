// group_norm: normalization of groups of channels in each element of the batch, one group after the other while it is
// in the cache.
#include <cmath>

#include "ops/norm.h"

namespace fastgrad::ops {
namespace {

struct Groups {
  Channels size;
  Index groups, channels;  // in each element of the batch; of each group

  Groups(const Tensor& x, Index count) : size(channels_of("group_norm", x)), groups(count) {
    if (count <= 0) fail("group_norm: Expected num groups to be greater than 0, got ", count);
    if (size.channels % count != 0) {
      fail("group_norm: Expected number of channels in input to be divisible by num_groups, but got input of shape ",
           x.sizes, " and num_groups=", count);
    }
    channels = size.channels / count;
  }

  Index count() const { return size.batch * groups; }
  Index elements() const { return channels * size.inner; }  // of a group, contiguous
  bool by_row() const { return size.inner >= long_run; }
  // How often a channel's number stands in the arrays that the kernels see, and the matrix that they see a group as.
  Index copies() const { return by_row() ? 1 : size.inner; }
  Index rows() const { return by_row() ? channels : 1; }
  Index columns() const { return by_row() ? size.inner : elements(); }

  template <class T>
  const ChannelKernels<T>& kernels() const {
    const NormKernels<T>& all = fastgrad::kernels().floats<T>().norm;
    return by_row() ? all.by_row : all.by_column;
  }

  // f(i) for each group i, all of them in parallel.
  template <class F>
  void for_each(const F& f) const {
    if (elements() == 0) return;
    parallel_for(0, count(), grain_of(elements()), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) f(i);
    });
  }
};

// The numbers of all channels of the whole batch, as the kernels see them.
template <class T>
struct Spread {
  const Groups& groups;
  Numbers<T> all;

  explicit Spread(const Groups& g) : groups(g), all(g.size.batch * g.size.channels * g.copies()) {}
  void set(Index channel, double number) {
    std::fill_n(all.begin() + channel * groups.copies(), groups.copies(), static_cast<T>(number));
  }
  const T* of_group(Index i) const { return all.data() + i * groups.channels * groups.copies(); }
};

}  // namespace

Tensors3 group_norm(const Tensor& input, Index count, const OptionalTensor& weight, const OptionalTensor& bias,
                    double eps) {
  const char* const op = "group_norm";
  const Groups groups(input, count);
  const Index channels = groups.size.channels, n = groups.elements();
  const Tensor w = checked_parameter(op, "weight", weight, {channels}, input.dtype);
  const Tensor b = checked_parameter(op, "bias", bias, {channels}, input.dtype);
  Tensors3 result;
  with_floats(op, input, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor x = contiguous(input), y = empty(x.sizes, x.dtype);
    const Dims shape{groups.size.batch, count};
    if (const Accelerator* cuda = accelerator_of(x)) {
      result = {y, empty(shape, x.dtype), empty(shape, x.dtype)};
      cuda->group_norm(y, std::get<1>(result), std::get<2>(result), x, w, b, eps);
      return;
    }
    const Numbers<double> scales = numbers<T>(w, channels, 1), shifts = numbers<T>(b, channels, 0);
    Numbers<T> means(groups.count()), rstds(groups.count());
    Spread<T> mean(groups), scale(groups), shift(groups);
    groups.for_each([&](Index i) {
      T squares;
      fastgrad::kernels().floats<T>().norm.by_row.moments(&means[i], &squares, x.data<T>() + i * n, 1, n, n);
      rstds[i] = static_cast<T>(1 / std::sqrt(static_cast<double>(squares) / static_cast<double>(n) + eps));
      for (Index c = i * groups.channels; c < (i + 1) * groups.channels; ++c) {
        mean.set(c, means[i]);
        scale.set(c, rstds[i] * scales[c % channels]);
        shift.set(c, shifts[c % channels]);
      }
      groups.kernels<T>().normalize(y.data<T>() + i * n, x.data<T>() + i * n, mean.of_group(i), scale.of_group(i),
                                    shift.of_group(i), groups.rows(), groups.columns(), groups.columns());
    });
    result = {y, tensor_of<T>(means, shape, x.dtype), tensor_of<T>(rstds, shape, x.dtype)};
  });
  return result;
}

Tensors3 group_norm_backward(const Tensor& g, const Tensor& input, Index count, const OptionalTensor& weight,
                             const Tensor& means, const Tensor& rstds) {
  const char* const op = "group_norm";
  check_gradient(op, g, input);
  const Groups groups(input, count);
  const Index channels = groups.size.channels, all = groups.size.batch * channels, n = groups.elements();
  const Tensor w = checked_parameter(op, "weight", weight, {channels}, input.dtype);
  const Tensor mean = statistic(op, means, groups.count(), input.dtype);
  const Tensor rstd = statistic(op, rstds, groups.count(), input.dtype);
  Tensors3 result;
  with_floats(op, input, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Tensor x = contiguous(input), upstream = contiguous(g), dx = empty(x.sizes, x.dtype);
    if (const Accelerator* cuda = accelerator_of(x)) {
      result = {dx, empty({channels}, x.dtype), empty({channels}, x.dtype)};
      const Dims shape{groups.size.batch, count};
      cuda->group_norm_backward(dx, std::get<1>(result), std::get<2>(result), upstream, x, w, view(mean, shape),
                                view(rstd, shape));
      return;
    }
    const Numbers<double> scales = numbers<T>(w, channels, 1);
    Numbers<T> centre(all), total(all), product(all);
    Spread<T> m(groups), ka(groups), kb(groups), kc(groups);
    groups.for_each([&](Index i) {
      const Index first = i * groups.channels, last = first + groups.channels, at = i * n;
      std::fill(centre.begin() + first, centre.begin() + last, mean.data<T>()[i]);
      fastgrad::kernels().floats<T>().norm.by_row.products(&total[first], &product[first], upstream.data<T>() + at,
                                                           x.data<T>() + at, &centre[first], groups.channels,
                                                           groups.size.inner, groups.size.inner);
      double sum = 0, weighted = 0;
      for (Index c = first; c < last; ++c) {
        sum += total[c] * scales[c % channels];
        weighted += product[c] * scales[c % channels];
      }
      const double r = rstd.data<T>()[i];
      for (Index c = first; c < last; ++c) {
        m.set(c, mean.data<T>()[i]);
        ka.set(c, r * scales[c % channels]);
        kb.set(c, -r * r * r * weighted / static_cast<double>(n));
        kc.set(c, -r * sum / static_cast<double>(n));
      }
      groups.kernels<T>().combine(dx.data<T>() + at, upstream.data<T>() + at, x.data<T>() + at, m.of_group(i),
                                  ka.of_group(i), kb.of_group(i), kc.of_group(i), groups.rows(), groups.columns(),
                                  groups.columns());
    });
    Numbers<double> dweight(channels), dbias(channels);
    for (Index c = 0; c < all; ++c) {
      dweight[c % channels] += static_cast<double>(product[c]) * rstd.data<T>()[c / groups.channels];
      dbias[c % channels] += total[c];
    }
    result = {dx, tensor_of<T>(dweight, {channels}, x.dtype), tensor_of<T>(dbias, {channels}, x.dtype)};
  });
  return result;
}

}  // namespace fastgrad::ops
