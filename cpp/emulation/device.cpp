#include "emulation/device.h"

#include <cstdio>
#include <cstdlib>

#include "emulation/api.h"
#include "emulation/block.h"
#include "emulation/stream.h"

namespace fastgrad::emulation {
namespace {

std::size_t setting(const char* name, std::size_t standard) {
  const char* text = std::getenv(name);
  return text == nullptr ? standard : std::strtoull(text, nullptr, 10);
}

std::vector<std::unique_ptr<Device>>& make_devices() {
  auto& made = *new std::vector<std::unique_ptr<Device>>;
  const std::size_t count = setting("FASTGRAD_EMULATED_DEVICES", 2);
  const std::size_t memory = setting("FASTGRAD_EMULATED_MEMORY", std::size_t{2} << 30);
  for (std::size_t i = 0; i < count && i < 32; ++i) {
    made.push_back(std::make_unique<Device>(static_cast<int>(i), memory));
    made.back()->legacy_stream = make_stream(*made.back(), true);
  }
  return made;
}

bool exists(int index) { return index >= 0 && static_cast<std::size_t>(index) < devices().size(); }

cudaDeviceProp properties_of(const Device& device) {
  cudaDeviceProp p{};
  std::snprintf(p.name, sizeof p.name, "Emulated device");
  p.uuid.bytes[15] = static_cast<char>(device.index + 1);
  p.totalGlobalMem = device.arena.capacity();
  p.sharedMemPerBlock = usual_shared;
  p.sharedMemPerBlockOptin = max_shared;
  p.sharedMemPerMultiprocessor = 228 * 1024;
  p.reservedSharedMemPerBlock = 1024;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = warpSize;
  p.maxThreadsPerBlock = p.maxThreadsDim[0] = p.maxThreadsDim[1] = max_threads;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.totalConstMem = 65536;
  p.major = 9;
  p.multiProcessorCount = 4;
  p.maxThreadsPerMultiProcessor = 2048;
  p.maxBlocksPerMultiProcessor = 32;
  p.canMapHostMemory = p.concurrentKernels = p.unifiedAddressing = 1;
  p.pciBusID = device.index + 1;
  p.asyncEngineCount = 2;
  p.memoryBusWidth = 64;
  p.l2CacheSize = 4 << 20;
  return p;
}

cudaError_t attribute_of(const cudaDeviceProp& p, cudaDeviceAttr attribute, int& value) {
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      return value = p.maxThreadsPerBlock, cudaSuccess;
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
    case cudaDevAttrMaxBlockDimZ:
      return value = p.maxThreadsDim[attribute - cudaDevAttrMaxBlockDimX], cudaSuccess;
    case cudaDevAttrMaxGridDimX:
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      return value = p.maxGridSize[attribute - cudaDevAttrMaxGridDimX], cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return value = static_cast<int>(p.sharedMemPerBlock), cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      return value = static_cast<int>(p.sharedMemPerBlockOptin), cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      return value = static_cast<int>(p.sharedMemPerMultiprocessor), cudaSuccess;
    case cudaDevAttrWarpSize:
      return value = p.warpSize, cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      return value = p.multiProcessorCount, cudaSuccess;
    case cudaDevAttrIntegrated:
      return value = p.integrated, cudaSuccess;
    case cudaDevAttrCanMapHostMemory:
      return value = p.canMapHostMemory, cudaSuccess;
    case cudaDevAttrL2CacheSize:
      return value = p.l2CacheSize, cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return value = p.maxThreadsPerMultiProcessor, cudaSuccess;
    case cudaDevAttrUnifiedAddressing:
      return value = p.unifiedAddressing, cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      return value = p.major, cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      return value = p.minor, cudaSuccess;
    case cudaDevAttrCooperativeLaunch:
      return value = p.cooperativeLaunch, cudaSuccess;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      return value = p.maxBlocksPerMultiProcessor, cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

}  // namespace

std::vector<std::unique_ptr<Device>>& devices() {
  static auto& all = make_devices();
  return all;
}

int& device_index() {
  thread_local int index = 0;
  return index;
}

Device* owner_of(const void* p) {
  for (auto& candidate : devices()) {
    if (candidate->arena.contains(p)) return candidate.get();
  }
  return nullptr;
}

void open_memory(unsigned wanted) {
  static unsigned open = 0;
  for (auto& each : devices()) {
    const unsigned bit = 1U << each->index;
    if ((open & bit) != (wanted & bit)) each->arena.set_open((wanted & bit) != 0);
  }
  open = wanted;
}

}  // namespace fastgrad::emulation

using namespace fastgrad::emulation;

cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) { return cudaDriverGetVersion(version); }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = static_cast<int>(devices().size());
  return *count == 0 ? note_error(cudaErrorNoDevice) : cudaSuccess;
}

// The next two work after a failure, too.
cudaError_t cudaSetDevice(int index) {
  if (!exists(index)) return note_error(devices().empty() ? cudaErrorNoDevice : cudaErrorInvalidDevice);
  std::lock_guard lock(api_mutex());
  device_index() = index;
  return note_error(device().failure);
}
cudaError_t cudaGetDevice(int* index) {
  if (devices().empty()) return note_error(cudaErrorNoDevice);
  *index = device_index();
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int index) {
  return api([&] {
    if (!exists(index)) return cudaErrorInvalidDevice;
    *properties = properties_of(*devices()[static_cast<std::size_t>(index)]);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int index) {
  return api([&] {
    if (!exists(index)) return cudaErrorInvalidDevice;
    return attribute_of(properties_of(*devices()[static_cast<std::size_t>(index)]), attribute, *value);
  });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int index, int peer) {
  return api([&] {
    if (!exists(index) || !exists(peer)) return cudaErrorInvalidDevice;
    *can = index != peer;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  return api([&] {
    if (flags != 0) return cudaErrorInvalidValue;
    if (!exists(peer) || peer == device_index()) return cudaErrorInvalidDevice;
    if ((device().peers >> peer & 1) != 0) return cudaErrorPeerAccessAlreadyEnabled;
    device().peers |= 1U << peer;
    return cudaSuccess;
  });
}
