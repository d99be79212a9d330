// Tensors put together.
#include <algorithm>
#include <cstring>

#include "accelerator.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

// PyTorch's legacy rule: a vector without elements fits to anything.
bool is_skipped(const Tensor& t) { return t.dim() == 1 && t.sizes[0] == 0; }

// The part that says how many dimensions there are.
const Tensor& model_of(const std::vector<Tensor>& parts) {
  if (parts.empty()) fail(ErrorKind::value, "cat: expected a non-empty list of Tensors");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].dim() == 0) {
      fail("cat: zero-dimensional tensor (at position ", i, ") cannot be concatenated; use stack()");
    }
  }
  const auto found = std::find_if_not(parts.begin(), parts.end(), is_skipped);
  return found == parts.end() ? parts.front() : *found;
}

void check_fits(const Tensor& part, std::size_t position, const Tensor& model, int dim) {
  if (part.dim() != model.dim()) {
    fail("cat: Tensors must have same number of dimensions: got ", model.dim(), " and ", part.dim());
  }
  for (int d = 0; d < model.dim(); ++d) {
    if (d != dim && part.sizes[d] != model.sizes[d]) {
      fail("cat: Sizes of tensors must match except in dimension ", dim, ". Expected size ", model.sizes[d],
           " but got size ", part.sizes[d], " for tensor number ", position, " in the list (shapes ", model.sizes,
           " and ", part.sizes, ")");
    }
  }
}

// Bytes [start, start + width) of each row of the result, where `from` has its rows one after the other.
struct Strip {
  const char* from;
  Index start, width;
};

void copy_strips(char* to, const std::vector<Strip>& strips, Index row_bytes, Index rows) {
  parallel_for(0, rows * row_bytes, pointwise_grain * 4, [&](Index begin, Index end) {
    Index row = begin / row_bytes, column = begin % row_bytes;
    auto strip = std::upper_bound(strips.begin(), strips.end(), column,
                                  [](Index at, const Strip& s) { return at < s.start + s.width; });
    while (begin < end) {
      const Index within = column - strip->start, n = std::min(strip->width - within, end - begin);
      std::memcpy(to + begin, strip->from + row * strip->width + within, static_cast<std::size_t>(n));
      begin += n;
      column += n;
      if (++strip == strips.end()) {
        strip = strips.begin();
        column = 0;
        ++row;
      }
    }
  });
}

// Parts of the result's dtype whose elements lie in order.
void join_strips(const Tensor& out, const std::vector<Tensor>& parts, int dim) {
  const auto width = static_cast<Index>(item_size(out.dtype));
  Index rows = 1;
  for (int d = 0; d < dim; ++d) rows *= out.sizes[d];
  if (const Accelerator* cuda = accelerator_of(out)) return cuda->join(out, parts, rows);
  std::vector<Strip> strips;
  strips.reserve(parts.size());
  Index start = 0;
  for (const Tensor& part : parts) {
    const Index bytes = part.numel() / rows * width;
    if (bytes == 0) continue;
    strips.push_back({static_cast<const char*>(part.raw()), start, bytes});
    start += bytes;
  }
  copy_strips(static_cast<char*>(out.raw()), strips, start, rows);
}

// Any parts.
void join_each(const Tensor& out, const std::vector<Tensor>& parts, int dim) {
  Index start = 0;
  for (const Tensor& part : parts) {
    if (is_skipped(part)) continue;
    copy_(narrow(out, dim, start, part.sizes[dim]), part);
    start += part.sizes[dim];
  }
  out.storage->version = 0;  // the first content is no change
}

}  // namespace

Tensor cat(const std::vector<Tensor>& parts, Index dim) {
  const Tensor& model = model_of(parts);
  if (is_skipped(model)) dim = 0;  // all parts are: any dimension does
  const int d = wrap_dim(dim, model.dim(), "cat");
  Dims shape = model.sizes;
  shape[d] = 0;
  DType dtype = parts.front().dtype;
  bool in_order = true;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Tensor& part = parts[i];
    in_order = in_order && part.is_contiguous() && part.dtype == dtype;
    dtype = promote_types(dtype, part.dtype);
    if (is_skipped(part)) continue;
    check_fits(part, i, model, d);
    shape[d] += part.sizes[d];
  }
  Tensor out = empty(shape, dtype);
  if (out.numel() == 0) return out;
  if (in_order) {
    join_strips(out, parts, d);
  } else {
    join_each(out, parts, d);
  }
  return out;
}

}  // namespace fastgrad::ops
