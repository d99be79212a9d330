// Direct convolutions, forward. Many filters: their vectors meet one place of the image after the other, and the sums,
// places by filters, are turned into images at the end. Few filters: each meets vectors of places.
#include "ops/conv_direct.h"

#include "core/parallel.h"
#include "ops/conv_plan.h"

namespace fastgrad::ops {
namespace {

using namespace direct;

bool are_few(Index filters) { return filters <= kernels().conv.lanes / 2; }

Index grain_for(Index work) { return std::max<Index>(1, (1 << 17) / std::max<Index>(1, work)); }

// ---------------------------------------------------------------------------------------------------- many filters

// Element (p, i) of a panel's weight is at p * width + i; filters that do not exist are zeros.
void pack_panel(const DirectConvolution& c, float* to, const float* weight, Index group, const Panel& panel,
                bool flipped) {
  const Index width = panel.vectors * kernels().conv.lanes, depth = c.depth(), taps = c.taps();
  const Index count = std::min(width, c.filters - panel.first);
  if (count < width) std::fill_n(to, depth * width, 0.0F);
  if (!flipped) {
    const float* from = weight + (group * c.filters + panel.first) * depth;
    kernels().conv.transpose(to, width, from, depth, nullptr, count, depth);
    return;
  }
  for (Index channel = 0; channel < c.channels; ++channel, to += taps * width) {
    const float* from = weight + ((group * c.channels + channel) * c.filters + panel.first) * taps;
    for (Index i = 0; i < count; ++i, from += taps) {
      for (Index t = 0; t < taps; ++t) to[(taps - 1 - t) * width + i] = from[t];
    }
  }
}

class ManyFilters {
 public:
  ManyFilters(const DirectConvolution& c, float* out, const float* x, const float* bias)
      : c_(c),
        out_(out),
        x_(x),
        bias_(bias),
        plan_(c, true, c.filters * c.depth() > 1 << 16),
        panels_(panels_of(c.filters, kernel().lanes, kernel().wide, c.w.out[2] <= 6)),
        places_(places_of_taps(c, plan_.layout, c.channels)),
        packed_filters_(ceil_div(c.filters, kernel().lanes) * kernel().lanes) {}

  void run(const float* weight, bool flipped) {
    const Index panels = static_cast<Index>(panels_.size());
    const Tensor packed = empty({c_.groups, packed_filters_, c_.depth()}, DType::float32);
    weight_ = packed.data<float>();
    parallel_for(0, c_.groups * panels, grain_for(kernel().lanes * c_.depth() * 8), [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        pack_panel(c_, packed.data<float>() + offset(i / panels, panels_[i % panels]), weight, i / panels,
                   panels_[i % panels], flipped);
      }
    });
    const Index pieces = plan_.image_blocks * c_.w.out[0] * plan_.row_blocks * c_.groups;
    const Index parts = std::min(panels, ceil_div(least_pieces, pieces));
    const Index windows = plan_.images * plan_.rows * c_.w.out[2];
    copied_ = plan_.copied(c_.channels);
    Workspaces scratch(copied_ + windows * widest() * kernel().lanes);
    parallel_for(0, pieces * parts, grain_for(windows * c_.depth() * c_.filters / parts), [&](Index begin, Index end) {
      scratch.use([&](float* memory) {
        for (Index i = begin; i < end; ++i) {
          const Index part = i % parts, piece = i / parts / c_.groups;
          compute(piece_of(c_, plan_, piece), i / parts % c_.groups, part * panels / parts, (part + 1) * panels / parts,
                  memory, i > begin);
        }
      });
    });
  }

 private:
  static const ConvKernels& kernel() { return kernels().conv; }
  Index offset(Index group, const Panel& panel) const { return (group * packed_filters_ + panel.first) * c_.depth(); }
  Index widest() const {
    Index most = 1;
    for (const Panel& panel : panels_) most = std::max(most, panel.vectors);
    return most;
  }

  void compute(const Piece& piece, Index group, Index first, Index last, float* memory, bool again) const {
    const float* image =
        image_of(c_, plan_, piece, x_, group, 0, c_.channels, memory, plan_.distance(c_, c_.channels), again);
    float* const sums = memory + copied_;
    for (Index i = first; i < last; ++i) {
      multiply(piece, image, panels_[i], weight_ + offset(group, panels_[i]), sums);
      finish(piece, group, panels_[i], sums);
    }
  }

  // The sums of a panel, windows by filters.
  void multiply(const Piece& piece, const float* image, const Panel& panel, const float* weight, float* sums) const {
    const Index width = panel.vectors * kernel().lanes, depth = c_.depth(), columns = c_.w.out[2];
    const Index blocks = ceil_div(depth * width, cached_elements), size = ceil_div(depth, blocks);
    for (Index p = 0; p < depth; p += size) {
      float* to = sums;
      for (Index n = 0; n < piece.count; ++n) {
        const float* from = image + n * plan_.distance(c_, c_.channels);
        for (Index r = 0; r < piece.rows; ++r, from += plan_.layout.window_pitch(), to += columns * width) {
          kernel().positions(to, from, places_.data() + p, columns, weight + p * width, panel.vectors,
                             std::min(size, depth - p), p > 0);
        }
      }
    }
  }

  void finish(const Piece& piece, Index group, const Panel& panel, const float* sums) const {
    const Index width = panel.vectors * kernel().lanes, plane = c_.plane_out(),
                filter = group * c_.filters + panel.first;
    const Index windows = piece.rows * c_.w.out[2], place = (piece.slice * c_.w.out[1] + piece.row) * c_.w.out[2];
    for (Index n = 0; n < piece.count; ++n, sums += windows * width) {
      float* to = out_ + ((piece.first + n) * c_.groups * c_.filters + filter) * plane + place;
      kernel().transpose(to, plane, sums, width, bias_ == nullptr ? nullptr : bias_ + filter, windows,
                         std::min(width, c_.filters - panel.first));
    }
  }

  const DirectConvolution& c_;
  float* out_;
  const float *x_, *bias_;
  Plan plan_;
  std::vector<Panel> panels_;
  std::vector<Place> places_;
  Index packed_filters_, copied_ = 0;
  const float* weight_ = nullptr;
};

// ----------------------------------------------------------------------------------------------------- few filters

// Element (p, i) of a group's weight is at p * filters + i.
std::vector<float> few_weights(const DirectConvolution& c, const float* weight, bool flipped) {
  std::vector<float> packed(static_cast<std::size_t>(c.groups * c.depth() * c.filters));
  const Index taps = c.taps();
  float* to = packed.data();
  for (Index group = 0; group < c.groups; ++group) {
    for (Index channel = 0; channel < c.channels; ++channel) {
      for (Index t = 0; t < taps; ++t) {
        for (Index i = 0; i < c.filters; ++i) {
          *to++ = flipped ? weight[((group * c.channels + channel) * c.filters + i) * taps + taps - 1 - t]
                          : weight[((group * c.filters + i) * c.channels + channel) * taps + t];
        }
      }
    }
  }
  return packed;
}

// A single row of windows is computed as if its vectors were rows.
void filters_of_row(FewFilters f, Index columns) {
  const Index lanes = kernels().conv.lanes, vectors = columns / lanes;
  f.a_row = f.c_row = lanes;
  if (vectors > 0) kernels().conv.filters(f, vectors, lanes);
  f.a += vectors * lanes;
  f.c += vectors * lanes;
  if (columns > vectors * lanes) kernels().conv.filters(f, 1, columns - vectors * lanes);
}

void convolve_few(const DirectConvolution& c, float* out, const float* x, const float* weight, const float* bias,
                  bool flipped) {
  const Plan plan(c, false, false);
  const std::vector<Place> places = places_of_taps(c, plan.layout, c.channels);
  const std::vector<float> packed = few_weights(c, weight, flipped);
  const Index copied = plan.copied(c.channels), lanes = kernels().conv.lanes, plane = c.plane_out();
  Workspaces scratch(copied + lanes);
  const Index pieces = plan.image_blocks * c.w.out[0] * plan.row_blocks * c.groups;
  const Index work = plan.rows * c.w.out[2] * c.depth() * c.filters;
  parallel_for(0, pieces, grain_for(work), [&](Index begin, Index end) {
    scratch.use([&](float* memory) {
      std::fill_n(memory + copied, lanes, 0.0F);
      for (Index i = begin; i < end; ++i) {
        const Index group = i % c.groups, filter = group * c.filters;
        const Piece piece = piece_of(c, plan, i / c.groups);
        const float* image = image_of(c, plan, piece, x, group, 0, c.channels, memory, 0, i > begin);
        const Index place = (piece.slice * c.w.out[1] + piece.row) * c.w.out[2];
        const FewFilters f{out + (piece.first * c.groups * c.filters + filter) * plane + place,
                           plane,
                           c.w.out[2],
                           image,
                           places.data(),
                           plan.layout.window_pitch(),
                           packed.data() + filter * c.depth(),
                           bias == nullptr ? nullptr : bias + filter,
                           c.filters,
                           c.depth()};
        if (piece.rows == 1) {
          filters_of_row(f, c.w.out[2]);
        } else {
          kernels().conv.filters(f, piece.rows, c.w.out[2]);
        }
      }
    });
  });
}

}  // namespace

bool fits_direct(const DirectConvolution& c) {
  if (c.channels == 0) return false;
  double image = static_cast<double>(c.channels), copy = image;
  for (int d = 0; d < 3; ++d) {
    const auto windows = static_cast<double>(d == 2 ? c.w.out[2] : 1);
    const auto stride = static_cast<double>(c.w.stride[d]), dilation = static_cast<double>(c.w.dilation[d]);
    image *= static_cast<double>(c.w.in[d]);
    copy *= windows * stride + static_cast<double>(c.w.kernel[d] - 1) * dilation + 1;
  }
  const double depth = static_cast<double>(c.channels) * static_cast<double>(c.taps());
  return image * static_cast<double>(c.groups) < 1 << 24 && copy < most_elements && depth < 1 << 24;
}

void convolve_direct(const DirectConvolution& c, float* out, const float* x, const float* weight, const float* bias,
                     bool flipped) {
  if (fits_winograd(c)) {
    convolve_winograd(c, out, x, weight, bias, flipped);
  } else if (are_few(c.filters)) {
    convolve_few(c, out, x, weight, bias, flipped);
  } else {
    ManyFilters(c, out, x, bias).run(weight, flipped);
  }
}

}  // namespace fastgrad::ops
