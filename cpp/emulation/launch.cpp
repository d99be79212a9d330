#include "emulation/launch.h"

#include <map>

#include "emulation/api.h"
#include "emulation/block.h"
#include "emulation/stream.h"

namespace fastgrad::emulation {
namespace {

// The kernels that may use more dynamic shared memory than usual, and how much.
std::map<const void*, std::size_t>& shared_limits() {
  static auto& limits = *new std::map<const void*, std::size_t>;
  return limits;
}

cudaError_t check_limits(const cudaLaunchConfig_t& config, const void* kernel) {
  const dim3 grid = config.gridDim, block = config.blockDim;
  const bool grid_fits = grid.x - 1U < 0x7fffffffU && grid.y - 1U < 65535 && grid.z - 1U < 65535;
  const bool block_fits = block.x - 1U < max_threads && block.y - 1U < max_threads && block.z - 1U < 64;
  if (!grid_fits || !block_fits || block.x * block.y * block.z > max_threads) return cudaErrorInvalidConfiguration;
  const auto limit = shared_limits().find(kernel);
  const std::size_t shared = limit == shared_limits().end() ? usual_shared : limit->second;
  return config.dynamicSmemBytes > shared ? cudaErrorInvalidValue : cudaSuccess;
}

}  // namespace

cudaError_t launch(const cudaLaunchConfig_t* config, const void* kernel, std::function<void()> thread) {
  return api([&] {
    CUstream_st* const stream = find_stream(config->stream);
    if (stream == nullptr || stream->device != &device()) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t error = check_limits(*config, kernel); error != cudaSuccess) return error;
    auto run = [=, config = *config, thread = std::move(thread)] {
      const bool ended = run_grid(config.gridDim, config.blockDim, config.dynamicSmemBytes, kernel, thread);
      return ended ? cudaSuccess : cudaErrorLaunchFailure;
    };
    return submit(*stream, {.devices = stream->device->reachable(), .run = std::move(run)});
  });
}

}  // namespace fastgrad::emulation

using namespace fastgrad::emulation;

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  return api([&] {
    if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;
    if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaErrorInvalidValue;
    if (value < 0 || static_cast<std::size_t>(value) > max_shared) return cudaErrorInvalidValue;
    shared_limits()[kernel] = static_cast<std::size_t>(value);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int threads, std::size_t) {
  return api([&] {
    if (threads < 1 || threads > static_cast<int>(max_threads)) return cudaErrorInvalidValue;
    *blocks = 2048 / threads < 32 ? 2048 / threads : 32;
    return cudaSuccess;
  });
}
