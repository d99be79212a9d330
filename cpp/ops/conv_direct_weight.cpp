// Direct convolutions: the gradient of the weight. Blocks of images, whose number depends on sizes only, give partial
// gradients, which are then added up in their order.
#include "core/parallel.h"
#include "ops/conv_direct.h"
#include "ops/conv_plan.h"

namespace fastgrad::ops {
namespace {

using namespace direct;

// Partial gradients have no more elements than this together, and there are no more than so many.
constexpr Index partial_elements = 1 << 22;
constexpr Index partial_count = 16;

const ConvKernels& kernel() { return kernels().conv; }

Index partials_of(const DirectConvolution& c, Index elements) {
  return std::min({partial_count, std::max<Index>(1, partial_elements / elements), c.batch});
}

// sums[0] += sums[1] + ..., one after the other.
void add_partials(float* sums, Index partials, Index elements) {
  parallel_for(0, elements, 1 << 14, [&](Index begin, Index end) {
    for (Index k = 1; k < partials; ++k) {
      const float* from = sums + k * elements;
      for (Index i = begin; i < end; ++i) sums[i] += from[i];
    }
  });
}

// Many filters: sums of a panel lie as (channel, tap, filter).
class ManyFilters {
 public:
  ManyFilters(const DirectConvolution& c, const float* x, const float* g)
      : c_(c),
        x_(x),
        g_(g),
        plan_(c, true, true),
        panels_(panels_of(c.filters, kernel().lanes, kernel().wide, true)),
        packed_filters_(ceil_div(c.filters, kernel().lanes) * kernel().lanes),
        elements_(c.groups * c.depth() * packed_filters_),
        partials_(partials_of(c, elements_)),
        parts_(parts()),
        channels_(ceil_div(c.channels, parts_)),
        places_(places_of_taps(c, plan_.layout, channels_)) {
    parts_ = ceil_div(c.channels, channels_);
    plan_.images = std::min(plan_.images, ceil_div(c.batch, partials_));
    list_windows();
  }

  void run(float* dw) {
    const Tensor sums = empty({partials_, elements_}, DType::float32);
    sums_ = sums.data<float>();
    copied_ = plan_.copied(channels_);
    const Index windows = static_cast<Index>(windows_.size()), tasks = partials_ * c_.groups * parts_;
    Workspaces scratch(copied_ + windows * packed_filters_);
    parallel_for(0, tasks, 1, [&](Index begin, Index end) {
      scratch.use([&](float* memory) {
        for (Index i = begin; i < end; ++i) {
          compute(i / (c_.groups * parts_), i / parts_ % c_.groups, i % parts_ * channels_, memory);
        }
      });
    });
    add_partials(sums_, partials_, elements_);
    const Index panels = static_cast<Index>(panels_.size());
    parallel_for(0, c_.groups * panels, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) finish(dw, i / panels, panels_[i % panels]);
    });
  }

 private:
  Index parts() const {
    const Index large = ceil_div(elements_ / c_.groups, image_elements);
    return std::min(c_.channels, std::max(large, ceil_div(least_pieces, partials_ * c_.groups)));
  }

  // Where the windows of a piece lie.
  void list_windows() {
    for (Index n = 0; n < plan_.images; ++n) {
      const Index distance = plan_.distance(c_, channels_);
      for (Index r = 0; r < plan_.rows; ++r) {
        for (Index j = 0; j < c_.w.out[2]; ++j) {
          windows_.push_back(static_cast<Place>(n * distance + r * plan_.layout.window_pitch() + j));
        }
      }
    }
  }

  void compute(Index partial, Index group, Index channel, float* memory) const {
    const Index begin = partial * c_.batch / partials_, end = (partial + 1) * c_.batch / partials_;
    const Index channels = std::min(channels_, c_.channels - channel);
    float* const to = sums_ + partial * elements_ + group * c_.depth() * packed_filters_;
    bool add = false;
    for (Index n = begin; n < end; n += plan_.images) {
      for (Index slice = 0; slice < c_.w.out[0]; ++slice) {
        for (Index row = 0; row < c_.w.out[1]; row += plan_.rows, add = true) {
          const Piece piece{n, std::min(plan_.images, end - n), slice, row, std::min(plan_.rows, c_.w.out[1] - row)};
          const float* image =
              image_of(c_, plan_, piece, x_, group, channel, channels, memory, plan_.distance(c_, channels_), add);
          accumulate(piece, image, group, channel, channels, memory + copied_, to, add);
        }
      }
    }
  }

  // The gradient of a piece's result, windows by filters.
  Index turn(const Piece& piece, Index group, float* turned) const {
    const Index columns = c_.w.out[2], each = piece.rows * columns, windows = piece.count * each;
    const Index plane = c_.plane_out(), place = (piece.slice * c_.w.out[1] + piece.row) * columns;
    for (const Panel& panel : panels_) {
      const Index width = panel.vectors * kernel().lanes, count = std::min(width, c_.filters - panel.first);
      if (count < width) std::fill_n(turned + panel.first * windows, windows * width, 0.0F);
      for (Index n = 0; n < piece.count; ++n) {
        const Index filter = ((piece.first + n) * c_.groups + group) * c_.filters + panel.first;
        kernel().transpose(turned + panel.first * windows + n * each * width, width, g_ + filter * plane + place, plane,
                           nullptr, count, each);
      }
    }
    return windows;
  }

  void accumulate(const Piece& piece, const float* image, Index group, Index channel, Index channels, float* turned,
                  float* sums, bool add) const {
    const Index windows = turn(piece, group, turned), step = cached_elements / (2 * kernel().lanes);
    for (Index w = 0; w < windows; w += step) {
      for (const Panel& panel : panels_) {
        const Index width = panel.vectors * kernel().lanes;
        kernel().taps(sums + panel.first * c_.depth() + channel * c_.taps() * width, image, places_.data(),
                      channels * c_.taps(), windows_.data() + w, turned + panel.first * windows + w * width,
                      panel.vectors, std::min(step, windows - w), add || w > 0);
      }
    }
  }

  void finish(float* dw, Index group, const Panel& panel) const {
    const Index width = panel.vectors * kernel().lanes, depth = c_.depth();
    kernel().transpose(dw + (group * c_.filters + panel.first) * depth, depth,
                       sums_ + (group * packed_filters_ + panel.first) * depth, width, nullptr, depth,
                       std::min(width, c_.filters - panel.first));
  }

  const DirectConvolution& c_;
  const float *x_, *g_;
  Plan plan_;
  std::vector<Panel> panels_;
  Index packed_filters_, elements_, partials_, parts_, channels_, copied_ = 0;
  std::vector<Place> places_, windows_;
  float* sums_ = nullptr;
};

// Few filters: dot products of rows, whose lanes are added up at the end.
void few_filters(const DirectConvolution& c, float* dw, const float* x, const float* g) {
  const Index lanes = kernel().lanes, depth = c.depth(), group_elements = c.filters * depth * lanes;
  const Index elements = c.groups * group_elements, partials = partials_of(c, elements), plane = c.plane_out();
  const Plan plan(c, true, false);
  const std::vector<Place> places = places_of_taps(c, plan.layout, c.channels);
  const Tensor sums = zeros({partials, elements}, DType::float32);
  Workspaces scratch(plan.copied(c.channels) + 1);
  const Index pieces = c.w.out[0] * plan.row_blocks;
  const Index work = ceil_div(c.batch, partials) * plane * depth * c.filters;
  const auto accumulate = [&](Index i, Index group, float* to, float* memory, bool again) {
    const Piece piece = piece_of(c, plan, i);
    const float* image = image_of(c, plan, piece, x, group, 0, c.channels, memory, 0, again);
    const Index place = (piece.slice * c.w.out[1] + piece.row) * c.w.out[2];
    const float* gradient = g + (piece.first * c.groups + group) * c.filters * plane + place;
    kernel().dots(to, gradient, c.filters, image, places.data(),
                  {plane, c.w.out[2], plan.layout.window_pitch(), depth, piece.rows, c.w.out[2]});
  };
  parallel_for(0, partials * c.groups, std::max<Index>(1, (1 << 17) / work), [&](Index begin, Index end) {
    scratch.use([&](float* memory) {
      for (Index t = begin; t < end; ++t) {
        const Index partial = t / c.groups, group = t % c.groups;
        float* to = sums.data<float>() + partial * elements + group * group_elements;
        const Index first = partial * c.batch / partials, last = (partial + 1) * c.batch / partials;
        for (Index i = first * pieces; i < last * pieces; ++i) {
          accumulate(i, group, to, memory, i > first * pieces);
        }
      }
    });
  });
  add_partials(sums.data<float>(), partials, elements);
  for (Index i = 0; i < elements / lanes; ++i) {
    const float* from = sums.data<float>() + i * lanes;
    float sum = 0;
    for (Index l = 0; l < lanes; ++l) sum += from[l];
    dw[i] = sum;
  }
}

}  // namespace

void weight_gradient_direct(const DirectConvolution& c, float* dw, const float* x, const float* g) {
  if (c.filters <= kernel().lanes / 2) {
    few_filters(c, dw, x, g);
  } else {
    ManyFilters(c, x, g).run(dw);
  }
}

}  // namespace fastgrad::ops
