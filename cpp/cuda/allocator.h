// What graphs and streams ask of the memory of a device, besides the functions of the table.
#pragma once

#include <cuda_runtime.h>

#include "accelerator.h"

namespace fastgrad::cuda {

// From now on what the capturing stream, and those that join it, allocate comes from blocks that only this pool has,
// and stays there for replays. 0 asks for a new pool; returns the pool, which the graph keeps until release_pool.
Handle begin_pool(int device, Handle pool, cudaStream_t stream);
void end_pool(int device, cudaStream_t stream);
void release_pool(int device, Handle pool);

// CUDA refuses to allocate and to ask events while a stream of the process is captured, unless the thread says that it
// knows.
class AllowInCapture {
 public:
  AllowInCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~AllowInCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  AllowInCapture(const AllowInCapture&) = delete;
  AllowInCapture& operator=(const AllowInCapture&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace fastgrad::cuda
