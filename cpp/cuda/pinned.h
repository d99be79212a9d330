// Host memory that devices copy from and to by themselves, while the host goes on.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "core/buffer.h"

namespace fastgrad::cuda {

// Such memory, to be freed by the storage's end: what streams still copy then is not disturbed.
StorageRef allocate_pinned(std::size_t bytes);
bool is_pinned(const void* memory);
// A stream of the device has been given a copy from or to this memory, which is_pinned().
void use_pinned(const void* memory, int device, cudaStream_t stream);

}  // namespace fastgrad::cuda
