// Random fills, in the order in which PyTorch's CPU generator is drawn from.
#include <algorithm>
#include <limits>

#include "accelerator.h"
#include "core/parallel.h"
#include "ops/ops.h"
#include "ops/overlap.h"
#include "ops/random_fill.h"

namespace fastgrad::ops {
namespace {

// Elements of scratch memory at a time, and elements worth a thread (a logarithm or two for each).
constexpr Index slab = 1 << 15, grain = 1 << 11;

DrawLoop draw_kernel(Draw draw) { return kernels().draw[static_cast<int>(draw)]; }

// Scratch for up to `n` (at most a slab) numbers and one more: on the stack where few are wanted.
class Scratch {
 public:
  explicit Scratch(Index n) {
    if (n < few) return;
    memory_ = empty({std::min(n, slab) + 1}, DType::float64);
    data_ = memory_.data<double>();
  }
  double* data() { return data_; }

 private:
  static constexpr Index few = 64;
  double on_stack_[few];
  double* data_ = on_stack_;
  Tensor memory_;
};

// to[i] = x[i] for i in [begin, end), in the dtype of `to`, whose elements start at `at`.
void store(const Tensor& to, Index at, const double* x, Index begin, Index end) {
  const UnaryLoop cast = kernels().cast[static_cast<int>(DType::float64)][static_cast<int>(to.dtype)];
  cast(static_cast<char*>(to.raw()) + (at + begin) * static_cast<Index>(item_size(to.dtype)), x + begin, end - begin, 1,
       1);
}

// Fills `to` (contiguous) with doubles that are made from two words each.
void draw_elements(const Tensor& to, Generator& g, Draw draw, double a, double b) {
  const Index n = to.numel();
  Scratch scratch(n);
  double* const x = scratch.data();
  for (Index at = 0; at < n; at += slab) {
    const Index count = std::min(slab, n - at);
    g.fill(x, 2 * count);
    parallel_for(0, count, grain, [&](Index begin, Index end) {
      draw_kernel(draw)(x + begin, end - begin, a, b);
      store(to, at, x, begin, end);
    });
  }
}

// n standard normal numbers. x has room for one more.
void standard_normals(double* x, Index n, Generator& g) {
  const std::optional<double> kept = g.take_normal();
  if (kept) *x++ = *kept;
  const Index wanted = n - (kept ? 1 : 0), pairs = (wanted + 1) / 2;
  g.fill(x, 4 * pairs);
  parallel_for(0, pairs, grain / 2, [&](Index begin, Index end) {
    draw_kernel(Draw::normal_pairs)(x + 2 * begin, 2 * (end - begin), 0, 0);
  });
  if (wanted % 2 != 0) g.keep_normal(x[wanted]);
}

// Fills `to` (contiguous) with what `draw` makes of standard normal numbers.
void draw_normals(const Tensor& to, Generator& g, Draw draw, double mean, double std) {
  const Index n = to.numel();
  Scratch scratch(n);
  double* const x = scratch.data();
  for (Index at = 0; at < n; at += slab) {
    const Index count = std::min(slab, n - at);
    standard_normals(x, count, g);
    parallel_for(0, count, grain, [&](Index begin, Index end) {
      draw_kernel(draw)(x + begin, end - begin, mean, std);
      store(to, at, x, begin, end);
    });
  }
}

template <class T>
void draw_words(T* x, Index n, Generator& g) {
  g.fill(x, n * static_cast<Index>(sizeof(T) / sizeof(std::uint32_t)));
}

template <class T>
void uniform_elements(T* x, Index n, double low, double high, Generator& g) {
  draw_words(x, n, g);
  parallel_for(0, n, 8 * grain, [&](Index begin, Index end) {
    kernels().floats<T>().random.uniform(x + begin, end - begin, static_cast<T>(low), static_cast<T>(high));
  });
}

// Sixteen or more at once are made in blocks; the last sixteen of a number that is no multiple are drawn anew.
template <class T>
void normal_in_blocks(T* x, Index n, double mean, double std, Generator& g) {
  const auto make = [=](T* from, Index blocks) {
    kernels().floats<T>().random.normal(from, blocks, static_cast<T>(mean), static_cast<T>(std));
  };
  uniform_elements(x, n, 0, 1, g);
  parallel_for(0, n / 16, grain / 16, [&](Index begin, Index end) { make(x + 16 * begin, end - begin); });
  if (n % 16 != 0) {
    uniform_elements(x + n - 16, 16, 0, 1, g);
    make(x + n - 16, 1);
  }
}

// 16-bit floats are made as float: `make` fills n of them at `x`, at most a slab at a time.
template <class F>
void fill_through_float(const Tensor& to, const F& make) {
  const Index n = to.numel();
  const UnaryLoop cast = kernels().cast[static_cast<int>(DType::float32)][static_cast<int>(to.dtype)];
  const Tensor scratch = empty({std::min(n, slab)}, DType::float32);
  auto* const x = scratch.data<float>();
  for (Index at = 0; at < n; at += slab) {
    const Index count = std::min(slab, n - at);
    make(x, count);
    cast(to.data<std::uint16_t>() + at, x, count, 1, 1);
  }
}

// Rounding to 16 bits may reach the end of the range, which does not belong to it: those numbers become its start.
template <class T>
void without_end(T* x, Index n, T low, T high) {
  for (Index i = 0; i < n; ++i) {
    if (to_float(x[i]) == to_float(high)) x[i] = low;
  }
}

void uniform_halves(const Tensor& to, double low, double high, Generator& g) {
  fill_through_float(to, [&](float* x, Index n) { uniform_elements(x, n, low, high, g); });
  if (to.dtype == DType::float16) {
    without_end(to.data<Float16>(), to.numel(), rounded_to<Float16>(low), rounded_to<Float16>(high));
  } else {
    without_end(to.data<BFloat16>(), to.numel(), rounded_to<BFloat16>(low), rounded_to<BFloat16>(high));
  }
}

// As normal_in_blocks, but without the draws that it discards: whole blocks, then the last sixteen anew.
void normal_halves(const Tensor& to, double mean, double std, Generator& g) {
  const auto blocks = [&](float* x, Index n) { normal_in_blocks(x, n, mean, std, g); };
  const Index n = to.numel();
  fill_through_float(narrow(to, 0, 0, n - n % 16), blocks);
  if (n % 16 != 0) fill_through_float(narrow(to, 0, n - 16, 16), blocks);
}

double largest_of(DType t) {
  if (t == DType::float16) return 65504;
  if (t == DType::bfloat16) return 0x1.fep127;
  return t == DType::float32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
}

void check_floats(const char* op, const Tensor& x) {
  check_inplace(op, x);
  if (!is_floating(x.dtype)) {
    fail(ErrorKind::not_implemented, op, ": expected a floating-point tensor, got ", dtype_name(x.dtype),
         "; convert it with .float() first");
  }
}

void check_uniform(DType dtype, double low, double high) {
  const double largest = largest_of(dtype);
  const auto fits = [=](double v) { return v >= -largest && v <= largest; };
  if (!fits(low) || !fits(high)) {
    fail("uniform_: the range [", low, ", ", high, ") is out of bounds for ", dtype_name(dtype));
  }
  if (!(low <= high)) fail("uniform_: expects to return a [from, to) range, but found from=", low, " > to=", high);
  if (high - low > largest) fail("uniform_: to - from = ", high, " - ", low, " overflows ", dtype_name(dtype));
}

// Whether x lies on a CUDA device, where it has been filled then.
bool is_drawn(Sample sample, const Tensor& x, double a, double b, Generator& given) {
  const Accelerator* cuda = accelerator_of(x);
  if (cuda == nullptr) return false;
  fill_in_memory_order(x, given, [&](const Tensor& to, Generator& g) { cuda->draw(sample, to, a, b, g); });
  return true;
}

}  // namespace

void uniform_(const Tensor& x, double low, double high, Generator& given) {
  check_floats("uniform_", x);
  check_uniform(x.dtype, low, high);
  if (is_drawn(Sample::uniform, x, low, high, given)) return;
  fill_in_memory_order(x, given, [&](const Tensor& to, Generator& g) {
    if (is_half(to.dtype)) return uniform_halves(to, low, high, g);
    visit_dtype(to.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) uniform_elements(to.data<T>(), to.numel(), low, high, g);
    });
  });
}

void normal_(const Tensor& x, double mean, double std, Generator& given) {
  if (!(std >= 0)) fail("normal_: expects std >= 0.0, but found std ", std, "; a standard deviation is not negative");
  check_floats("normal_", x);
  if (is_drawn(Sample::normal, x, mean, std, given)) return;
  const bool in_blocks = x.numel() >= 16 && x.is_contiguous();
  fill_in_memory_order(x, given, [&](const Tensor& to, Generator& g) {
    if (!in_blocks) return draw_normals(to, g, Draw::normal, mean, std);
    if (is_half(to.dtype)) return normal_halves(view(to, {to.numel()}), mean, std, g);
    visit_dtype(to.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      if constexpr (std::is_floating_point_v<T>) normal_in_blocks(to.data<T>(), to.numel(), mean, std, g);
    });
  });
}

void log_normal_(const Tensor& x, double mean, double std, Generator& given) {
  if (!(std > 0)) fail("log_normal_: expects std > 0.0, but found std=", std);
  check_floats("log_normal_", x);
  if (is_drawn(Sample::log_normal, x, mean, std, given)) return;
  fill_in_memory_order(x, given,
                       [&](const Tensor& to, Generator& g) { draw_normals(to, g, Draw::log_normal, mean, std); });
}

void exponential_(const Tensor& x, double lambda, Generator& given) {
  if (!(lambda > 0)) fail("exponential_: expects lambd > 0.0, but found ", lambda, "; the mean is 1 / lambd");
  check_floats("exponential_", x);
  if (is_drawn(Sample::exponential, x, lambda, 0, given)) return;
  fill_in_memory_order(x, given,
                       [&](const Tensor& to, Generator& g) { draw_elements(to, g, Draw::exponential, lambda, 0); });
}

void cauchy_(const Tensor& x, double median, double sigma, Generator& given) {
  if (!(sigma > 0)) fail("cauchy_: expects sigma > 0.0, but found sigma=", sigma);
  check_floats("cauchy_", x);
  if (is_drawn(Sample::cauchy, x, median, sigma, given)) return;
  fill_in_memory_order(x, given,
                       [&](const Tensor& to, Generator& g) { draw_elements(to, g, Draw::cauchy, median, sigma); });
}

void geometric_(const Tensor& x, double p, Generator& given) {
  if (!(p > 0 && p < 1)) fail("geometric_: expects p to be in (0, 1), but got p=", p);
  check_inplace("geometric_", x);
  if (x.dtype == DType::boolean) {
    fail(ErrorKind::not_implemented,
         "geometric_: counts of trials do not fit into bool; use an integer or float dtype");
  }
  if (is_drawn(Sample::geometric, x, p, 0, given)) return;
  fill_in_memory_order(x, given, [&](const Tensor& to, Generator& g) { draw_elements(to, g, Draw::geometric, p, 0); });
}

void bernoulli_(const Tensor& x, double p, Generator& given) {
  if (!(p >= 0 && p <= 1)) fail("bernoulli_: expects p to be in [0, 1], but got p=", p);
  check_inplace("bernoulli_", x);
  if (is_drawn(Sample::bernoulli, x, p, 0, given)) return;
  fill_in_memory_order(x, given, [&](const Tensor& to, Generator& g) { draw_elements(to, g, Draw::bernoulli, p, 0); });
}

}  // namespace fastgrad::ops
