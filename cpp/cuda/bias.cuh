// Results that begin as their bias, to which a product is added.
#pragma once

#include "core/tensor.h"

namespace fastgrad::cuda {

// `out` (contiguous), read as rows of one run of `run` elements for each number of `bias`, which fills it.
void fill_with_bias(const Tensor& out, const Tensor& bias, Index run);

}  // namespace fastgrad::cuda
