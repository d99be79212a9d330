// The order in which the elements of a tensor are drawn.
#pragma once

#include "core/random.h"
#include "ops/ops.h"

namespace fastgrad::ops {

// Calls fill(to, g) with a contiguous tensor for the elements of x in the order in which they lie in memory, which is
// PyTorch's order of drawing, and the generator that x's device has for `given`; then marks x as changed. The generator
// is locked meanwhile: large tensors are filled without the GIL.
template <class F>
void fill_in_memory_order(const Tensor& x, Generator& given, const F& fill) {
  Generator& g = generator_on(x.device(), given);
  const std::lock_guard lock(g.mutex());
  const Tensor ordered = x.is_contiguous() ? x : permute(x, memory_order(x));
  if (ordered.is_contiguous()) {
    fill(ordered, g);
    bump_version(x);
  } else {
    const Tensor drawn = empty(ordered.sizes, x.dtype);
    fill(drawn, g);
    copy_(ordered, drawn);
  }
}

}  // namespace fastgrad::ops
