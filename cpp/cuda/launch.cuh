// Starting kernels on the stream that the calling thread works on.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

#include "core/dims.h"

namespace fastgrad::cuda {

// Throws what CUDA says; `what` is the call or the kernel that said it.
void check(cudaError_t status, const char* what);

// The device of the call that this thread is in; outside of calls, CUDA's current one.
int working_device();
// The working device's current stream in this thread, and its number of multiprocessors.
cudaStream_t current_stream();
int multiprocessors();

constexpr int block_threads = 256;
constexpr Index most_blocks_along_y = 65535;

// A grid for n threads, of at most so many blocks that loops over the rest pay for themselves.
inline unsigned blocks_for(Index n, int threads = block_threads) {
  const Index wanted = (n + threads - 1) / threads, most = Index{multiprocessors()} * 64;
  return static_cast<unsigned>(wanted < 1 ? 1 : wanted < most ? wanted : most);
}

template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            Arguments&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = current_stream();
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), name);
}

// This block's dynamic shared memory.
template <class T>
__device__ T* dynamic_shared() {
#ifdef FASTGRAD_CUDA_EMULATED
  return static_cast<T*>(emulated_dynamic_shared());
#else
  extern __shared__ __align__(16) unsigned char memory[];
  return reinterpret_cast<T*>(memory);
#endif
}

// The number of this thread in the grid, and of all threads in it.
__device__ inline Index thread_index() {
  return static_cast<Index>(blockIdx.x) * blockDim.x + static_cast<Index>(threadIdx.x);
}
__device__ inline Index thread_count() { return static_cast<Index>(gridDim.x) * blockDim.x; }

}  // namespace fastgrad::cuda
