// Scans: results that run along a dimension. Floats are accumulated in double.
#include <cmath>
#include <limits>

#include "accelerator.h"
#include "ops/dim_lines.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

enum class Direction { forward, backward };

constexpr Index width = 64;  // lines that are scanned side by side, so that memory is read in its order

template <Direction direction, class State, class Step>
void scan_side_by_side(Index first, Index count, const DimBlock& b, State start, const Step& step) {
  State state[width];
  for (Index c = 0; c < count; ++c) state[c] = start;
  for (Index i = 0; i < b.n; ++i) {
    const Index place = direction == Direction::forward ? i : b.n - 1 - i;
    for (Index c = 0; c < count; ++c) step(first + place * b.inner + c, place, state[c]);
  }
}

template <Direction direction, class State, class Step>
void scan_one(Index first, const DimBlock& b, State state, const Step& step) {
  for (Index i = 0; i < b.n; ++i) {
    const Index place = direction == Direction::forward ? i : b.n - 1 - i;
    step(first + place * b.inner, place, state);
  }
}

// Calls step(at, place, state) for each element, in order along each line: `at` is where it lies, `place` where in
// its line; the state of every line starts as `start`.
template <Direction direction, class State, class Step>
void scan(const DimBlock& b, State start, const Step& step) {
  const Index pieces = (b.inner + width - 1) / width;
  parallel_for(0, b.outer * pieces, line_grain(b.n * std::min(width, b.inner)), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index column = (i % pieces) * width, first = (i / pieces) * b.n * b.inner + column;
      if (b.inner == 1) {
        scan_one<direction>(first, b, start, step);
      } else {
        scan_side_by_side<direction>(first, std::min(width, b.inner - column), b, start, step);
      }
    }
  });
}

// Integers wrap around.
Index wrapping_sum(Index a, Index b) {
  return static_cast<Index>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}
Index wrapping_product(Index a, Index b) {
  return static_cast<Index>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
double wrapping_sum(double a, double b) { return a + b; }
double wrapping_product(double a, double b) { return a * b; }

template <class T>
using Accumulator = std::conditional_t<std::is_integral_v<T>, Index, double>;

// combine(state, element) along a dimension; integers and bools become int64.
template <class Combine>
Tensor accumulate(Scan op, const char* name, const Tensor& x, Index dim, int start, const Combine& combine) {
  const int d = wrap_dim(dim, x.dim(), name);
  const Tensor from = contiguous(is_floating(x.dtype) ? x : cast(x, DType::int64));
  const Tensor out = empty_like(from);
  const DimBlock block(from, d);
  if (block.empty()) return out;
  if (const Accelerator* cuda = accelerator_of(x)) {
    cuda->accumulate(op, out, from, block.outer, block.n, block.inner);
    return out;
  }
  visit_dtype(from.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    using A = Accumulator<T>;
    const T* const in = from.data<T>();
    T* const to = out.data<T>();
    scan<Direction::forward>(block, static_cast<A>(start), [&](Index at, Index, A& state) {
      state = combine(state, static_cast<A>(in[at]));
      to[at] = static_cast<T>(state);
    });
  });
  return out;
}

template <class T>
struct Best {
  T value;
  Index place;
};

// The best value so far and its last place; NaN is better than all.
template <class Better>
std::pair<Tensor, Tensor> running_extreme(bool largest, const char* name, const Tensor& x, Index dim,
                                          const Better& at_least) {
  const int d = wrap_dim(dim, x.dim(), name);
  const Tensor from = contiguous(x), values = empty_like(from), places = empty(from.sizes, DType::int64);
  const DimBlock block(from, d);
  if (block.empty()) return {values, places};
  if (const Accelerator* cuda = accelerator_of(x)) {
    cuda->running_extreme(largest, values, places, from, block.outer, block.n, block.inner);
    return {values, places};
  }
  visit_dtype(from.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const in = from.data<T>();
    scan<Direction::forward>(block, Best<T>{T{}, 0}, [&](Index at, Index place, Best<T>& best) {
      const T v = in[at];
      if (place == 0 || v != v || (best.value == best.value && at_least(v, best.value))) best = {v, place};
      values.data<T>()[at] = best.value;
      places.data<Index>()[at] = best.place;
    });
  });
  return {values, places};
}

double log_add_exp(double a, double b) {
  const double high = a > b ? a : b, low = a > b ? b : a;
  return high == low && std::isinf(high) ? high : high + std::log1p(std::exp(low - high));
}

struct Linear {
  double value = 0, factor = 0;
};

void check_recurrence(const Tensor& x, const Tensor& added) {
  if (!is_floating(x.dtype) || x.dtype != added.dtype || !(x.sizes == added.sizes)) {
    fail("recurrence: expected two tensors of one shape and one floating dtype, got ", x.sizes, " of ",
         dtype_name(x.dtype), " and ", added.sizes, " of ", dtype_name(added.dtype));
  }
}

}  // namespace

Tensor cumsum(const Tensor& x, Index dim) {
  return accumulate(Scan::sum, "cumsum", x, dim, 0, [](auto a, auto b) { return wrapping_sum(a, b); });
}

Tensor cumprod(const Tensor& x, Index dim) {
  return accumulate(Scan::product, "cumprod", x, dim, 1, [](auto a, auto b) { return wrapping_product(a, b); });
}

std::pair<Tensor, Tensor> cummax(const Tensor& x, Index dim) {
  return running_extreme(true, "cummax", x, dim, [](auto v, auto best) { return v >= best; });
}

std::pair<Tensor, Tensor> cummin(const Tensor& x, Index dim) {
  return running_extreme(false, "cummin", x, dim, [](auto v, auto best) { return v <= best; });
}

Tensor logcumsumexp(const Tensor& x, Index dim) {
  const int d = wrap_dim(dim, x.dim(), "logcumsumexp");
  if (!is_floating(x.dtype)) {
    fail(ErrorKind::not_implemented, "logcumsumexp: not implemented for ", dtype_name(x.dtype),
         "; convert the tensor with .float()");
  }
  const Tensor from = contiguous(x), out = empty_like(from);
  const DimBlock block(from, d);
  if (block.empty()) return out;
  if (const Accelerator* cuda = accelerator_of(x)) {
    cuda->accumulate(Scan::log_sum_exp, out, from, block.outer, block.n, block.inner);
    return out;
  }
  visit_dtype(from.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* const in = from.data<T>();
    T* const to = out.data<T>();
    scan<Direction::forward>(block, -std::numeric_limits<double>::infinity(), [&](Index at, Index, double& state) {
      state = log_add_exp(state, static_cast<double>(in[at]));
      to[at] = static_cast<T>(state);
    });
  });
  return out;
}

Tensor recurrence(const Tensor& x, const Tensor& added, Index dim, bool backward) {
  const int d = wrap_dim(dim, x.dim(), "recurrence");
  check_recurrence(x, added);
  const Tensor factors = contiguous(x), terms = contiguous(added), out = empty_like(factors);
  const DimBlock block(factors, d);
  if (block.empty()) return out;
  if (const Accelerator* cuda = accelerator_of(x)) {
    cuda->recurrence(out, factors, terms, block.outer, block.n, block.inner, backward);
    return out;
  }
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T *const a = factors.data<T>(), *const b = terms.data<T>();
    T* const to = out.data<T>();
    if (backward) {
      scan<Direction::backward>(block, Linear{}, [&](Index at, Index place, Linear& s) {
        const double carried = place == block.n - 1 ? 0 : s.factor * s.value;
        s = {static_cast<double>(b[at]) + carried, static_cast<double>(a[at])};
        to[at] = static_cast<T>(s.value);
      });
    } else {
      scan<Direction::forward>(block, 0.0, [&](Index at, Index place, double& s) {
        s = static_cast<double>(b[at]) + (place == 0 ? 0 : static_cast<double>(a[at]) * s);
        to[at] = static_cast<T>(s);
      });
    }
  });
  return out;
}

}  // namespace fastgrad::ops
