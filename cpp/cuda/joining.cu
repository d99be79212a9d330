// Tensors put together: parts side by side in every row of the result.
#include <vector>

#include "cuda/families.h"
#include "cuda/lookup.cuh"

namespace fastgrad::cuda {
namespace {

constexpr int group_size = 128;  // parts: 3 KB of arguments

// Columns [start, start + width) of the result, in units that are moved at once.
struct Strip {
  const void* from;
  Index start, width;
};

struct StripGroup {
  Strip strips[group_size];
};

template <class U>
__global__ void copy_strips(StripGroup group, U* to, Index row_units, Index rows) {
  const Strip strip = group.strips[blockIdx.y];
  const auto* const from = static_cast<const U*>(strip.from);
  const Index n = rows * strip.width;
  for (Index i = thread_index(); i < n; i += thread_count()) {
    const Index row = rows == 1 ? 0 : i / strip.width;
    to[row * row_units + strip.start + i - row * strip.width] = from[i];
  }
}

// The largest power of two up to 16 that divides all addresses and widths.
Index common_unit(const Tensor& out, const std::vector<Strip>& strips) {
  auto together = reinterpret_cast<std::uintptr_t>(out.address()) | 16;
  for (const Strip& s : strips) together |= reinterpret_cast<std::uintptr_t>(s.from) | s.width;
  return static_cast<Index>(together & -together);
}

}  // namespace

void join(const Tensor& out, const std::vector<Tensor>& parts, Index rows) {
  const auto item = static_cast<Index>(item_size(out.dtype));
  std::vector<Strip> strips;  // first in bytes
  Index row_bytes = 0;
  for (const Tensor& part : parts) {
    const Index width = part.numel() / rows * item;
    if (width == 0) continue;
    strips.push_back({part.address(), row_bytes, width});
    row_bytes += width;
  }
  const Index unit = common_unit(out, strips);
  for (std::size_t first = 0; first < strips.size(); first += group_size) {
    StripGroup group{};
    Index most = 0;
    const std::size_t count = std::min<std::size_t>(group_size, strips.size() - first);
    for (std::size_t i = 0; i < count; ++i) {
      const Strip& s = strips[first + i];
      group.strips[i] = {s.from, s.start / unit, s.width / unit};
      most = std::max(most, s.width / unit * rows);
    }
    visit_unit(unit, [&](auto u) {
      using U = decltype(u);
      const dim3 grid(blocks_for(most), static_cast<unsigned>(count));
      launch("cat", copy_strips<U>, grid, block_threads, 0, group, static_cast<U*>(out.address()), row_bytes / unit,
             rows);
    });
  }
}

}  // namespace fastgrad::cuda
