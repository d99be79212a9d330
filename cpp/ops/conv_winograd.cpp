// Convolutions with kernels of 3 x 3 and stride 1 by Winograd's transformation: 16 matrix products with 4/9 of the
// multiplications. A piece of the work is so many rows of tiles that what it needs of images and products stays in the
// second-level cache of the core that computes it.
#include <algorithm>

#include "core/parallel.h"
#include "ops/conv_direct.h"
#include "ops/conv_plan.h"

namespace fastgrad::ops {
namespace {

using namespace direct;

// Fewer channels or filters than this make products too thin to pay for the transformations, and so do few filters for
// short rows of tiles (the transformations work on vectors along these). Few tiles do not pay for that of the weight.
constexpr Index least_channels = 32, least_products = 512, least_tiles_in_all = 128;
// The most elements of the transformed weight.
constexpr Index most_weights = Index{1} << 24;
// A piece's transformed images have no more elements than this, unless that left less than `least_tiles` tiles.
constexpr Index image_share = 1 << 19;
constexpr Index least_tiles = 48, most_tiles = 240;
// Filters whose products are computed, and then turned into results, together.
constexpr Index filter_block = 96;
// Products are summed over so many channels at a time.
constexpr Index depth_block = 350;

constexpr int planes = 16;
// Kernels touch so many elements behind the end of what they are given.
constexpr Index slack = 16;

const MatmulKernels<float>& products() { return kernels().float32.matmul; }

// So many elements that what follows begins at a cache line, too.
Index whole_lines(Index elements) { return ceil_div(elements, 16) * 16; }

// Rows of tiles, neighbours in memory, of one image.
struct Segment {
  Index image, row, rows, offset;  // the offset of its tiles in the piece
};

class Winograd {
 public:
  Winograd(const DirectConvolution& c, float* out, const float* x, const float* bias)
      : c_(c),
        out_(out),
        x_(x),
        bias_(bias),
        tiles_(ceil_div(c.w.out[2], 2)),
        image_rows_(ceil_div(c.w.out[1], 2)),
        rows_(rows_of_piece()),
        line_(whole_lines(rows_ * tiles_) + slack),
        width_(tiles_ + 1) {}

  void run(const float* weight, bool flipped) {
    const Tensor turned = empty({planes * c_.filters * c_.channels}, DType::float32);
    turn_weights(turned.data<float>(), weight, flipped);
    weight_ = turned.data<float>();
    const Index pieces = ceil_div(all_rows(), rows_), blocks = ceil_div(c_.filters, filter_block);
    const Index parts = std::min(blocks, ceil_div(2 * num_threads(), pieces));
    Workspaces scratch(padded_elements() + planes * image_plane() + planes * product_plane());
    parallel_for(0, pieces * parts, 1, [&](Index begin, Index end) {
      scratch.use([&](float* memory) {
        for (Index i = begin; i < end; ++i) {
          const Index part = i % parts;
          compute(i / parts, part * blocks / parts, (part + 1) * blocks / parts, memory);
        }
      });
    });
  }

 private:
  // As few columns as possible of the product's last tile are empty.
  Index rows_of_piece() const {
    const Index wanted = std::clamp(image_share / (planes * c_.channels), least_tiles, most_tiles);
    const Index most = std::min(all_rows(), std::max<Index>(1, wanted / tiles_));
    const Index tile = products().tile_columns;
    Index best = most;
    for (Index rows = std::max<Index>(1, most / 2); rows <= most; ++rows) {
      const Index columns = rows * tiles_, padded = ceil_div(columns, tile) * tile;
      const Index best_columns = best * tiles_, best_padded = ceil_div(best_columns, tile) * tile;
      if (columns * best_padded >= best_columns * padded) best = rows;
    }
    return best;
  }

  // Elements of one of the 16 planes, and what is touched behind it.
  Index image_plane() const { return c_.channels * line_ + slack; }
  Index product_plane() const { return filter_block * line_ + slack; }
  Index padded_elements() const { return whole_lines((2 * rows_ + 2) * 2 * width_ + 2 * slack); }

  void turn_weights(float* to, const float* weight, bool flipped) const {
    const Index stride = flipped ? 9 * c_.filters : 9, plane = c_.filters * c_.channels;
    parallel_for(0, c_.filters, std::max<Index>(1, 4096 / c_.channels), [&](Index begin, Index end) {
      for (Index f = begin; f < end; ++f) {
        const float* from = weight + 9 * f * (flipped ? 1 : c_.channels);
        kernels().winograd.weights(to + f * c_.channels, plane, from, stride, c_.channels, flipped);
      }
    });
  }

  Index all_rows() const { return c_.batch * image_rows_; }
  Index tiles_of(Index piece) const { return std::min(rows_, all_rows() - piece * rows_) * tiles_; }

  template <class F>
  void for_segments(Index piece, const F& f) const {
    const Index end = std::min((piece + 1) * rows_, all_rows());
    for (Index row = piece * rows_, offset = 0; row < end;) {
      const Index in_image = row % image_rows_, rows = std::min(image_rows_ - in_image, end - row);
      f(Segment{row / image_rows_, in_image, rows, offset});
      offset += rows * tiles_;
      row += rows;
    }
  }

  void compute(Index piece, Index first_block, Index last_block, float* memory) const {
    float* const image = memory + padded_elements();
    float* const product = image + planes * image_plane();
    for_segments(piece, [&](const Segment& s) {
      for (Index channel = 0; channel < c_.channels; ++channel) {
        turn_image(s, channel, memory, image + channel * line_ + s.offset);
      }
    });
    for (Index block = first_block; block < last_block; ++block) {
      const Index first = block * filter_block, filters = std::min(filter_block, c_.filters - first);
      multiply(product, image, first, filters, tiles_of(piece));
      for_segments(piece, [&](const Segment& s) {
        for (Index f = 0; f < filters; ++f) finish(s, first + f, product + f * line_ + s.offset);
      });
    }
  }

  void turn_image(const Segment& s, Index channel, float* padded, float* to) const {
    const Windows& w = c_.w;
    const Index high = 2 * s.rows + 2, top = 2 * s.row - w.padding[1];
    const Index first = std::clamp<Index>(-top, 0, high), last = std::clamp<Index>(w.in[1] - top, first, high);
    const float* from = x_ + (s.image * c_.channels + channel) * c_.plane_in();
    if (first < last) from += (top + first) * w.in[2];
    kernels().conv.pad_rows(padded, from, {width_, 2, w.padding[2], w.in[2], high, first, last, channel > 0});
    kernels().winograd.image(to, image_plane(), padded, width_, s.rows, tiles_);
  }

  void multiply(float* to, const float* image, Index first, Index filters, Index tiles) const {
    const Index blocks = ceil_div(c_.channels, depth_block), size = ceil_div(c_.channels, blocks);
    for (int k = 0; k < planes; ++k) {
      const float* weight = weight_ + (k * c_.filters + first) * c_.channels;
      for (Index depth = 0; depth < c_.channels; depth += size) {
        products().multiply(to + k * product_plane(), line_,
                            {weight + depth, products().tile_rows * c_.channels, c_.channels, 1},
                            {image + k * image_plane() + depth * line_, products().tile_columns, 1, line_}, filters,
                            tiles, std::min(size, c_.channels - depth), depth > 0);
      }
    }
  }

  void finish(const Segment& s, Index filter, const float* product) const {
    const Index rows = std::min(2 * s.rows, c_.w.out[1] - 2 * s.row);
    float* to = out_ + (s.image * c_.filters + filter) * c_.plane_out() + 2 * s.row * c_.w.out[2];
    kernels().winograd.results(to, product, product_plane(), rows, c_.w.out[2], bias_ == nullptr ? 0 : bias_[filter]);
  }

  const DirectConvolution& c_;
  float* out_;
  const float *x_, *bias_;
  const float* weight_ = nullptr;
  Index tiles_, image_rows_;  // tiles in a row, rows of tiles in an image
  Index rows_, line_;         // rows of tiles in a piece, and how far its channels are apart
  Index width_;               // elements of a padded row with an even number, or with an odd one
};

}  // namespace

bool fits_winograd(const DirectConvolution& c) {
  const Windows& w = c.w;
  if (w.kernel[0] != 1 || w.in[0] != 1 || w.out[0] != 1 || w.padding[0] != 0) return false;
  for (int d = 1; d < 3; ++d) {
    if (w.kernel[d] != 3 || w.stride[d] != 1 || w.dilation[d] != 1 || w.padding[d] < 0 || w.padding[d] > 2)
      return false;
  }
  if (c.groups != 1 || c.channels < least_channels || c.filters < least_channels) return false;
  const Index tiles = ceil_div(w.out[2], 2);
  if (c.filters * tiles < least_products || c.batch * ceil_div(w.out[1], 2) * tiles < least_tiles_in_all) return false;
  return planes * c.filters <= most_weights / c.channels && c.w.out[2] <= 2 * most_tiles;
}

void convolve_winograd(const DirectConvolution& c, float* out, const float* x, const float* weight, const float* bias,
                       bool flipped) {
  Winograd(c, out, x, bias).run(weight, flipped);
}

}  // namespace fastgrad::ops
