// Random numbers, with PyTorch's assignment of a generator's words to elements and its formulas.
#include <cmath>
#include <limits>

#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/number.cuh"
#include "cuda/philox.cuh"

namespace fastgrad::cuda {
namespace {

// The grid that PyTorch would start: which words an element gets depends on it.
unsigned grid_for(Index n) {
  int threads = 0;
  check(cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, current_device()),
        "cudaDeviceGetAttribute");
  const Index most = Index{multiprocessors()} * (threads / block_threads),
              wanted = (n + block_threads - 1) / block_threads;
  return static_cast<unsigned>(wanted < most ? wanted : most);
}

// A thread takes four words at a time, makes `count` numbers of them, and gives these to elements a grid apart.
template <int count, class T, class Make, class S, class Finish>
__global__ void draw_elements(PhiloxStart start, Make make, Finish finish, S* to, Index n) {
  const Philox g = start.get();
  std::uint64_t counter = g.offset / 4;
  const Index first = thread_index(), step = thread_count();
  for (Index at = first; at < n; at += step * count, ++counter) {
    T numbers[count];
    make(philox(g.seed, static_cast<std::uint64_t>(first), counter), numbers);
    for (int k = 0; k < count; ++k) {
      const Index i = at + k * step;
      if (i < n) to[i] = finish(numbers[k]);
    }
  }
}

template <int count, class T, class Make, class S, class Finish>
void draw_by(const Make& make, const Finish& finish, const Tensor& to, Generator& g) {
  const Index n = to.numel();
  if (n == 0) return;
  const unsigned blocks = grid_for(n);
  const auto each = static_cast<std::uint64_t>(blocks) * block_threads * count;
  const PhiloxStart start = take(g, 4 * ((static_cast<std::uint64_t>(n) - 1) / each + 1));
  launch("random", draw_elements<count, T, Make, S, Finish>, blocks, block_threads, 0, start, make, finish,
         static_cast<S*>(to.address()), n);
}

// ---------------------------------------------------------------------------------------------- from words to numbers

// Uniform in (0, 1].
struct Uniform {
  __device__ static float single(std::uint32_t word) { return static_cast<float>(word) * 0x1p-32F + 0x1p-33F; }
  __device__ static double wide(std::uint32_t low, std::uint32_t high) {
    return static_cast<double>(low ^ static_cast<std::uint64_t>(high) << 21) * 0x1p-53 + 0x1p-54;
  }
  __device__ void operator()(const Words& w, float (&x)[4]) const {
    for (int k = 0; k < 4; ++k) x[k] = single(w.v[k]);
  }
  __device__ void operator()(const Words& w, double (&x)[2]) const {
    for (int k = 0; k < 2; ++k) x[k] = wide(w.v[2 * k], w.v[2 * k + 1]);
  }
};

// By pairs (Box and Muller).
struct Normal {
  __device__ void operator()(const Words& w, float (&x)[4]) const {
    constexpr float turn = 6.2831855F * 0x1p-32F;
    for (int k = 0; k < 4; k += 2) {
      const float radius = ::sqrtf(-2.0F * ::logf(Uniform::single(w.v[k])));
      const float angle = static_cast<float>(w.v[k + 1]) * turn + turn / 2;
      x[k] = __sinf(angle) * radius;
      x[k + 1] = __cosf(angle) * radius;
    }
  }
  __device__ void operator()(const Words& w, double (&x)[2]) const {
    const double radius = ::sqrt(-2.0 * ::log(Uniform::wide(w.v[0], w.v[1])));
    double sine, cosine;
    ::sincospi(2 * Uniform::wide(w.v[2], w.v[3]), &sine, &cosine);
    x[0] = sine * radius;
    x[1] = cosine * radius;
  }
};

// --------------------------------------------------------------------------------------------------- distributions

__device__ inline float log_of(float x) { return ::logf(x); }
__device__ inline double log_of(double x) { return ::log(x); }
__device__ inline float exp_of(float x) { return ::expf(x); }
__device__ inline double exp_of(double x) { return ::exp(x); }

// S: the elements' type, T: that of the computation.
template <class S, class T>
struct InRange {
  S low, high;
  T start, range;
  __device__ S operator()(T u) const {
    const S value = converted<S>(u * range + start);
    return widened(value) == widened(high) ? low : value;  // [low, high) from (0, 1]
  }
};

template <class S, class T>
struct Scaled {
  T mean, std;
  __device__ S operator()(T x) const { return converted<S>(x * std + mean); }
};

template <class S, class T>
struct ExpScaled {
  T mean, std;
  __device__ S operator()(T x) const { return converted<S>(exp_of(x * std + mean)); }
};

template <class S, class T>
struct Exponential {
  T lambda, half_epsilon;
  __device__ S operator()(T u) const {
    const T log = u >= 1 - half_epsilon ? -half_epsilon : log_of(u);  // never 0
    return converted<S>(T{-1} / lambda * log);
  }
};

__device__ inline float tangent(float x) { return ::tanf(x); }
__device__ inline double tangent(double x) { return ::tan(x); }

template <class S, class T>
struct Cauchy {
  T median, sigma, epsilon;
  __device__ S operator()(T u) const {
    if constexpr (std::is_same_v<T, float>) u = u > 1 - epsilon ? 1 - epsilon : u < epsilon ? epsilon : u;
    return converted<S>(median + sigma * tangent(static_cast<T>(3.14159265358979323846) * (u - static_cast<T>(0.5))));
  }
};

template <class S, class T>
struct Geometric {
  T failure;  // log(1 - p)
  __device__ S operator()(T u) const { return converted<S>(::ceil(log_of(u) / failure)); }
};

template <class S, class T>
struct Bernoulli {
  T p;
  __device__ S operator()(T u) const { return converted<S>(u < p); }
};

// 16-bit floats and whole numbers are made of floats.
template <class S>
using DrawnAs = std::conditional_t<std::is_same_v<S, double>, double, float>;

template <class S>
S on_host(double x) {
  if constexpr (std::is_floating_point_v<S> || is_half_type<S>) {
    return rounded_to<S>(x);
  } else {
    return static_cast<S>(x);
  }
}

template <class S>
void draw_as(Sample sample, const Tensor& to, double a, double b, Generator& g) {
  using T = DrawnAs<S>;
  constexpr int count = 16 / sizeof(T);  // of four words
  const auto first = static_cast<T>(a), second = static_cast<T>(b);
  const auto uniform = [&](const auto& finish) {
    draw_by<count, T, Uniform, S, std::decay_t<decltype(finish)>>(Uniform{}, finish, to, g);
  };
  const auto normal = [&](const auto& finish) {
    draw_by<count, T, Normal, S, std::decay_t<decltype(finish)>>(Normal{}, finish, to, g);
  };
  constexpr T epsilon = std::numeric_limits<T>::epsilon();
  if (sample == Sample::bernoulli) return uniform(Bernoulli<S, T>{first});
  if constexpr (!std::is_same_v<S, bool>) {
    if (sample == Sample::geometric) return uniform(Geometric<S, T>{static_cast<T>(std::log1p(-first))});
  }
  if constexpr (std::is_floating_point_v<S> || is_half_type<S>) {
    const S low = on_host<S>(a), high = on_host<S>(b);
    switch (sample) {
      case Sample::uniform:
        return uniform(InRange<S, T>{low, high, first, static_cast<T>(b - a)});
      case Sample::normal:
        return normal(Scaled<S, T>{first, second});
      case Sample::log_normal:
        return normal(ExpScaled<S, T>{first, second});
      case Sample::exponential:
        return uniform(Exponential<S, T>{first, epsilon / 2});
      default:
        return uniform(Cauchy<S, T>{first, second, epsilon});
    }
  }
}

// --------------------------------------------------------------------------------------------------- whole numbers

struct WholeWords {
  __device__ void operator()(const Words& w, std::uint32_t (&x)[4]) const {
    for (int k = 0; k < 4; ++k) x[k] = w.v[k];
  }
  __device__ void operator()(const Words& w, std::uint64_t (&x)[2]) const {
    for (int k = 0; k < 2; ++k) x[k] = w.wide(k);
  }
};

template <class S, class T>
struct Whole {
  std::uint64_t low;
  T range;  // 0: all
  __device__ S operator()(T word) const {
    const std::uint64_t number = range == 0 ? word : word % range + low;
    return converted<S>(static_cast<Index>(number));
  }
};

// --------------------------------------------------------------------------------------------------------- Poisson

constexpr int poisson_calls = 64;  // of the generator that an element has for itself, as a rule

// An element's own sequence of uniform numbers in [0, 1).
class Stream {
 public:
  __device__ Stream(Philox g, Index element) : g_(g), element_(element), counter_(g.offset / 4) {}

  __device__ double next() {
    if (used_ == 2) {
      words_ = philox(g_.seed, static_cast<std::uint64_t>(element_), counter_++);
      used_ = 0;
    }
    return static_cast<double>(words_.wide(used_++) >> 11) * 0x1p-53;
  }

 private:
  Philox g_;
  Index element_;
  std::uint64_t counter_;
  Words words_{};
  int used_ = 2;
};

// Small rates: multiply uniform numbers until the product falls below exp(-rate) (D. Knuth, TAOCP 2, 3.4.1).
__device__ double poisson_by_product(double rate, Stream& random) {
  const double end = ::exp(-rate);
  double count = 0;
  for (double product = random.next(); product > end; product *= random.next()) ++count;
  return count;
}

// Large rates: transformed rejection with squeeze (W. Hoermann, "The transformed rejection method for generating
// Poisson random variables", Insurance: Mathematics and Economics 12, 1993).
__device__ double poisson_by_rejection(double rate, Stream& random) {
  const double log_rate = ::log(rate), b = 0.931 + 2.53 * ::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double log_inverse_alpha = ::log(1.1239 + 1.1328 / (b - 3.4)), v_r = 0.9277 - 3.6224 / (b - 2);
  while (true) {
    const double u = random.next() - 0.5, v = random.next(), us = 0.5 - ::fabs(u);
    const double k = ::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double accept = k * log_rate - rate - ::lgamma(k + 1);
    if (::log(v) + log_inverse_alpha - ::log(a / (us * us) + b) <= accept) return k;
  }
}

__global__ void count_events(PhiloxStart start, double* counts, const double* rates, Index n) {
  for (Index i = thread_index(); i < n; i += thread_count()) {
    Stream random(start.get(), i);
    const double rate = rates[i];
    if (!(rate > 0)) {
      counts[i] = rate;  // 0, or what is no rate
    } else {
      counts[i] = rate < 10 ? poisson_by_product(rate, random) : poisson_by_rejection(rate, random);
    }
  }
}

}  // namespace

void draw(Sample sample, const Tensor& to, double a, double b, Generator& generator) {
  visit_every_dtype(to.dtype, [&](auto tag) { draw_as<typename decltype(tag)::type>(sample, to, a, b, generator); });
}

void draw_integers(const Tensor& to, Index low, std::uint64_t range, bool wide, Generator& generator) {
  const auto from = static_cast<std::uint64_t>(low);
  visit_every_dtype(to.dtype, [&](auto tag) {
    using S = typename decltype(tag)::type;
    if (wide) {
      using Finish = Whole<S, std::uint64_t>;
      draw_by<2, std::uint64_t, WholeWords, S>(WholeWords{}, Finish{from, range}, to, generator);
    } else {
      using Finish = Whole<S, std::uint32_t>;
      draw_by<4, std::uint32_t, WholeWords, S>(WholeWords{}, Finish{from, static_cast<std::uint32_t>(range)}, to,
                                               generator);
    }
  });
}

void poisson(const Tensor& counts, const Tensor& rates, Generator& generator) {
  const Index n = rates.numel();
  if (n == 0) return;
  launch("poisson", count_events, blocks_for(n), block_threads, 0, take(generator, 4 * poisson_calls),
         static_cast<double*>(counts.address()), static_cast<const double*>(rates.address()), n);
}

}  // namespace fastgrad::cuda
