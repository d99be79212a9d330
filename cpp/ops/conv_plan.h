// How direct convolutions (conv_direct*.cpp) cut their work into pieces, and where the pieces find their images.
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "ops/conv_direct.h"
#include "ops/ops.h"

namespace fastgrad::ops::direct {

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// A piece computes about so many windows: what it reads and writes should stay in the second-level cache.
inline constexpr Index piece_windows = 512;
// As many elements of a part of the weight, or of the gradient, stay in the first-level cache with what it meets.
inline constexpr Index cached_elements = 6144;
// A piece's image has no more elements than this where that can be helped ...
inline constexpr Index image_elements = 1 << 18;
// ... and in any case than this.
inline constexpr Index most_elements = 1 << 22;
// So many pieces at least, if there is work for them.
inline constexpr Index least_pieces = 8;

// Neighbouring filters that are computed together, in vectors side by side.
struct Panel {
  Index first, vectors;
};

// An image as a piece reads it, `rows` rows of windows of it: in place, or a copy with its padding, in which elements
// a stride apart are neighbours.
struct Layout {
  Windows w;
  bool in_place;
  Index deep, high, wide, phases;

  Layout(const DirectConvolution& c, Index rows, bool may_stay) : w(c.w) {
    in_place = may_stay && w.stride[2] == 1;
    // Windows of a gradient may reach beyond the end.
    for (int d = 0; d < 3; ++d) in_place = in_place && w.padding[d] == 0 && reach(d, w.out[d]) <= w.in[d];
    deep = in_place ? w.in[0] : reach(0, 1);
    high = in_place ? w.in[1] : reach(1, rows);
    phases = in_place ? 1 : w.stride[2];
    wide = in_place ? w.in[2] : ceil_div(reach(2, w.out[2]), phases);
  }

  Index reach(int d, Index windows) const {
    return (windows - 1) * w.stride[d] + (w.kernel[d] - 1) * w.dilation[d] + 1;
  }
  Index pitch() const { return phases * wide; }
  Index channel() const { return deep * high * pitch(); }
  Index window_pitch() const { return w.stride[1] * pitch(); }
  Index tap(Index d, Index h, Index k) const {
    const Index column = k * w.dilation[2];
    return (d * w.dilation[0] * high + h * w.dilation[1]) * pitch() + column % phases * wide + column / phases;
  }
};

// Where the elements of a filter lie, for so many channels.
std::vector<Place> places_of_taps(const DirectConvolution& c, const Layout& layout, Index channels);

// The pieces of a convolution: some images, or a part of one.
struct Plan {
  Index rows, images;  // in a piece
  Layout layout;
  Index row_blocks, image_blocks;

  Plan(const DirectConvolution& c, bool may_stay, bool many_images);

  // How far the images of a piece are apart, of which it has so many channels.
  Index distance(const DirectConvolution& c, Index channels) const {
    return layout.in_place ? c.groups * c.channels * c.plane_in() : channels * layout.channel();
  }
  Index copied(Index channels) const { return layout.in_place ? 0 : images * channels * layout.channel(); }
};

// A piece: images [first, first + count), a slice of their depth, and rows of windows.
struct Piece {
  Index first, count, slice, row, rows;
};
Piece piece_of(const DirectConvolution& c, const Plan& plan, Index i);

// The channels [channel, channel + channels) of a group for a piece, as a pointer from which the places count; the next
// image is plan.distance(...) further on. Copies to `scratch` unless they are read in place; `again`: the last piece of
// the same plan and channels was copied there, too.
const float* image_of(const DirectConvolution& c, const Plan& plan, const Piece& piece, const float* x, Index group,
                      Index channel, Index channels, float* scratch, Index distance, bool again);

std::vector<Panel> panels_of(Index filters, Index lanes, Index wide, bool use_wide);

// Scratch memory for each of the threads that may work at the same time.
class Workspaces {
 public:
  explicit Workspaces(Index elements);

  // f(memory) with memory that nobody else uses meanwhile.
  template <class F>
  void use(const F& f) {
    const int slot = take();
    f(memory_.data<float>() + slot * elements_);
    taken_[slot].store(false, std::memory_order_release);
  }

 private:
  int take();

  Index elements_;
  Tensor memory_;
  std::vector<std::atomic<bool>> taken_;
};

}  // namespace fastgrad::ops::direct
