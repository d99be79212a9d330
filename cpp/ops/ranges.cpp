// Regular sequences of numbers, and the index pairs of triangles.
#include <algorithm>
#include <cmath>
#include <optional>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// out[i] = f(i) for i < n, in parallel.
template <class T, class F>
void fill_each(T* out, Index n, const F& f) {
  parallel_for(0, n, pointwise_grain, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) out[i] = f(i);
  });
}

void check_not_bool(const char* op, DType dtype) {
  if (dtype == DType::boolean) fail(ErrorKind::not_implemented, op, ": not implemented for bool; use an integer dtype");
}

// n values at equal distances from start to end, which an integer dtype truncates first; or the powers of `base`.
Tensor spaced(const char* op, double start, double end, Index n, DType dtype, std::optional<double> base) {
  if (n < 0) fail(op, ": number of steps must be non-negative, got ", n);
  check_not_bool(op, dtype);
  if (!is_floating(dtype)) {
    start = std::trunc(start);
    end = std::trunc(end);
  }
  Tensor out = empty({n}, dtype);
  const double step = n > 1 ? (end - start) / static_cast<double>(n - 1) : 0;
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->spaced(out, start, end, step, base);
    return out;
  }
  const auto fill = [&](const auto& f) {
    visit_every_dtype(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      // From both ends towards the middle, so that the last element is exactly `end`.
      fill_each(out.data<T>(), n, [&](Index i) {
        const bool first_half = i < n / 2 || n == 1;
        return rounded_to<T>(
            f(first_half ? start + step * static_cast<double>(i) : end - step * static_cast<double>(n - 1 - i)));
      });
    });
  };
  if (base) {
    fill([&](double x) { return std::pow(*base, x); });
  } else {
    fill([](double x) { return x; });
  }
  return out;
}

// The sum of min(j, limit) over 0 <= j < n. Wide, because n * n may not fit where the result does.
Index sum_of_rows(Index n, Index limit) {
  const __int128 growing = std::min(std::max<Index>(n, 0), limit);
  const __int128 flat = std::max<__int128>(n - growing, 0);
  return static_cast<Index>(growing * (growing - 1) / 2 + flat * limit);
}

// The columns [first, last) that a row of a triangle has.
struct Columns {
  Index first, last;
};

}  // namespace

Tensor arange(Scalar start, Scalar step, Index n, DType dtype) {
  check_not_bool("arange", dtype);
  Tensor out = empty({n}, dtype);
  if (const Accelerator* cuda = accelerator_of(out)) {
    if (is_floating(dtype)) {
      cuda->arange(out, &start.floating, &step.floating);
    } else {
      cuda->arange(out, &start.integer, &step.integer);
    }
    return out;
  }
  visit_every_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      fill_each(out.data<T>(), n, [&](Index i) { return static_cast<T>(start.integer + i * step.integer); });
    } else {
      fill_each(out.data<T>(), n,
                [&](Index i) { return rounded_to<T>(start.floating + static_cast<double>(i) * step.floating); });
    }
  });
  return out;
}

Tensor linspace(double start, double end, Index n, DType dtype) {
  return spaced("linspace", start, end, n, dtype, std::nullopt);
}

Tensor logspace(double start, double end, Index n, double base, DType dtype) {
  return spaced("logspace", start, end, n, dtype, base);
}

Tensor triangle_indices(Index rows, Index columns, Index offset, bool lower, DType dtype) {
  const char* const op = lower ? "tril_indices" : "triu_indices";
  if (rows < 0 || columns < 0) fail(op, ": sizes must be non-negative, got ", rows, " and ", columns);
  if (!is_integer(dtype)) fail(ErrorKind::not_implemented, op, ": not implemented for ", dtype_name(dtype));
  checked_multiply(rows, columns, {rows, columns});
  // Beyond these offsets nothing changes, and sums with them cannot overflow.
  offset = std::clamp(offset, -rows - 1, columns + 1);
  const auto row_columns = [&](Index i) -> Columns {
    const Index edge = std::clamp<Index>(i + offset + (lower ? 1 : 0), 0, columns);
    return lower ? Columns{0, edge} : Columns{edge, columns};
  };
  const Index shift = offset + (lower ? 1 : 0);
  const Index below = sum_of_rows(shift + rows, columns) - sum_of_rows(shift, columns);
  const Index count = lower ? below : rows * columns - below;
  Tensor out = empty({2, count}, dtype);
  if (count == 0) return out;
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->triangle_indices(out, rows, columns, shift, lower);
    return out;
  }
  visit_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* row = out.data<T>();
    T* column = row + count;
    for (Index i = lower ? std::max<Index>(0, -offset) : 0; row < out.data<T>() + count; ++i) {
      const Columns c = row_columns(i);
      for (Index j = c.first; j < c.last; ++j) {
        *row++ = static_cast<T>(i);
        *column++ = static_cast<T>(j);
      }
    }
  });
  return out;
}

}  // namespace fastgrad::ops
