// The stable order of whole numbers: what makes writes by index the same in every run.
#pragma once

#include "core/tensor.h"

namespace fastgrad::cuda {

// Keys in ascending order, and which of the given ones each was; equal keys keep their order.
struct Order {
  Tensor keys, places;  // int64, int32
};

// Of int64 keys in [0, limit), which are overwritten.
Order in_order(const Tensor& keys, Index limit);

}  // namespace fastgrad::cuda
