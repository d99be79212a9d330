// The largest element, or the average, of every window of an image.
#include <type_traits>

#include "kernels.h"
#include "kernels/every_second.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// A window's part of the image along all three dimensions.
struct Box {
  const Span &d, &h, &w;
  Index size() const { return d.size * h.size * w.size; }
};

Index first_place(const Spans& s, const Box& box) {
  return (box.d.begin * s.in[1] + box.h.begin) * s.in[2] + box.w.begin;
}

// row(first window, box) for the rows of windows of one plane; box.w is that of the first window.
template <class F>
FASTGRAD_INLINE void for_each_row(const Spans& s, F row) {
  Index window = 0;
  for (Index d = 0; d < s.out[0]; ++d) {
    for (Index h = 0; h < s.out[1]; ++h, window += s.out[2]) {
      row(window, Box{s.span[0][d], s.span[1][h], s.span[2][0]});
    }
  }
}

// at(window, box) for the windows [begin, end) of a row.
template <class F>
FASTGRAD_INLINE void for_each_window(const Spans& s, const Box& row, Index begin, Index end, F at) {
  for (Index w = begin; w < end; ++w) at(w, Box{row.d, row.h, s.span[2][w]});
}

// at(place, number of the element in the window) for the elements of a window.
template <class F>
FASTGRAD_INLINE void for_each_place(const Spans& s, const Box& box, F at) {
  Index deep = 0;
  for (Index d = box.d.begin; d < box.d.end; d += s.step[0], deep += s.reach[1]) {
    Index high = deep;
    for (Index h = box.h.begin; h < box.h.end; h += s.step[1], ++high) {
      const Index row = (d * s.in[1] + h) * s.in[2];
      Index element = high * s.reach[2];
      for (Index w = box.w.begin; w < box.w.end; w += s.step[2], ++element) at(row + w, element);
    }
  }
}

// at(row of the image, number of its first element in the window) for the rows that a row of windows has.
template <class F>
FASTGRAD_INLINE void for_each_image_row(const Spans& s, const Box& box, F at) {
  Index deep = 0;
  for (Index d = box.d.begin; d < box.d.end; d += s.step[0], deep += s.reach[1]) {
    Index high = deep;
    for (Index h = box.h.begin; h < box.h.end; h += s.step[1], ++high) {
      at((d * s.in[1] + h) * s.in[2], high * s.reach[2]);
    }
  }
}

Index product(const Index* sizes) { return sizes[0] * sizes[1] * sizes[2]; }

// Whether the whole windows of a row are computed as vectors: they begin one or two elements apart.
template <class T>
bool by_vectors(const Spans& s) {
  return std::is_floating_point_v<T> && (s.stride == 1 || s.stride == 2);
}

// vector(window, place of its first element in a row, count) for the whole windows of a row, a vector of them at a
// time, where window and place are those of the first; at(window, box) for the others.
template <class T, class Vectors, class At>
FASTGRAD_INLINE void for_row(const Spans& s, const Box& row, Vectors vectors, At at) {
  const Index begin = s.whole_begin, end = s.whole_end;
  for_each_window(s, row, 0, begin, at);
  for (Index w = begin; w < end; w += lanes<T>) {
    vectors(w, s.span[2][w].begin, end - w < lanes<T> ? end - w : lanes<T>);
  }
  for_each_window(s, row, end, s.out[2], at);
}

// use(read), where read(from) gives the first `count` of the elements from[0], from[stride], ...: one loop for each
// case.
template <class T, class Use>
FASTGRAD_INLINE void with_reader(Index stride, Index count, Use use) {
  if (stride == 2) {
    if (count == lanes<T>) {
      use([](const T* from) __attribute__((always_inline)) { return load_even(from); });
    } else {
      use([count](const T* from) __attribute__((always_inline)) { return load_even(from, count); });
    }
  } else if (count == lanes<T>) {
    use([](const T* from) __attribute__((always_inline)) { return load(from); });
  } else {
    use([count](const T* from) __attribute__((always_inline)) { return load_partial(from, count); });
  }
}

// The first `count` elements as bytes.
template <class V>
FASTGRAD_INLINE void store_bytes(std::uint8_t* to, V numbers, Index count) {
  constexpr int size = sizeof(V) / sizeof(Element<V>);
  const auto narrow = __builtin_convertvector(numbers, typename VecOf<std::uint8_t, size>::type);
  if (count == size) {
    __builtin_memcpy(to, &narrow, sizeof narrow);
    return;
  }
#if defined(__AVX512F__)
  if constexpr (size == 16) {
    const auto bytes = reinterpret_cast<__m128i>(narrow);
    _mm_mask_storeu_epi8(to, static_cast<__mmask16>(first_bits(count)), bytes);
    return;
  }
#endif
  std::uint8_t all[size];
  __builtin_memcpy(all, &narrow, sizeof narrow);
  for (Index i = 0; i < count; ++i) to[i] = all[i];
}

template <class V>
FASTGRAD_INLINE V load_bytes(const std::uint8_t* from, Index count) {
  constexpr int size = sizeof(V) / sizeof(Element<V>);
  typename VecOf<std::uint8_t, size>::type narrow = {};
#if defined(__AVX512F__)
  if constexpr (size == 16) {
    const __m128i bytes = _mm_maskz_loadu_epi8(static_cast<__mmask16>(first_bits(count)), from);
    __builtin_memcpy(&narrow, &bytes, sizeof narrow);
    return __builtin_convertvector(narrow, V);
  }
#endif
  if (count == size) {
    __builtin_memcpy(&narrow, from, sizeof narrow);
  } else {
    for (Index i = 0; i < count; ++i) narrow[i] = from[i];
  }
  return __builtin_convertvector(narrow, V);
}

// ---------------------------------------------------------------------------------------------- largest elements

template <class T>
constexpr T lowest = std::is_signed_v<T> ? static_cast<T>(T{1} << (8 * sizeof(T) - 1)) : T{0};
template <>
constexpr float lowest<float> = -__builtin_inff();
template <>
constexpr double lowest<double> = -__builtin_inf();

template <class T, class Where>
FASTGRAD_INLINE void largest_of(T& out, Where& where, const T* x, const Spans& s, const Box& box) {
  constexpr bool places = sizeof(Where) == sizeof(Index);
  Index at = places ? first_place(s, box) : 0;
  T best = lowest<T>;
  for_each_place(s, box, [&](Index place, Index element) __attribute__((always_inline)) {
    const bool better = x[place] > best || x[place] != x[place];  // of several NaNs the last, as in PyTorch
    best = better ? x[place] : best;
    at = better ? (places ? place : element) : at;
  });
  out = best;
  where = static_cast<Where>(at);
}

template <class T>
FASTGRAD_INLINE void largest_of_vectors(T* out, std::uint8_t* where, const T* x, const Spans& s, const Box& row,
                                        Index start, Index count) {
  Vec<T> best = splat<Vec<T>>(lowest<T>);
  Bits<Vec<T>> at = {};
  with_reader<T>(s.stride, count, [&](auto read) __attribute__((always_inline)) {
    for_each_image_row(s, row, [&](Index place, Index element) __attribute__((always_inline)) {
      const T* from = x + place + start;
      for (Index k = 0; k < s.reach[2]; ++k, from += s.step[2], ++element) {
        const Vec<T> v = read(from);
        const auto better = (v > best) | (v != v);
        best = better ? v : best;
        at = better ? splat<Bits<Vec<T>>>(static_cast<Unsigned<T>>(element)) : at;
      }
    });
  });
  store_partial(out, best, count);
  store_bytes(where, at, count);
}

template <class T, class Where>
void max_pool(void* out, void* where, const void* in, Index planes, const Spans& s) {
  T* largest = static_cast<T*>(out);
  Where* at = static_cast<Where*>(where);
  const T* x = static_cast<const T*>(in);
  const bool vectors = sizeof(Where) == 1 && by_vectors<T>(s);
  for (; planes > 0; --planes, x += product(s.in), largest += product(s.out), at += product(s.out)) {
    for_each_row(s, [&](Index window, const Box& row) {
      const auto one = [&](Index w, const Box& box) { largest_of(largest[window + w], at[window + w], x, s, box); };
      if constexpr (sizeof(Where) == 1 && std::is_floating_point_v<T>) {
        if (vectors) {
          const auto some = [&](Index w, Index start, Index count) {
            largest_of_vectors(largest + window + w, at + window + w, x, s, row, start, count);
          };
          for_row<T>(s, row, some, one);
          return;
        }
      }
      for_each_window(s, row, 0, s.out[2], one);
    });
  }
}

// Where the elements of a window lie, seen from its first one.
struct Distances {
  Index of[largest_small_window];
  explicit Distances(const Spans& s) {
    Index i = 0;
    for (Index d = 0; d < s.reach[0]; ++d) {
      for (Index h = 0; h < s.reach[1]; ++h) {
        for (Index w = 0; w < s.reach[2]; ++w) {
          of[i++] = (d * s.step[0] * s.in[1] + h * s.step[1]) * s.in[2] + w * s.step[2];
        }
      }
    }
  }
};

void max_pool_places(Index* place, const std::uint8_t* where, Index planes, const Spans& s) {
  const Distances distances(s);
  for (; planes > 0; --planes, where += product(s.out), place += product(s.out)) {
    for_each_row(s, [&](Index window, const Box& row) {
      for_each_window(s, row, 0, s.out[2], [&](Index w, const Box& box) {
        place[window + w] = first_place(s, box) + distances.of[where[window + w]];
      });
    });
  }
}

// Two elements of every window of a row: those with the numbers `element` and element + 1.
template <class T>
FASTGRAD_INLINE void add_pair(T* to, Vec<T> g, Bits<Vec<T>> at, Index element, Index count) {
  const auto share = [&](Index k) __attribute__((always_inline)) {
    return at == splat<Bits<Vec<T>>>(static_cast<Unsigned<T>>(k)) ? g : Vec<T>{};
  };
  add_interleaved(to, share(element), share(element + 1), count);
}

// Windows two wide and two apart share nothing along the row.
bool in_pairs(const Spans& s) { return s.stride == 2 && s.reach[2] == 2 && s.step[2] == 1; }

template <class T>
void max_pool_backward(void* out, const void* in, const void* where, Index planes, const Spans& s) {
  T* dx = static_cast<T*>(out);
  const T* g = static_cast<const T*>(in);
  const std::uint8_t* at = static_cast<const std::uint8_t*>(where);
  const Distances distances(s);
  const bool vectors = in_pairs(s);
  for (; planes > 0; --planes, dx += product(s.in), g += product(s.out), at += product(s.out)) {
    __builtin_memset(dx, 0, static_cast<std::size_t>(product(s.in)) * sizeof(T));
    for_each_row(s, [&](Index window, const Box& row) {
      const auto one = [&](Index w, const Box& box) {
        dx[first_place(s, box) + distances.of[at[window + w]]] += g[window + w];
      };
      const auto some = [&](Index w, Index start, Index count) {
        const Vec<T> upstream = load_partial(g + window + w, count);
        const auto number = load_bytes<Bits<Vec<T>>>(at + window + w, count);
        for_each_image_row(s, row, [&](Index place, Index element) __attribute__((always_inline)) {
          add_pair(dx + place + start, upstream, number, element, count);
        });
      };
      if (vectors) {
        for_row<T>(s, row, some, one);
      } else {
        for_each_window(s, row, 0, s.out[2], one);
      }
    });
  }
}

template <class T>
void max_pool_places_backward(void* out, const void* in, const void* where, Index planes, const Spans& s) {
  T* dx = static_cast<T*>(out);
  const T* g = static_cast<const T*>(in);
  const Index* place = static_cast<const Index*>(where);
  const Index windows = product(s.out);
  for (; planes > 0; --planes, dx += product(s.in), g += windows, place += windows) {
    __builtin_memset(dx, 0, static_cast<std::size_t>(product(s.in)) * sizeof(T));
    for (Index w = 0; w < windows; ++w) dx[place[w]] += g[w];
  }
}

// ------------------------------------------------------------------------------------------------------- averages

template <class T>
FASTGRAD_INLINE void average_of_vectors(T* out, const T* x, const Spans& s, const Box& row, Index start, Index count) {
  Vec<T> sum = {};
  with_reader<T>(s.stride, count, [&](auto read) __attribute__((always_inline)) {
    for_each_image_row(s, row, [&](Index place, Index) __attribute__((always_inline)) {
      const T* from = x + place + start;
      for (Index k = 0; k < s.reach[2]; ++k, from += s.step[2]) sum += read(from);
    });
  });
  store_partial(out, sum / splat<Vec<T>>(static_cast<T>(row.size())), count);
}

template <class T>
void avg_pool(void* out, const void* in, Index planes, const Spans& s) {
  T* average = static_cast<T*>(out);
  const T* x = static_cast<const T*>(in);
  const bool vectors = by_vectors<T>(s);
  for (; planes > 0; --planes, x += product(s.in), average += product(s.out)) {
    for_each_row(s, [&](Index window, const Box& row) {
      const auto one = [&](Index w, const Box& box) {
        T sum{};
        for_each_place(s, box, [&](Index place, Index) __attribute__((always_inline)) { sum += x[place]; });
        average[window + w] = sum / static_cast<T>(box.size());
      };
      if constexpr (std::is_floating_point_v<T>) {
        if (vectors) {
          const auto some = [&](Index w, Index start, Index count) {
            const Box boxes{row.d, row.h, s.span[2][w]};
            average_of_vectors(average + window + w, x, s, boxes, start, count);
          };
          for_row<T>(s, row, some, one);
          return;
        }
      }
      for_each_window(s, row, 0, s.out[2], one);
    });
  }
}

template <class T>
void avg_pool_backward(void* out, const void* in, Index planes, const Spans& s) {
  T* dx = static_cast<T*>(out);
  const T* g = static_cast<const T*>(in);
  const bool vectors = std::is_floating_point_v<T> && in_pairs(s);
  for (; planes > 0; --planes, dx += product(s.in), g += product(s.out)) {
    __builtin_memset(dx, 0, static_cast<std::size_t>(product(s.in)) * sizeof(T));
    for_each_row(s, [&](Index window, const Box& row) {
      const auto one = [&](Index w, const Box& box) {
        const T share = g[window + w] / static_cast<T>(box.size());
        for_each_place(s, box, [&](Index place, Index) __attribute__((always_inline)) { dx[place] += share; });
      };
      if constexpr (std::is_floating_point_v<T>) {
        if (vectors) {
          const auto some = [&](Index w, Index start, Index count) {
            const Box boxes{row.d, row.h, s.span[2][w]};
            const Vec<T> share = load_partial(g + window + w, count) / splat<Vec<T>>(static_cast<T>(boxes.size()));
            for_each_image_row(s, row, [&](Index place, Index) __attribute__((always_inline)) {
              add_interleaved(dx + place + start, share, share, count);
            });
          };
          for_row<T>(s, row, some, one);
          return;
        }
      }
      for_each_window(s, row, 0, s.out[2], one);
    });
  }
}

}  // namespace

void fill_pool(Kernels& table) {
  const auto fill_max = [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.max_pool[static_cast<int>(DTypeOf<T>::value)] = max_pool<T, Index>;
    table.max_pool_small[static_cast<int>(DTypeOf<T>::value)] = max_pool<T, std::uint8_t>;
  };
  const auto fill_floats = [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.max_pool_backward[static_cast<int>(DTypeOf<T>::value)] = max_pool_backward<T>;
    table.max_pool_places_backward[static_cast<int>(DTypeOf<T>::value)] = max_pool_places_backward<T>;
  };
  const auto fill_avg = [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.avg_pool[static_cast<int>(DTypeOf<T>::value)] = avg_pool<T>;
    table.avg_pool_backward[static_cast<int>(DTypeOf<T>::value)] = avg_pool_backward<T>;
  };
  for_types(Integers{}, fill_max);
  for_types(Floats{}, fill_max);
  for_types(Floats{}, fill_floats);
  for_types(Floats{}, fill_avg);
  fill_avg(TypeTag<std::int64_t>{});
  table.max_pool_places = max_pool_places;
}

}  // namespace fastgrad::FASTGRAD_ISA
