// Random fills, in the order in which PyTorch's CPU generator is drawn from.
#include <cmath>
#include <limits>

#include "ops/ops.h"
#include "ops/overlap.h"

namespace fastgrad::ops {
namespace {

// Calls f(to, n) with contiguous memory for the elements of x, then marks x as changed.
template <class T, class F>
void fill_elements(const Tensor& x, const F& f) {
  const Tensor target = x.is_contiguous() ? x : empty_like(x);
  f(target.data<T>(), target.numel());
  if (target.storage.get() != x.storage.get()) {
    copy_(x, target);
  } else {
    bump_version(x);
  }
}

template <class F>
void fill_floats(const char* op, const Tensor& x, const F& f) {
  check_inplace(op, x);
  if (!is_floating(x.dtype)) {
    fail(op, ": expected a floating-point tensor, got ", dtype_name(x.dtype), "; convert it with .float() first");
  }
  if (x.dtype == DType::float32) {
    fill_elements<float>(x, f);
  } else {
    fill_elements<double>(x, f);
  }
}

// Sixteen uniform numbers become sixteen normal ones: number i pairs with number i + 8 (Box and Muller).
template <class T>
void normal_block(T* x, T mean, T std) {
  for (int i = 0; i < 8; ++i) {
    const T radius = std::sqrt(T{-2} * std::log(T{1} - x[i])), angle = static_cast<T>(2.0 * M_PI) * x[i + 8];
    x[i] = radius * std::cos(angle) * std + mean;
    x[i + 8] = radius * std::sin(angle) * std + mean;
  }
}

template <class T>
void normal_blocks(T* x, Index n, T mean, T std, Generator& g) {
  for (Index i = 0; i < n; ++i) x[i] = g.uniform<T>();
  for (Index i = 0; i + 16 <= n; i += 16) normal_block(x + i, mean, std);
  if (n % 16 != 0) {  // the last sixteen are drawn anew
    T* const tail = x + n - 16;
    for (int i = 0; i < 16; ++i) tail[i] = g.uniform<T>();
    normal_block(tail, mean, std);
  }
}

// Results of the distribution over whole numbers below `range`.
std::uint64_t below(std::uint64_t range, Generator& g) {
  return range >= (1ULL << 28) ? g.random64() % range : g.random() % range;
}

template <class T>
T whole_number(Generator& g) {
  if constexpr (std::is_same_v<T, bool>) {
    return (g.random() & 1U) != 0;
  } else if constexpr (std::is_floating_point_v<T>) {
    const std::uint64_t top = (1ULL << std::numeric_limits<T>::digits) + 1;
    return static_cast<T>((sizeof(T) == 8 ? g.random64() : g.random()) % top);
  } else {
    const std::uint64_t top = static_cast<std::uint64_t>(std::numeric_limits<T>::max()) + 1;
    return static_cast<T>((sizeof(T) == 8 ? g.random64() : g.random()) % top);
  }
}

}  // namespace

void uniform_(const Tensor& x, double low, double high, Generator& g) {
  if (!(low <= high)) fail("uniform_: expects to return a [from, to) range, but found from=", low, " > to=", high);
  fill_floats("uniform_", x, [&](auto* to, Index n) {
    using T = std::remove_reference_t<decltype(*to)>;
    const T from = static_cast<T>(low), range = static_cast<T>(high) - from;
    for (Index i = 0; i < n; ++i) to[i] = g.uniform<T>() * range + from;
  });
}

void normal_(const Tensor& x, double mean, double std, Generator& g) {
  if (!(std >= 0)) fail("normal_: expects std >= 0.0, but found std ", std);
  const bool in_blocks = x.numel() >= 16 && x.is_contiguous();
  fill_floats("normal_", x, [&](auto* to, Index n) {
    using T = std::remove_reference_t<decltype(*to)>;
    if (in_blocks) {
      normal_blocks(to, n, static_cast<T>(mean), static_cast<T>(std), g);
    } else {
      for (Index i = 0; i < n; ++i) to[i] = static_cast<T>(g.normal() * std + mean);
    }
  });
}

void random_(const Tensor& x, Index low, std::optional<Index> high, Generator& g) {
  check_inplace("random_", x);
  if (high && low >= *high) fail("random_: expects 'from' to be less than 'to', but got from=", low, " >= to=", *high);
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_integral_v<T>) {
      const auto fits = [](Index v) {
        return std::is_same_v<T, Index> || (v >= static_cast<Index>(std::numeric_limits<T>::min()) &&
                                            v <= static_cast<Index>(std::numeric_limits<T>::max()));
      };
      if (high && (!fits(low) || !fits(*high - 1))) {
        fail("random_: the range [", low, ", ", *high, ") is out of bounds for ", dtype_name(x.dtype));
      }
    }
    fill_elements<T>(x, [&](T* to, Index n) {
      if (!high) {
        for (Index i = 0; i < n; ++i) to[i] = whole_number<T>(g);
        return;
      }
      const auto range = static_cast<std::uint64_t>(*high) - static_cast<std::uint64_t>(low);
      for (Index i = 0; i < n; ++i) {
        to[i] = static_cast<T>(static_cast<Index>(below(range, g) + static_cast<std::uint64_t>(low)));
      }
    });
  });
}

void bernoulli_(const Tensor& x, double p, Generator& g) {
  check_inplace("bernoulli_", x);
  if (!(p >= 0 && p <= 1)) fail("bernoulli_: expects p to be in [0, 1], but got p=", p);
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    fill_elements<T>(x, [&](T* to, Index n) {
      for (Index i = 0; i < n; ++i) to[i] = static_cast<T>(g.uniform<double>() < p);
    });
  });
}

// Fisher and Yates, from the front.
Tensor randperm(Index n, Generator& g) {
  if (n < 0) fail("randperm: n must be non-negative, got ", n);
  Tensor out = arange(Scalar::of(Index{0}), Scalar::of(Index{1}), n, DType::int64);
  Index* order = out.data<Index>();
  for (Index i = 0; i < n - 1; ++i) {
    const auto left = static_cast<std::uint64_t>(n - i);
    const auto pick = static_cast<Index>((left >> 32 ? g.random64() : g.random()) % left);
    std::swap(order[i], order[i + pick]);
  }
  return out;
}

}  // namespace fastgrad::ops
