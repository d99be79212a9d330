// Bytes from one device to another.
#include <atomic>
#include <cstring>

#include "cuda/devices.h"
#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/pinned.h"
#include "cuda/report.cuh"

namespace fastgrad::cuda {
namespace {

constexpr std::size_t staged_bytes = std::size_t{1} << 20;  // up to here a copy by way of pinned memory is no loss

void start(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "cudaMemcpyAsync");
}

// The stream's own copy from or to pinned memory. A graph's copies run again whenever it is replayed: whoever captures
// them keeps the memory.
void start_pinned(void* to, const void* from, const void* pinned, std::size_t bytes, int device, cudaStream_t stream,
                  bool captured) {
  start(to, from, bytes, stream);
  if (!captured) use_pinned(pinned, device, stream);
}

void upload(void* to, int device, const void* from, std::size_t bytes, bool non_blocking) {
  const cudaStream_t stream = current_stream();
  const bool captured = is_capturing(device, reinterpret_cast<Handle>(stream)), pinned = is_pinned(from);
  if (captured && !pinned) {
    fail(
        "Cannot copy between CPU and CUDA tensors during CUDA graph capture unless the CPU tensor is pinned; make the "
        "tensor on the device before the capture, or call .pin_memory()");
  }
  if (pinned && (non_blocking || captured)) return start_pinned(to, from, from, bytes, device, stream, captured);
  if (bytes <= staged_bytes) {
    const StorageRef staging = allocate_pinned(bytes);
    std::memcpy(staging->data, from, bytes);
    return start_pinned(to, staging->data, staging->data, bytes, device, stream, false);
  }
  start(to, from, bytes, stream);
  synchronize_stream(device, reinterpret_cast<Handle>(stream));
}

void download(void* to, const void* from, int device, std::size_t bytes, bool non_blocking) {
  const cudaStream_t stream = current_stream();
  const bool captured = is_capturing(device, reinterpret_cast<Handle>(stream));
  if (non_blocking && is_pinned(to)) return start_pinned(to, from, to, bytes, device, stream, captured);
  if (captured) {
    fail(
        "the host cannot wait for a stream whose work is captured into a CUDA graph (.item(), .cpu(), tolist() and "
        "printing do); read the result after replay()");
  }
  start(to, from, bytes, stream);
  synchronize_stream(device, reinterpret_cast<Handle>(stream));
}

// Lets `device` read and write the other one's memory directly, where the machine can.
void enable_peer_access(int device, int other) {
  static std::atomic<bool> is_done[max_devices][max_devices];
  if (is_done[device][other].exchange(true)) return;
  int can = 0;
  check(cudaDeviceCanAccessPeer(&can, device, other), "cudaDeviceCanAccessPeer");
  if (can == 0) return;
  const OnDevice there(device);
  const cudaError_t status = cudaDeviceEnablePeerAccess(other, 0);
  if (!succeeded(status) && status != cudaErrorPeerAccessAlreadyEnabled) check(status, "cudaDeviceEnablePeerAccess");
}

void copy_between(void* to, int to_device, const void* from, int from_device, std::size_t bytes) {
  enable_peer_access(from_device, to_device);
  const Handle source = current_stream_of(from_device), target = current_stream_of(to_device);
  put_stream_after(from_device, source, to_device, target);  // the memory there may be in use until then
  {
    const OnDevice there(from_device);
    check(cudaMemcpyPeerAsync(to, to_device, from, from_device, bytes, reinterpret_cast<cudaStream_t>(source)),
          "cudaMemcpyPeerAsync");
  }
  put_stream_after(to_device, target, from_device, source);
}

}  // namespace

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes,
                bool non_blocking) {
  if (bytes == 0) return;
  const DeviceGuard guard(to_device.is_cuda() ? to_device : from_device);
  if (!from_device.is_cuda()) return upload(to, to_device.index, from, bytes, non_blocking);
  if (!to_device.is_cuda()) return download(to, from, from_device.index, bytes, non_blocking);
  if (to_device == from_device) return start(to, from, bytes, current_stream());
  copy_between(to, to_device.index, from, from_device.index, bytes);
}

}  // namespace fastgrad::cuda
