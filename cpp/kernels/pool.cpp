// The largest element, or the average, of every window of an image.
#include <type_traits>

#include "kernels.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// A window's part of the image along all three dimensions.
struct Box {
  const Span &d, &h, &w;
  Index size() const { return d.size * h.size * w.size; }
};

// at(window, box) for the windows of one plane, from the first to the last.
template <class F>
void for_each_window(const Spans& s, F at) {
  Index window = 0;
  for (Index d = 0; d < s.out[0]; ++d) {
    for (Index h = 0; h < s.out[1]; ++h) {
      for (Index w = 0; w < s.out[2]; ++w, ++window) at(window, Box{s.span[0][d], s.span[1][h], s.span[2][w]});
    }
  }
}

// at(place) for the elements of a window.
template <class F>
void for_each_place(const Spans& s, const Box& box, F at) {
  for (Index d = box.d.begin; d < box.d.end; d += s.step[0]) {
    for (Index h = box.h.begin; h < box.h.end; h += s.step[1]) {
      const Index row = (d * s.in[1] + h) * s.in[2];
      for (Index w = box.w.begin; w < box.w.end; w += s.step[2]) at(row + w);
    }
  }
}

Index product(const Index* sizes) { return sizes[0] * sizes[1] * sizes[2]; }

template <class T>
constexpr T lowest = std::is_signed_v<T> ? static_cast<T>(T{1} << (8 * sizeof(T) - 1)) : T{0};
template <>
constexpr float lowest<float> = -__builtin_inff();
template <>
constexpr double lowest<double> = -__builtin_inf();

template <class T>
void max_pool(void* out, Index* place, const void* in, Index planes, const Spans& s) {
  T* largest = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  for (Index p = 0; p < planes; ++p, x += product(s.in), largest += product(s.out), place += product(s.out)) {
    for_each_window(s, [&](Index window, const Box& box) {
      Index where = (box.d.begin * s.in[1] + box.h.begin) * s.in[2] + box.w.begin;
      T best = lowest<T>;
      for_each_place(s, box, [&](Index i) {
        const bool better = x[i] > best || x[i] != x[i];  // of several NaNs the last, as in PyTorch
        best = better ? x[i] : best;
        where = better ? i : where;
      });
      largest[window] = best;
      place[window] = where;
    });
  }
}

template <class T>
void avg_pool(void* out, const void* in, Index planes, const Spans& s) {
  T* average = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  for (Index p = 0; p < planes; ++p, x += product(s.in), average += product(s.out)) {
    for_each_window(s, [&](Index window, const Box& box) {
      T sum{};
      for_each_place(s, box, [&](Index i) { sum += x[i]; });
      average[window] = sum / static_cast<T>(box.size());
    });
  }
}

template <class T>
void avg_pool_backward(void* out, const void* in, Index planes, const Spans& s) {
  T* dx = static_cast<T*>(out);
  const T* g = static_cast<const T*>(in);
  __builtin_memset(dx, 0, static_cast<std::size_t>(planes * product(s.in)) * sizeof(T));
  for (Index p = 0; p < planes; ++p, dx += product(s.in), g += product(s.out)) {
    for_each_window(s, [&](Index window, const Box& box) {
      const T share = g[window] / static_cast<T>(box.size());
      for_each_place(s, box, [&](Index i) { dx[i] += share; });
    });
  }
}

}  // namespace

void fill_pool(Kernels& table) {
  const auto fill_max = [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.max_pool[static_cast<int>(DTypeOf<T>::value)] = max_pool<T>;
  };
  const auto fill_avg = [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.avg_pool[static_cast<int>(DTypeOf<T>::value)] = avg_pool<T>;
    table.avg_pool_backward[static_cast<int>(DTypeOf<T>::value)] = avg_pool_backward<T>;
  };
  for_types(Integers{}, fill_max);
  for_types(Floats{}, fill_max);
  for_types(Floats{}, fill_avg);
  fill_avg(TypeTag<std::int64_t>{});
}

}  // namespace fastgrad::FASTGRAD_ISA
