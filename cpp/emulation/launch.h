// Launching kernels: their arguments are copied, and the launch waits in its stream.
#pragma once

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "emulation/runtime_api.h"

namespace fastgrad::emulation {

// Queues a kernel of which `thread` runs one thread.
cudaError_t launch(const cudaLaunchConfig_t* config, const void* kernel, std::function<void()> thread);

}  // namespace fastgrad::emulation

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  static_assert((std::is_trivially_copyable_v<Parameters> && ...), "arguments reach the device as bytes");
  static_assert((sizeof(Parameters) + ... + 0) <= 32764, "the arguments of a kernel are at most 32764 bytes");
  std::tuple<Parameters...> copies(std::forward<Arguments>(arguments)...);
  return fastgrad::emulation::launch(config, reinterpret_cast<const void*>(kernel),
                                     [kernel, copies] { std::apply(kernel, copies); });
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value);
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel, int threads,
                                                          std::size_t dynamic_shared);

template <class Kernel>
  requires std::is_function_v<Kernel>
cudaError_t cudaFuncSetAttribute(Kernel* kernel, cudaFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
template <class Kernel>
  requires std::is_function_v<Kernel>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel* kernel, int threads,
                                                          std::size_t dynamic_shared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, reinterpret_cast<const void*>(kernel), threads,
                                                       dynamic_shared);
}
