// The transformations of Winograd's convolution F(2 x 2, 3 x 3): A. Lavin and S. Gray, "Fast algorithms for
// convolutional neural networks", CVPR 2016.
#include "kernels/every_second.h"
#include "kernels/vec.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

using V = Vec<float>;
constexpr Index width = lanes<float>;

// G g: four numbers from three.
FASTGRAD_INLINE void spread_kernel(const V* g, V* u) {
  const V ends = (g[0] + g[2]) * 0.5f, middle = g[1] * 0.5f;
  u[0] = g[0];
  u[1] = ends + middle;
  u[2] = ends - middle;
  u[3] = g[2];
}

// B' d: four numbers from four.
FASTGRAD_INLINE void spread_image(const V* d, V* v) {
  v[0] = d[0] - d[2];
  v[1] = d[1] + d[2];
  v[2] = d[2] - d[1];
  v[3] = d[1] - d[3];
}

// A' m: two numbers from four.
FASTGRAD_INLINE void gather_results(const V* m, V* y) {
  y[0] = m[0] + m[1] + m[2];
  y[1] = m[1] - m[2] - m[3];
}

// Both ways: f on the columns, then on the rows of a square.
template <int from, int to, class F>
FASTGRAD_INLINE void both_ways(const V (&square)[from][from], V (&result)[to][to], F f) {
  V half[to][from];
#pragma GCC unroll 4
  for (int j = 0; j < from; ++j) {
    V column[from], turned[to];
#pragma GCC unroll 4
    for (int i = 0; i < from; ++i) column[i] = square[i][j];
    f(column, turned);
#pragma GCC unroll 4
    for (int i = 0; i < to; ++i) half[i][j] = turned[i];
  }
#pragma GCC unroll 4
  for (int i = 0; i < to; ++i) f(half[i], result[i]);
}

void weights(float* u, Index plane, const float* weight, Index stride, Index channels, bool flipped) {
  for (Index c = 0; c < channels; c += width, weight += width * stride) {
    const Index count = channels - c < width ? channels - c : width;
    float elements[9][width] = {};
    for (Index i = 0; i < count; ++i) {
      for (int t = 0; t < 9; ++t) elements[flipped ? 8 - t : t][i] = weight[i * stride + t];
    }
    V kernel[3][3], turned[4][4];
    for (int t = 0; t < 9; ++t) kernel[t / 3][t % 3] = load(elements[t]);
    both_ways(kernel, turned, [](const V* g, V* to) __attribute__((always_inline)) { spread_kernel(g, to); });
    for (int k = 0; k < 16; ++k) store_partial(u + k * plane + c, turned[k / 4][k % 4], count);
  }
}

void image(float* v, Index plane, const float* image, Index image_width, Index rows, Index tiles) {
  const Index pitch = 2 * image_width;
  for (Index r = 0; r < rows; ++r, image += 2 * pitch, v += tiles) {
    for (Index t = 0; t < tiles; t += width) {
      V square[4][4], turned[4][4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const float* row = image + i * pitch + t;
        square[i][0] = load(row);
        square[i][1] = load(row + image_width);
        square[i][2] = load(row + 1);
        square[i][3] = load(row + image_width + 1);
      }
      both_ways(square, turned, [](const V* d, V* to) __attribute__((always_inline)) { spread_image(d, to); });
#pragma GCC unroll 16
      for (int k = 0; k < 16; ++k) store(v + k * plane + t, turned[k / 4][k % 4]);
    }
  }
}

FASTGRAD_INLINE void store_row(float* out, V even, V odd, Index count) {
  const V low = interleaved<0>(even, odd), high = interleaved<1>(even, odd);
  if (count >= 2 * width) {
    store(out, low);
    store(out + width, high);
    return;
  }
  store_partial(out, low, count < width ? count : width);
  if (count > width) store_partial(out + width, high, count - width);
}

void results(float* out, const float* m, Index plane, Index rows, Index columns, float bias) {
  const Index tiles = (columns + 1) / 2;
  for (Index r = 0; r < rows; r += 2, out += 2 * columns, m += tiles) {
    for (Index t = 0; t < tiles; t += width) {
      const Index left = tiles - t < width ? tiles - t : width;
      V square[4][4], turned[2][2];
#pragma GCC unroll 16
      for (int k = 0; k < 16; ++k) {
        const float* from = m + k * plane + t;
        square[k / 4][k % 4] = left == width ? load(from) : load_partial(from, left);
      }
      both_ways(square, turned, [](const V* p, V* to) __attribute__((always_inline)) { gather_results(p, to); });
      const Index count = columns - 2 * t;
      store_row(out + 2 * t, turned[0][0] + bias, turned[0][1] + bias, count);
      if (r + 1 < rows) store_row(out + columns + 2 * t, turned[1][0] + bias, turned[1][1] + bias, count);
    }
  }
}

}  // namespace

void fill_winograd(Kernels& table) { table.winograd = {weights, image, results}; }

}  // namespace fastgrad::FASTGRAD_ISA
