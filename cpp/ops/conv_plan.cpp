#include "ops/conv_plan.h"

#include "core/parallel.h"

namespace fastgrad::ops::direct {

std::vector<Place> places_of_taps(const DirectConvolution& c, const Layout& layout, Index channels) {
  std::vector<Place> places;
  places.reserve(static_cast<std::size_t>(channels * c.taps()));
  for (Index channel = 0; channel < channels; ++channel) {
    for (Index d = 0; d < c.w.kernel[0]; ++d) {
      for (Index h = 0; h < c.w.kernel[1]; ++h) {
        for (Index k = 0; k < c.w.kernel[2]; ++k) {
          places.push_back(static_cast<Place>(channel * layout.channel() + layout.tap(d, h, k)));
        }
      }
    }
  }
  return places;
}

namespace {

// So many rows that a piece has its windows and its image is not too large.
Index rows_of(const DirectConvolution& c, bool may_stay) {
  const Index slice = c.w.out[1] * c.w.out[2];
  Index rows = slice <= piece_windows * 3 / 2 ? c.w.out[1] : std::max<Index>(1, piece_windows / c.w.out[2]);
  while (rows > 1) {
    const Layout layout(c, rows, may_stay);
    if (layout.in_place || c.channels * layout.channel() <= image_elements) break;
    rows = ceil_div(rows, 2);
  }
  return ceil_div(c.w.out[1], ceil_div(c.w.out[1], rows));
}

}  // namespace

Plan::Plan(const DirectConvolution& c, bool may_stay, bool many_images)
    : rows(rows_of(c, may_stay)), images(1), layout(c, rows, may_stay) {
  const Index windows = c.plane_out(), each = std::max<Index>(1, c.channels * layout.channel());
  if (many_images && c.groups == 1 && c.w.out[0] == 1 && rows == c.w.out[1] && windows < piece_windows / 2) {
    images = std::min({c.batch, ceil_div(piece_windows, windows), std::max<Index>(1, 2 * image_elements / each)});
  }
  row_blocks = ceil_div(c.w.out[1], rows);
  image_blocks = ceil_div(c.batch, images);
}

Piece piece_of(const DirectConvolution& c, const Plan& plan, Index i) {
  const Index row = i % plan.row_blocks * plan.rows;
  const Index slice = i / plan.row_blocks % c.w.out[0];
  const Index first = i / plan.row_blocks / c.w.out[0] * plan.images;
  return {first, std::min(plan.images, c.batch - first), slice, row, std::min(plan.rows, c.w.out[1] - row)};
}

const float* image_of(const DirectConvolution& c, const Plan& plan, const Piece& piece, const float* x, Index group,
                      Index channel, Index channels, float* scratch, Index distance, bool again) {
  const Layout& l = plan.layout;
  const Windows& w = c.w;
  const Index all_channels = c.groups * c.channels, line = w.in[2];
  const float* images = x + (piece.first * all_channels + group * c.channels + channel) * c.plane_in();
  const Index depth = piece.slice * w.stride[0] - w.padding[0], height = piece.row * w.stride[1] - w.padding[1];
  if (l.in_place) return images + (depth * w.in[1] + height) * line;
  const Index first = std::clamp<Index>(-height, 0, l.high), last = std::clamp<Index>(w.in[1] - height, first, l.high);
  const bool same_zeros = again && plan.row_blocks == 1 && w.out[0] == 1;  // as before
  PaddedRows rows{l.wide, l.phases, w.padding[2], line, l.high, first, last, same_zeros};
  const Index skipped = first < last ? (height + first) * line : 0;
  for (Index n = 0; n < piece.count; ++n, images += all_channels * c.plane_in()) {
    float* to = scratch + n * distance;
    for (Index i = 0; i < channels; ++i) {
      for (Index d = depth; d < depth + l.deep; ++d, to += l.high * l.pitch()) {
        const bool exists = d >= 0 && d < w.in[0];
        rows.last_row = exists ? last : first;
        kernels().conv.pad_rows(to, exists ? images + (i * w.in[0] + d) * w.in[1] * line + skipped : x, rows);
      }
    }
  }
  return scratch;
}

std::vector<Panel> panels_of(Index filters, Index lanes, Index wide, bool use_wide) {
  std::vector<Panel> panels;
  for (Index first = 0; first < filters;) {
    const Index left = ceil_div(filters - first, lanes);
    const Index vectors = use_wide && left >= wide ? wide : std::min<Index>(left, 2);
    panels.push_back({first, vectors});
    first += vectors * lanes;
  }
  return panels;
}

Workspaces::Workspaces(Index elements)
    : elements_(ceil_div(elements, 16) * 16),
      memory_(empty({num_threads(), elements_}, DType::float32)),
      taken_(static_cast<std::size_t>(num_threads())) {}

int Workspaces::take() {
  for (;;) {
    for (std::size_t slot = 0; slot < taken_.size(); ++slot) {
      if (!taken_[slot].exchange(true, std::memory_order_acquire)) return static_cast<int>(slot);
    }
  }
}

}  // namespace fastgrad::ops::direct
