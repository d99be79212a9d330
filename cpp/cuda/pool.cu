// The largest element, or the average, of every window of an image, and their gradients.
//
// A thread computes one element: of the result, or of the image's gradient, for which it looks at the windows that have
// it, in their order. So nothing is added up by several threads. Large windows are shared by the threads of a warp.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/number.cuh"

namespace fastgrad::cuda {
namespace {

// Windows of more places than this are worth a warp.
constexpr Index large_window = 64;

// Planes of an image and of the result with indices of type I.
template <class I>
struct Planes {
  SpanRule<I> along[3];
  I reach[3];

  explicit Planes(const SpanRules& rules) {
    for (int d = 0; d < 3; ++d) {
      along[d] = rules.along[d].with_index<I>();
      reach[d] = static_cast<I>(rules.reach[d]);
    }
  }

  __device__ I in() const { return along[0].in * along[1].in * along[2].in; }
  __device__ I out() const { return along[0].out * along[1].out * along[2].out; }
  __device__ I place(I d, I h, I w) const { return (d * along[1].in + h) * along[2].in + w; }
};

// A window's part of the image.
template <class I>
struct Box {
  SpanOf<I> d, h, w;

  // That of window i of a plane.
  __device__ Box(const Planes<I>& p, I i) {
    const I row = i / p.along[2].out;
    d = p.along[0][row / p.along[1].out];
    h = p.along[1][row % p.along[1].out];
    w = p.along[2][i - row * p.along[2].out];
  }

  __device__ I size() const { return d.size * h.size * w.size; }
  __device__ I first_place(const Planes<I>& p) const { return p.place(d.begin, h.begin, w.begin); }

  // at(place, number of the element in the window) for elements first, first + step, ... of a window.
  template <class F>
  __device__ void for_each_place(const Planes<I>& p, I first, I step, const F& at) const {
    if (step == 1) {
      for (I z = d.begin, deep = 0; z < d.end; z += p.along[0].dilation, deep += p.reach[1]) {
        for (I y = h.begin, high = deep; y < h.end; y += p.along[1].dilation, ++high) {
          I number = high * p.reach[2];
          for (I x = w.begin; x < w.end; x += p.along[2].dilation, ++number) at(p.place(z, y, x), number);
        }
      }
      return;
    }
    const I all = p.reach[0] * p.reach[1] * p.reach[2];
    for (I number = first; number < all; number += step) {
      const I row = number / p.reach[2];
      const I z = d.begin + row / p.reach[1] * p.along[0].dilation;
      const I y = h.begin + row % p.reach[1] * p.along[1].dilation;
      const I x = w.begin + number % p.reach[2] * p.along[2].dilation;
      if (z < d.end && y < h.end && x < w.end) at(p.place(z, y, x), number);
    }
  }
};

template <class T>
constexpr T lowest =
    std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();

template <class T>
__device__ bool is_nan(T x) {
  return x != x;
}

// Of the elements that threads of a warp found: NaN wins, the last of several; of equals the first.
template <class T, class I>
__device__ void take_better(T& best, I& at, T other, I other_at) {
  const bool better = is_nan(other) ? !is_nan(best) || other_at > at : other > best || (other == best && other_at < at);
  best = better ? other : best;
  at = better ? other_at : at;
}

// `team` threads, one or a warp, work on a window. Where: places in the image, or bytes, numbers in the window.
template <int team, class I, class T, class Where>
__global__ void max_pool_windows(T* out, Where* where, const T* x, Planes<I> p, I windows) {
  constexpr bool places = sizeof(Where) == sizeof(Index);
  const I each = p.out(), member = static_cast<I>(threadIdx.x % team);
  for (Index t = thread_index() / team; t < windows; t += thread_count() / team) {
    const I window = static_cast<I>(t), plane = window / each;
    const Box<I> box(p, window - plane * each);
    const T* const image = x + static_cast<Index>(plane) * p.in();
    T best = lowest<T>;
    I at = places ? box.first_place(p) : 0;
    box.for_each_place(p, member, static_cast<I>(team), [&](I place, I number) {
      const T here = image[place];
      if (!(here > best || is_nan(here))) return;
      best = here;
      at = places ? place : number;
    });
    for (int step = team / 2; step > 0; step /= 2) {
      const T other = __shfl_down_sync(0xffffffffU, best, step);
      take_better(best, at, other, __shfl_down_sync(0xffffffffU, at, step));
    }
    if (member != 0) continue;
    out[window] = best;
    where[window] = static_cast<Where>(at);
  }
}

template <class I>
__global__ void find_places(Index* places, const std::uint8_t* where, Planes<I> p, I windows) {
  const I each = p.out();
  for (Index t = thread_index(); t < windows; t += thread_count()) {
    const Box<I> box(p, static_cast<I>(t) % each);
    const I number = where[t], row = number / p.reach[2];
    places[t] = p.place(box.d.begin + row / p.reach[1] * p.along[0].dilation,
                        box.h.begin + row % p.reach[1] * p.along[1].dilation,
                        box.w.begin + number % p.reach[2] * p.along[2].dilation);
  }
}

// at(window, its spans) for the windows of a plane that may have the element at (z, y, x), in their order.
template <class I, class F>
__device__ void for_each_window_at(const Planes<I>& p, I z, I y, I x, const F& at) {
  const auto deep = p.along[0].windows_at(z), high = p.along[1].windows_at(y), wide = p.along[2].windows_at(x);
  for (I d = deep.begin; d < deep.end; ++d) {
    const SpanOf<I> in_d = p.along[0][d];
    for (I h = high.begin; h < high.end; ++h) {
      const SpanOf<I> in_h = p.along[1][h];
      for (I w = wide.begin; w < wide.end; ++w) {
        at((d * p.along[1].out + h) * p.along[2].out + w, in_d, in_h, p.along[2][w]);
      }
    }
  }
}

// The number along one dimension of a window's element at `place`; -1 where it has none there.
template <class I>
__device__ I number_of(const SpanOf<I>& span, I dilation, I place) {
  const I distance = place - span.begin;
  if (distance < 0) return -1;
  return dilation == 1 ? distance : distance % dilation == 0 ? distance / dilation : -1;
}

// f(element of all, its plane, z, y, x) for the elements of images.
template <class I, class F>
__device__ void for_each_element(const Planes<I>& p, I elements, const F& f) {
  const I wide = p.along[2].in, high = p.along[1].in, deep = p.along[0].in;
  for (Index t = thread_index(); t < elements; t += thread_count()) {
    const I row = static_cast<I>(t) / wide, slice = row / high, plane = slice / deep;
    f(t, plane, slice - plane * deep, row - slice * high, static_cast<I>(t) - row * wide);
  }
}

template <class I, class T, class Where>
__global__ void max_pool_gradient(T* dx, const T* g, const Where* where, Planes<I> p, I elements) {
  for_each_element(p, elements, [&](Index element, I plane, I z, I y, I x) {
    const Index first = static_cast<Index>(plane) * p.out();
    const I here = p.place(z, y, x);
    T sum{};
    for_each_window_at(p, z, y, x, [&](I window, const SpanOf<I>& d, const SpanOf<I>& h, const SpanOf<I>& w) {
      I sought = here;
      if constexpr (sizeof(Where) == 1) {
        const I deep = number_of(d, p.along[0].dilation, z), high = number_of(h, p.along[1].dilation, y),
                wide = number_of(w, p.along[2].dilation, x);
        if (deep < 0 || high < 0 || wide < 0 || deep >= p.reach[0] || high >= p.reach[1] || wide >= p.reach[2]) return;
        sought = (deep * p.reach[1] + high) * p.reach[2] + wide;
      }
      if (static_cast<I>(where[first + window]) == sought) sum += g[first + window];
    });
    dx[element] = sum;
  });
}

template <int team, class I, class T>
__global__ void average_windows(T* out, const T* x, Planes<I> p, I windows) {
  const I each = p.out(), member = static_cast<I>(threadIdx.x % team);
  for (Index t = thread_index() / team; t < windows; t += thread_count() / team) {
    const I window = static_cast<I>(t), plane = window / each;
    const Box<I> box(p, window - plane * each);
    const T* const image = x + static_cast<Index>(plane) * p.in();
    T sum{};
    box.for_each_place(p, member, static_cast<I>(team), [&](I place, I) { sum += image[place]; });
    for (int step = team / 2; step > 0; step /= 2) sum += __shfl_down_sync(0xffffffffU, sum, step);
    if (member == 0) out[window] = sum / static_cast<T>(box.size());
  }
}

template <class I, class T>
__global__ void average_gradient(T* dx, const T* g, Planes<I> p, I elements) {
  for_each_element(p, elements, [&](Index element, I plane, I z, I y, I x) {
    const T* const from = g + static_cast<Index>(plane) * p.out();
    T sum{};
    for_each_window_at(p, z, y, x, [&](I window, const SpanOf<I>& d, const SpanOf<I>& h, const SpanOf<I>& w) {
      const bool has_it = z >= d.begin && z < d.end && y >= h.begin && y < h.end && x >= w.begin && x < w.end;
      if (has_it) sum += from[window] / static_cast<T>(d.size * h.size * w.size);
    });
    dx[element] = sum;
  });
}

// ----------------------------------------------------------------------------------------------------- launches

// f(I{}) with the quickest index for `elements`, and for all that is computed of places and sizes.
template <class F>
void with_index(const SpanRules& rules, Index elements, const F& f) {
  Index largest = elements, padded = 1, windows = 1;
  for (const SpanRule<Index>& rule : rules.along) {
    padded *= rule.in + 2 * rule.padding;
    windows *= rule.out;
    const Index shares = (rule.out + 1) * (rule.in + 1), starts = rule.out * rule.stride + rule.extent + rule.dilation;
    largest = std::max({largest, padded + rule.extent, windows, shares, starts, std::abs(rule.divisor)});
  }
  if (largest <= std::numeric_limits<std::int32_t>::max()) return f(std::int32_t{});
  f(Index{});
}

// f(TypeTag<T>{}) for the types that pools compute: as the host's kernels.
template <class F>
void visit_numbers(DType dtype, const F& f) {
  visit_dtype(dtype, [&](auto tag) {
    if constexpr (!std::is_same_v<typename decltype(tag)::type, bool>) f(tag);
  });
}

template <class F>
void visit_floats(DType dtype, const F& f) {
  if (dtype == DType::float64) return f(TypeTag<double>{});
  f(TypeTag<float>{});
}

template <class T>
T* data(const Tensor& t) {
  return static_cast<T*>(t.address());
}

// f(std::integral_constant<int, team>{}) with as many threads as a window is worth.
template <class F>
void with_team(const SpanRules& rules, const F& f) {
  if (rules.reach[0] * rules.reach[1] * rules.reach[2] > large_window) return f(std::integral_constant<int, 32>{});
  f(std::integral_constant<int, 1>{});
}

}  // namespace

void max_pool(const Tensor& out, const Tensor& where, const Tensor& x, const SpanRules& rules) {
  const Index windows = out.numel();
  visit_numbers(out.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(rules, std::max(windows, x.numel()), [&](auto index) {
      using I = decltype(index);
      with_team(rules, [&](auto team) {
        const unsigned blocks = blocks_for(windows * team);
        const auto start = [&](auto* to_where) {
          using Where = std::remove_pointer_t<decltype(to_where)>;
          launch("max_pool", max_pool_windows<team, I, T, Where>, blocks, block_threads, 0, data<T>(out), to_where,
                 data<const T>(x), Planes<I>(rules), static_cast<I>(windows));
        };
        if (where.dtype == DType::uint8) {
          start(data<std::uint8_t>(where));
        } else {
          start(data<Index>(where));
        }
      });
    });
  });
}

void max_pool_places(const Tensor& places, const Tensor& where, const SpanRules& rules) {
  const Index windows = places.numel();
  with_index(rules, windows, [&](auto index) {
    using I = decltype(index);
    launch("max_pool_places", find_places<I>, blocks_for(windows), block_threads, 0, data<Index>(places),
           data<const std::uint8_t>(where), Planes<I>(rules), static_cast<I>(windows));
  });
}

void max_pool_backward(const Tensor& dx, const Tensor& g, const Tensor& where, const SpanRules& rules) {
  const Index elements = dx.numel();
  visit_floats(dx.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(rules, std::max(elements, g.numel()), [&](auto index) {
      using I = decltype(index);
      const auto start = [&](const auto* from_where) {
        using Where = std::remove_cvref_t<decltype(*from_where)>;
        launch("max_pool_backward", max_pool_gradient<I, T, Where>, blocks_for(elements), block_threads, 0, data<T>(dx),
               data<const T>(g), from_where, Planes<I>(rules), static_cast<I>(elements));
      };
      if (where.dtype == DType::uint8) {
        start(data<const std::uint8_t>(where));
      } else {
        start(data<const Index>(where));
      }
    });
  });
}

void avg_pool(const Tensor& out, const Tensor& x, const SpanRules& rules) {
  const Index windows = out.numel();
  const auto start = [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(rules, std::max(windows, x.numel()), [&](auto index) {
      using I = decltype(index);
      with_team(rules, [&](auto team) {
        launch("avg_pool", average_windows<team, I, T>, blocks_for(windows * team), block_threads, 0, data<T>(out),
               data<const T>(x), Planes<I>(rules), static_cast<I>(windows));
      });
    });
  };
  if (out.dtype == DType::int64) return start(TypeTag<std::int64_t>{});
  visit_floats(out.dtype, start);
}

void avg_pool_backward(const Tensor& dx, const Tensor& g, const SpanRules& rules) {
  const Index elements = dx.numel();
  const auto start = [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_index(rules, std::max(elements, g.numel()), [&](auto index) {
      using I = decltype(index);
      launch("avg_pool_backward", average_gradient<I, T>, blocks_for(elements), block_threads, 0, data<T>(dx),
             data<const T>(g), Planes<I>(rules), static_cast<I>(elements));
    });
  };
  if (dx.dtype == DType::int64) return start(TypeTag<std::int64_t>{});
  visit_floats(dx.dtype, start);
}

}  // namespace fastgrad::cuda
