// Windows of images as columns of matrices, and back: what turns a convolution into a matrix product.
#include "kernels.h"
#include "kernels/loop.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// The windows [begin, end) whose element k lies inside of the image along dimension d.
struct Range {
  Index begin, end;
};

Range inside(const Windows& w, int d, Index k) {
  const Index first = k * w.dilation[d] - w.padding[d], stride = w.stride[d];  // where window 0 has its element
  const Index begin = first < 0 ? (stride - 1 - first) / stride : 0;
  const Index end = first < w.in[d] ? (w.in[d] - first - 1) / stride + 1 : 0;
  const Index limit = end < w.out[d] ? end : w.out[d];
  return {begin < limit ? begin : limit, limit};
}

// run(column, image, range) for each row of windows and each element that they have: the windows of `range` have it
// at image + i * stride, and column + i is its place in the matrix.
template <class Run>
FASTGRAD_INLINE void for_each_run(Index channels, const Windows& w, Run run) {
  Index column = 0;
  for (Index c = 0; c < channels; ++c) {
    for (Index kd = 0; kd < w.kernel[0]; ++kd) {
      for (Index kh = 0; kh < w.kernel[1]; ++kh) {
        for (Index kw = 0; kw < w.kernel[2]; ++kw) {
          const Range deep = inside(w, 0, kd), high = inside(w, 1, kh), wide = inside(w, 2, kw);
          for (Index od = 0; od < w.out[0]; ++od) {
            const Index d = od * w.stride[0] - w.padding[0] + kd * w.dilation[0];
            for (Index oh = 0; oh < w.out[1]; ++oh, column += w.out[2]) {
              const Index h = oh * w.stride[1] - w.padding[1] + kh * w.dilation[1];
              const Index image = ((c * w.in[0] + d) * w.in[1] + h) * w.in[2] - w.padding[2] + kw * w.dilation[2];
              const bool none = od < deep.begin || od >= deep.end || oh < high.begin || oh >= high.end;
              run(column, image, none ? Range{0, 0} : wide);
            }
          }
        }
      }
    }
  }
}

template <class T>
FASTGRAD_INLINE void copy(T* to, const T* from, Index n) {
  if constexpr (sizeof(T) >= 4) {
    for_pieces<T>(n, [&](Index i, auto piece) { piece.store(to + i, piece.load(from + i, 0)); });
  } else {
    __builtin_memcpy(to, from, static_cast<std::size_t>(n) * sizeof(T));
  }
}

// Numbers are only moved: T is any type of their size.
template <class T>
void unfold_windows(void* out, const void* in, Index channels, const Windows& w) {
  T* const columns = static_cast<T*>(out);
  const T* const images = static_cast<const T*>(in);
  const Index stride = w.stride[2];
  for_each_run(channels, w, [&](Index column, Index image, Range range) __attribute__((always_inline)) {
    T* const to = columns + column;
    for (Index i = 0; i < range.begin; ++i) to[i] = 0;
    for (Index i = range.end; i < w.out[2]; ++i) to[i] = 0;
    if (stride == 1) {
      copy(to + range.begin, images + image + range.begin, range.end - range.begin);
    } else {
      for (Index i = range.begin; i < range.end; ++i) to[i] = images[image + i * stride];
    }
  });
}

template <class T>
void fold_windows(void* out, const void* in, Index channels, const Windows& w) {
  T* const images = static_cast<T*>(out);
  const T* const columns = static_cast<const T*>(in);
  const Index stride = w.stride[2], plane = w.in[0] * w.in[1] * w.in[2];
  __builtin_memset(images, 0, static_cast<std::size_t>(channels * plane) * sizeof(T));
  for_each_run(channels, w, [&](Index column, Index image, Range range) __attribute__((always_inline)) {
    const T* const from = columns + column;
    if constexpr (std::is_floating_point_v<T>) {
      if (stride == 1) {
        T* const to = images + image + range.begin;
        for_pieces<T>(range.end - range.begin, [&](Index i, auto piece) {
          piece.store(to + i, piece.load(to + i, 0) + piece.load(from + range.begin + i, 0));
        });
        return;
      }
    }
    for (Index i = range.begin; i < range.end; ++i) {
      T& to = images[image + i * stride];
      to = static_cast<T>(to + from[i]);
    }
  });
}

template <class T>
UnfoldLoop unfold_of() {
  if constexpr (sizeof(T) == 8) return unfold_windows<double>;
  if constexpr (sizeof(T) == 4) return unfold_windows<float>;
  if constexpr (sizeof(T) == 2) return unfold_windows<std::uint16_t>;
  if constexpr (sizeof(T) == 1) return unfold_windows<std::uint8_t>;
}

}  // namespace

void fill_conv(Kernels& table) {
  const auto fill = [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.unfold[static_cast<int>(DTypeOf<T>::value)] = unfold_of<T>();
    table.fold[static_cast<int>(DTypeOf<T>::value)] = fold_windows<T>;
  };
  fill(TypeTag<bool>{});
  for_types(Integers{}, fill);
  for_types(Floats{}, fill);
}

}  // namespace fastgrad::FASTGRAD_ISA
