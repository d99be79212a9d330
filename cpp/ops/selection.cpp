#include "ops/selection.h"

#include <algorithm>

#include "ops/iterate.h"

namespace fastgrad::ops {
namespace {

std::vector<Tensor> broadcast_indices(const IndexList& indices, Dims& shape) {
  std::vector<Tensor> full;
  for (const OptionalTensor& i : indices) {
    if (!i) continue;
    full.push_back(index_numbers("index", ErrorKind::index, *i));
    for (int d = 1; d <= std::min(shape.size(), i->dim()); ++d) {
      const Index x = shape[shape.size() - d], y = i->sizes[i->dim() - d];
      if (x != y && x != 1 && y != 1) {
        fail(ErrorKind::index, "shape mismatch: indexing tensors could not be broadcast together with shapes ", shape,
             ", ", i->sizes);
      }
    }
    shape = broadcast_shapes("index", shape, i->sizes);
  }
  for (Tensor& i : full) i = contiguous(expand(i, shape));
  return full;
}

// One run of neighbouring index tensors keeps its place; tensors apart from each other go to the front.
bool are_adjacent(const IndexList& indices) {
  const auto present = [](const OptionalTensor& i) { return i.has_value(); };
  const auto first = std::find_if(indices.begin(), indices.end(), present);
  const auto gap = std::find_if_not(first, indices.end(), present);
  return std::none_of(gap, indices.end(), present);
}

Tensor element_offsets(const Tensor& x, const IndexList& indices, const Dims& axes, const std::vector<Tensor>& full,
                       const Dims& batch) {
  Tensor offsets = zeros(batch, DType::int64);
  Index* const to = offsets.data<Index>();
  std::size_t k = 0;
  for (int d = 0; d < static_cast<int>(indices.size()); ++d) {
    if (!indices[d]) continue;
    const Index* from = full[k++].data<Index>();
    const Index n = x.sizes[d], step = x.strides[d], axis = axes.empty() ? d : axes[d];
    for (Index i = 0; i < offsets.numel(); ++i) to[i] += wrapped(from[i], n, axis) * step;
  }
  return offsets;
}

// One index tensor is an index as it is; several become places in memory.
Lookup positions_on(const Accelerator& cuda, const Tensor& x, const IndexList& indices, const Dims& axes,
                    const std::vector<Tensor>& full, const Dims& batch) {
  Lookup all{"index", {}, {}, {}, 1, 1};
  if (full.size() > 1) all.index = zeros(batch, DType::int64);
  std::size_t k = 0;
  for (int d = 0; d < static_cast<int>(indices.size()); ++d) {
    if (!indices[d]) continue;
    const Lookup one{"index", full[k++], {}, {}, x.sizes[d], x.strides[d], true};
    if (one.size == 0 && one.index.numel() > 0) {
      fail(ErrorKind::index, "index is out of bounds for dimension ", axes.empty() ? d : axes[d], " with size 0");
    }
    if (full.size() == 1) return one;
    cuda.add_positions(all.index, one);
    all.size += (one.size - 1) * one.step;
  }
  return all;
}

}  // namespace

Lookup lookup_of(const Selection& s, const Tensor& other) {
  Lookup l = s.positions;
  const Dims& shape = s.result_shape;
  Dims along_index(shape.size()), along_indexed(shape.size());
  for (int d = 0, k = 0; d < shape.size(); ++d) {
    const int place = d - s.front;
    if (place >= 0 && place < s.batch.size()) {
      along_index[d] = s.positions.index.strides[place];
    } else {
      along_indexed[d] = s.rest_view.strides[k++];
    }
  }
  l.index = s.positions.index.view(shape, along_index, s.positions.index.offset);
  l.indexed = s.rest_view.view(shape, along_indexed, s.rest_view.offset);
  l.other = other;
  return l;
}

Tensor index_numbers(const char* op, ErrorKind kind, const Tensor& index) {
  if (index.dtype == DType::int64) return index;
  if (index.dtype == DType::int32) return cast(index, DType::int64);
  fail(kind, op, ": expected an index of dtype int64 or int32, got ", dtype_name(index.dtype),
       "; convert it with .long()");
}

Selection selection(const Tensor& x, const IndexList& indices, const Dims& axes) {
  if (static_cast<int>(indices.size()) > x.dim()) {
    fail(ErrorKind::index, "too many indices for tensor of dimension ", x.dim(), " (got ", indices.size(), ")");
  }
  Selection s;
  const std::vector<Tensor> full = broadcast_indices(indices, s.batch);
  if (const Accelerator* cuda = accelerator_of(x)) {
    s.positions = positions_on(*cuda, x, indices, axes, full, s.batch);
  } else {
    s.offsets = element_offsets(x, indices, axes, full, s.batch);
  }
  Dims rest_strides;
  const bool adjacent = are_adjacent(indices);
  bool before = true;
  for (int d = 0; d < x.dim(); ++d) {
    if (d < static_cast<int>(indices.size()) && indices[d]) {
      before = false;
      continue;
    }
    s.front += before && adjacent;
    s.rest.push_back(x.sizes[d]);
    rest_strides.push_back(x.strides[d]);
  }
  s.rest_view = x.view(s.rest, rest_strides, x.offset);
  for (int d = 0; d < s.front; ++d) s.result_shape.push_back(s.rest[d]);
  for (Index n : s.batch) s.result_shape.push_back(n);
  for (int d = s.front; d < s.rest.size(); ++d) s.result_shape.push_back(s.rest[d]);
  return s;
}

}  // namespace fastgrad::ops
