// Random whole numbers, permutations and draws from tables of probabilities.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "accelerator.h"
#include "core/parallel.h"
#include "ops/ops.h"
#include "ops/overlap.h"
#include "ops/random_fill.h"

namespace fastgrad::ops {
namespace {

// PyTorch draws 64 bits for ranges from here on.
constexpr std::uint64_t wide_range = 1ULL << 28;

// Words on the stack: `chunk` numbers of 32 or half as many of 64 bits.
constexpr Index chunk = 1024;

template <class T>
inline constexpr bool is_float = std::is_floating_point_v<T> || is_half_type<T>;
template <class T>
inline constexpr int digits = std::numeric_limits<T>::digits;
template <>
inline constexpr int digits<Float16> = 11;
template <>
inline constexpr int digits<BFloat16> = 8;

// A whole number as an element, and an element as a number.
template <class T>
T element(Index number) {
  if constexpr (is_half_type<T>) {
    return rounded_to<T>(static_cast<float>(number));
  } else {
    return static_cast<T>(number);
  }
}
template <class T>
auto number_of(T x) {
  if constexpr (is_half_type<T>) {
    return to_float(x);
  } else {
    return x;
  }
}

// to[i] = number(w) for the next random words w of 32 bits.
template <class T, class F>
void from_words(T* to, Index n, Generator& g, const F& number) {
  std::uint32_t words[chunk];
  for (Index at = 0; at < n; at += chunk) {
    const Index count = std::min(chunk, n - at);
    g.fill(words, count);
    for (Index i = 0; i < count; ++i) to[at + i] = element<T>(number(words[i]));
  }
}

// The same for 64 bits: the first word is the upper half.
template <class T, class F>
void from_wide_words(T* to, Index n, Generator& g, const F& number) {
  std::uint32_t words[chunk];
  for (Index at = 0; at < n; at += chunk / 2) {
    const Index count = std::min(chunk / 2, n - at);
    g.fill(words, 2 * count);
    for (Index i = 0; i < count; ++i) {
      to[at + i] = element<T>(number(static_cast<std::uint64_t>(words[2 * i]) << 32 | words[2 * i + 1]));
    }
  }
}

// The largest whole number below which every whole number is one of T, or T's largest one.
template <class T>
constexpr std::uint64_t largest_whole() {
  if constexpr (is_float<T>) {
    return 1ULL << digits<T>;
  } else {
    return static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  }
}

// [0, largest_whole], as random_() without arguments draws them.
template <class T>
void whole_range(T* to, Index n, Generator& g) {
  constexpr std::uint64_t count = largest_whole<T>() + 1;
  if constexpr (sizeof(T) == 8) {
    from_wide_words(to, n, g, [](std::uint64_t w) { return static_cast<Index>(w % count); });
  } else {
    from_words(to, n, g, [](std::uint64_t w) { return static_cast<Index>(w % count); });
  }
}

// low + [0, range); a range of 0 stands for 2^64.
template <class T>
void in_range(T* to, Index n, Index low, std::uint64_t range, Generator& g) {
  const auto from = static_cast<std::uint64_t>(low);
  if (range == 0) {
    from_wide_words(to, n, g, [](std::uint64_t w) { return static_cast<Index>(w); });
  } else if (range >= wide_range) {
    from_wide_words(to, n, g, [=](std::uint64_t w) { return static_cast<Index>(w % range + from); });
  } else {
    const auto small = static_cast<std::uint32_t>(range);
    from_words(to, n, g, [=](std::uint32_t w) { return static_cast<Index>(w % small + from); });
  }
}

// Whole numbers that a floating-point T cannot tell apart: the bound moves inwards to the nearest one that T has, so
// that no number rounds to one outside.
template <class T>
Index inward(Index bound, Index direction) {
  const auto rounded = number_of(element<T>(bound + direction));
  if (!(rounded >= -0x1p63F && rounded < 0x1p63F)) return bound;
  const auto next = static_cast<Index>(rounded);
  if (direction > 0 ? next >= bound : next < bound) return bound;
  int log2 = 0;
  for (Index size = std::abs(bound + direction); size >>= 1;) ++log2;
  return next + direction * (Index{1} << (log2 - digits<T> + 1));
}

void check_order(Index low, Index high) {
  if (low >= high) fail("random_: expects 'from' to be less than 'to', but got from=", low, " >= to=", high);
}

template <class T>
void check_fits(DType dtype, Index low, Index largest) {
  const auto fits = [](Index v) {
    if constexpr (std::is_same_v<T, Float16>) {
      return v >= -65504 && v <= 65504;
    } else if constexpr (is_float<T>) {
      return true;  // of any size
    } else {
      return v >= static_cast<Index>(std::numeric_limits<T>::min()) &&
             v <= static_cast<Index>(std::numeric_limits<T>::max());
    }
  };
  if (!fits(low) || !fits(largest)) {
    fail("random_: from ", low, " to ", largest, " (inclusive) is out of bounds for ", dtype_name(dtype));
  }
}

struct Range {
  Index low;
  std::uint64_t size;
};

// The checked range of random_(low, high), where an absent `high` means all that the dtype has.
template <class T>
Range range_of(DType dtype, Index low, std::optional<Index> high) {
  if (high) {
    Index end = *high;
    check_order(low, end);
    if constexpr (is_float<T>) {
      low = inward<T>(low, 1);
      end = inward<T>(end, -1);
      check_order(low, end);
    }
    check_fits<T>(dtype, low, end - 1);
    return {low, static_cast<std::uint64_t>(end) - static_cast<std::uint64_t>(low)};
  }
  if (low == std::numeric_limits<Index>::min()) {
    if constexpr (std::is_same_v<T, Index> || (is_float<T> && !std::is_same_v<T, Float16>)) return {low, 0};
    fail(ErrorKind::not_implemented, "random_: ", dtype_name(dtype), " does not hold numbers of 64 bits");
  }
  const auto largest = static_cast<Index>(largest_whole<T>());
  if (low > largest || (is_float<T> && low == largest)) {
    fail("random_: from=", low, " is not below the largest number of ", dtype_name(dtype), ", ", largest);
  }
  if constexpr (is_float<T>) low = inward<T>(low, 1);
  check_fits<T>(dtype, low, largest);
  return {low, static_cast<std::uint64_t>(largest) - static_cast<std::uint64_t>(low) + 1};
}

// Fisher and Yates, from the front.
template <class T>
void shuffle(T* order, Index n, Generator& g) {
  std::uint32_t words[chunk];
  for (Index i = 0; i < n; ++i) order[i] = element<T>(i);
  for (Index at = 0; at < n - 1; at += chunk) {
    const Index count = std::min(chunk, n - 1 - at);
    g.fill(words, count);
    for (Index k = 0; k < count; ++k) {
      const Index i = at + k;
      std::swap(order[i], order[i + words[k] % static_cast<std::uint32_t>(n - i)]);
    }
  }
}

// For more elements than 32 bits choose from evenly: the same inside out.
template <class T>
void shuffle_wide(T* order, Index n, Generator& g) {
  for (Index i = 0; i < n; ++i) {
    const auto pick = static_cast<Index>(g.random64() % static_cast<std::uint64_t>(i + 1));
    order[i] = order[pick];
    order[pick] = element<T>(i);
  }
}

}  // namespace

void random_(const Tensor& x, std::optional<Index> low, std::optional<Index> high, Generator& given) {
  check_inplace("random_", x);
  visit_every_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Range range = low ? range_of<T>(x.dtype, *low, high) : Range{};
    fill_in_memory_order(x, given, [&](const Tensor& to, Generator& g) {
      if (const Accelerator* cuda = accelerator_of(to)) {
        const std::uint64_t count = low ? range.size : largest_whole<T>() + 1;
        const bool wide = low ? count == 0 || count >= wide_range : sizeof(T) == 8;
        cuda->draw_integers(to, range.low, count, wide, g);
      } else if (low) {
        in_range(to.data<T>(), to.numel(), range.low, range.size, g);
      } else {
        whole_range(to.data<T>(), to.numel(), g);
      }
    });
  });
}

// Made on the host, as PyTorch makes short ones: without a generator from the host's default one.
static Tensor randperm_on(Device device, Index n, DType dtype, Generator& given) {
  const DeviceGuard guard(host_device);
  if (&given == &default_generator()) return to_device(randperm(n, dtype, given), device, false);
  Generator& g = generator_on(device, given);
  const std::lock_guard lock(g.mutex());
  Generator here(g.philox().seed + g.philox().offset);
  g.philox().offset += 4;
  return to_device(randperm(n, dtype, here), device, false);
}

Tensor randperm(Index n, DType dtype, Generator& g) {
  constexpr Index most_by_words = std::numeric_limits<std::uint32_t>::max() / 20;
  if (n < 0) fail("randperm: n must be 0 or more, got ", n);
  if (dtype == DType::boolean) {
    fail(ErrorKind::not_implemented, "randperm: bool does not hold a permutation; use an integer dtype");
  }
  if (call_device().is_cuda()) return randperm_on(call_device(), n, dtype, g);
  return visit_every_dtype(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr std::uint64_t largest = largest_whole<T>();
    if (n > 0 && static_cast<std::uint64_t>(n - 1) > largest) {
      fail("randperm: ", dtype_name(dtype), " holds the whole numbers up to ", largest, ", too few for n = ", n);
    }
    Tensor out = empty({n}, dtype);
    const std::lock_guard lock(generator_on(host_device, g).mutex());
    if (n < most_by_words) {
      shuffle(out.data<T>(), n, g);
    } else {
      shuffle_wide(out.data<T>(), n, g);
    }
    return out;
  });
}

}  // namespace fastgrad::ops
