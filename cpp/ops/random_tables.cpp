// Draws whose distribution differs from element to element: categories and counts.
#include <algorithm>
#include <cmath>

#include "accelerator.h"
#include "core/parallel.h"
#include "ops/ops.h"
#include "ops/random_fill.h"

namespace fastgrad::ops {
namespace {

// The running sums of a row, divided by the last one.
template <class T>
void cumulative_shares(T* to, const T* row, Index classes) {
  T sum = 0;
  for (Index i = 0; i < classes; ++i) {
    if (!(row[i] >= 0)) {
      fail("multinomial: probabilities must be 0 or more, but found ", row[i], "; negative scores want softmax first");
    }
    if (!std::isfinite(row[i])) fail("multinomial: probabilities must be finite, but found ", row[i]);
    to[i] = sum += row[i];
  }
  if (!(sum > 0)) fail("multinomial: the probabilities of a row add up to ", sum, "; at least one must be positive");
  for (Index i = 0; i < classes; ++i) to[i] /= sum;
  to[classes - 1] = 1;
}

// The first place at which a share reaches u.
template <class T>
Index place_of(double u, const T* shares, Index classes) {
  Index low = 0, high = classes;
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    if (static_cast<double>(shares[middle]) < u) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

constexpr Index slab = 1 << 11, grain = 1 << 8;

// For up to a slab of uniform numbers. They are drawn serially, and looked up in parallel.
template <class T>
void draw_places(Index* to, Index n, const T* shares, Index classes, Generator& g) {
  double uniform[slab];
  for (Index i = 0; i < n; ++i) uniform[i] = g.uniform();
  parallel_for(0, n, grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) to[i] = place_of(uniform[i], shares, classes);
  });
}

template <class T>
void draw_categories(Index* to, const T* probabilities, Index rows, Index classes, Index n, Generator& g) {
  const Tensor shares = empty({classes}, DTypeOf<T>::value);
  for (Index row = 0; row < rows; ++row) {
    cumulative_shares(shares.data<T>(), probabilities + row * classes, classes);
    for (Index at = 0; at < n; at += slab) {
      const Index count = std::min(slab, n - at);
      draw_places(to + row * n + at, count, shares.data<T>(), classes, g);
    }
  }
}

// Small rates: multiply uniform numbers until the product falls below exp(-rate) (D. Knuth, TAOCP 2, 3.4.1).
Index poisson_by_product(double rate, Generator& g) {
  const double end = std::exp(-rate);
  Index count = 0;
  for (double product = g.uniform(); product > end; product *= g.uniform()) ++count;
  return count;
}

// Large rates: transformed rejection with squeeze, PTRS (W. Hoermann, "The transformed rejection method for generating
// Poisson random variables", Insurance: Mathematics and Economics 12, 1993).
Index poisson_by_rejection(double rate, Generator& g) {
  const double log_rate = std::log(rate), b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double log_inverse_alpha = std::log(1.1239 + 1.1328 / (b - 3.4)), v_r = 0.9277 - 3.6224 / (b - 2);
  while (true) {
    const double u = g.uniform() - 0.5, v = g.uniform(), us = 0.5 - std::abs(u);
    const auto k = static_cast<Index>(std::floor((2 * a / us + b) * u + rate + 0.43));
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double accept = static_cast<double>(k) * log_rate - rate - std::lgamma(static_cast<double>(k) + 1);
    if (std::log(v) + log_inverse_alpha - std::log(a / (us * us) + b) <= accept) return k;
  }
}

Index poisson_count(double rate, Generator& g) {
  if (!(rate >= 0 && rate <= 0x1p62)) fail("poisson: rates must be 0 or more (and at most 2^62), but found ", rate);
  if (rate == 0) return 0;
  return rate < 10 ? poisson_by_product(rate, g) : poisson_by_rejection(rate, g);
}

// The caller has checked the probabilities: a row without a positive one would give any category.
Tensor multinomial_on(const Tensor& p, Index n, Generator& g) {
  const Tensor sums = cumsum(p, 1), last = narrow(sums, 1, p.sizes[1] - 1, 1);
  const Tensor shares = binary(Binary::div, "multinomial", {&sums, {}}, {&last, {}});
  const Tensor drawn = empty({p.sizes[0], n}, p.dtype);
  uniform_(drawn, 0, 1, g);
  return searchsorted(shares, drawn, {}, true);
}

}  // namespace

Tensor multinomial(const Tensor& probabilities, Index n, Generator& g) {
  const Tensor p = is_half(probabilities.dtype) ? cast(probabilities, DType::float32) : contiguous(probabilities);
  if (p.device().is_cuda()) return multinomial_on(p, n, g);
  const Index rows = p.sizes[0], classes = p.sizes[1];
  Tensor out = empty({rows, n}, DType::int64);
  const std::lock_guard lock(generator_on(host_device, g).mutex());
  if (p.dtype == DType::float32) {
    draw_categories(out.data<Index>(), p.data<float>(), rows, classes, n, g);
  } else {
    draw_categories(out.data<Index>(), p.data<double>(), rows, classes, n, g);
  }
  return out;
}

Tensor poisson(const Tensor& rates, Generator& g) {
  if (!is_floating(rates.dtype)) {
    fail(ErrorKind::not_implemented, "poisson: expected floating-point rates, got ", dtype_name(rates.dtype),
         "; convert them with .float() first");
  }
  const Tensor doubles = cast(rates, DType::float64);
  Generator& drawn_from = generator_on(rates.device(), g);
  const std::lock_guard lock(drawn_from.mutex());
  if (const Accelerator* cuda = accelerator_of(rates)) {
    cuda->poisson(doubles, doubles, drawn_from);
    return rates.dtype == DType::float64 ? doubles : cast(doubles, rates.dtype);
  }
  for (double *x = doubles.data<double>(), *const end = x + doubles.numel(); x != end; ++x) {
    *x = static_cast<double>(poisson_count(*x, g));
  }
  return rates.dtype == DType::float64 ? doubles : cast(doubles, rates.dtype);
}

}  // namespace fastgrad::ops
