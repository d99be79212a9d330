// Devices, memory and copies.
#include <cstring>

#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/report.cuh"

namespace fastgrad::cuda {
namespace {

struct Devices {
  int count = 0;
  std::string why;

  Devices() {
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status == cudaSuccess) return;
    count = 0;
    why = cudaGetErrorString(status);
    cudaGetLastError();  // not the next call's
  }
};

const Devices& devices() {
  static const Devices all;
  return all;
}

void free_memory(void* owner) { cudaFree(owner); }

// One for each device, in host memory that the devices reach.
Report* reports() {
  static Report* const all = [] {
    void* memory = nullptr;
    const auto bytes = sizeof(Report) * static_cast<std::size_t>(devices().count);
    check(cudaHostAlloc(&memory, bytes, cudaHostAllocMapped | cudaHostAllocPortable), "cudaHostAlloc");
    std::memset(memory, 0, bytes);
    return static_cast<Report*>(memory);
  }();
  return all;
}

}  // namespace

Report* current_report() {
  void* on_device = nullptr;
  check(cudaHostGetDevicePointer(&on_device, reports() + current_device(), 0), "cudaHostGetDevicePointer");
  return static_cast<Report*>(on_device);
}

void raise_reported(int device) {
  Report& r = reports()[device];
  if (r.is_set == 0) return;
  const Report found = r;
  r.is_set = 0;
  if (found.fault == Fault::label) {
    fail(ErrorKind::index, found.op, ": Target ", found.value, " is out of bounds: there are ", found.limit,
         " classes, so labels go from 0 to ", found.limit - 1,
         "; reported by a CUDA kernel when the device was next waited for");
  }
  fail(ErrorKind::index, found.op, ": index ", found.value, " is out of bounds for dimension with size ", found.limit,
       "; reported by a CUDA kernel when the device was next waited for");
}

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  fail("CUDA error: ", what, ": ", cudaGetErrorString(status));
}

cudaStream_t current_stream() { return nullptr; }

int multiprocessors() {
  int count = 0;
  check(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, current_device()), "cudaDeviceGetAttribute");
  return count;
}

int device_count() { return devices().count; }
std::string why_unavailable() { return devices().why; }

DeviceProperties properties(int device) {
  cudaDeviceProp p;
  check(cudaGetDeviceProperties(&p, device), "cudaGetDeviceProperties");
  return {p.name, p.major, p.minor, p.multiProcessorCount, p.totalGlobalMem};
}

int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

void set_device(int device) { check(cudaSetDevice(device), "cudaSetDevice"); }

void synchronize(int device) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  raise_reported(device);
}

StorageRef allocate(std::size_t bytes, Device device) {
  void* memory = nullptr;
  if (bytes > 0) check(cudaMalloc(&memory, bytes), "cudaMalloc");
  StorageRef storage = foreign_storage(memory, bytes, free_memory, memory);
  storage->device = device;
  return storage;
}

void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes, bool) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, current_stream()), "cudaMemcpyAsync");
  check(cudaStreamSynchronize(current_stream()), "cudaStreamSynchronize");
  raise_reported(to_device.is_cuda() ? to_device.index : from_device.index);
}

}  // namespace fastgrad::cuda
