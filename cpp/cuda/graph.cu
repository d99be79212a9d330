// Work that is captured once and replayed as a whole.
#include "cuda/allocator.h"
#include "cuda/devices.h"
#include "cuda/families.h"
#include "cuda/launch.cuh"

namespace fastgrad::cuda {
namespace {

constexpr cudaStreamCaptureMode modes[] = {cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal,
                                           cudaStreamCaptureModeRelaxed};

}  // namespace

Handle begin_capture(int device, Handle handle, Handle pool, CaptureMode mode) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  const auto stream = reinterpret_cast<cudaStream_t>(handle);
  check(cudaStreamBeginCapture(stream, modes[static_cast<int>(mode)]), "cudaStreamBeginCapture");
  return begin_pool(device, pool, stream);
}

Handle end_capture(int device, Handle handle) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  const auto stream = reinterpret_cast<cudaStream_t>(handle);
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream, &graph);
  end_pool(device, stream);
  check(ended, "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t made = cudaGraphInstantiate(&executable, graph, 0);
  check(cudaGraphDestroy(graph), "cudaGraphDestroy");
  check(made, "cudaGraphInstantiate");
  return reinterpret_cast<Handle>(executable);
}

bool is_capturing(int device, Handle stream) {
  const OnDevice here(device);
  cudaStreamCaptureStatus status;
  check(cudaStreamIsCapturing(reinterpret_cast<cudaStream_t>(stream), &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

void replay(int device, Handle graph, Handle stream) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  check(cudaGraphLaunch(reinterpret_cast<cudaGraphExec_t>(graph), reinterpret_cast<cudaStream_t>(stream)),
        "cudaGraphLaunch");
}

void free_graph(int device, Handle graph, Handle pool) {
  if (graph != 0) succeeded(cudaGraphExecDestroy(reinterpret_cast<cudaGraphExec_t>(graph)));
  release_pool(device, pool);
}

}  // namespace fastgrad::cuda
