// Guards of in-place writes.
#pragma once

#include "core/tensor.h"

namespace fastgrad {

// RuntimeError when two indices of `t` name one element (an expanded tensor), so that a write would race.
inline void check_no_internal_overlap(const char* op, const Tensor& t) {
  for (int d = 0; d < t.dim(); ++d) {
    if (t.strides[d] == 0 && t.sizes[d] > 1) {
      fail(op,
           ": unsupported operation: more than one element of the written-to tensor refers to a single memory "
           "location; call .clone() on it first");
    }
  }
}

inline bool same_geometry(const Tensor& a, const Tensor& b) {
  return a.address() == b.address() && a.dtype == b.dtype && a.sizes == b.sizes && a.strides == b.strides;
}

// Whether writing `to` element by element could change an element of `from` before it is read.
inline bool may_clobber(const Tensor& to, const Tensor& from) {
  if (same_geometry(to, from)) return false;
  const auto extent = [](const Tensor& t) {
    Index low = 0, high = 1;
    for (int d = 0; d < t.dim(); ++d) {
      if (t.sizes[d] == 0) return std::pair<const char*, const char*>{nullptr, nullptr};
      (t.strides[d] < 0 ? low : high) += t.strides[d] * (t.sizes[d] - 1);
    }
    const auto* at = static_cast<const char*>(t.address());
    const auto width = static_cast<Index>(item_size(t.dtype));
    return std::pair{at + low * width, at + high * width};
  };
  const auto a = extent(to), b = extent(from);
  return a.first < b.second && b.first < a.second;
}

inline void check_inplace(const char* op, const Tensor& t) {
  check_writable(op, t);
  if (t.storage->inference && !inference_mode()) {
    fail(op,
         ": Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
         "normal tensor before doing inplace update.");
  }
  check_no_internal_overlap(op, t);
}

}  // namespace fastgrad
