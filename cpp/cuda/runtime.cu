// Devices, memory and copies.
#include "cuda/families.h"
#include "cuda/launch.cuh"

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

}  // namespace

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
}

StorageRef allocate(std::size_t bytes, Device device) {
  void* memory = nullptr;
  if (bytes > 0) check(cudaMalloc(&memory, bytes), "cudaMalloc");
  StorageRef storage = foreign_storage(memory, bytes, free_memory, memory);
  storage->device = device;
  return storage;
}

void copy_bytes(void* to, Device, const void* from, Device, std::size_t bytes, bool) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, current_stream()), "cudaMemcpyAsync");
  check(cudaStreamSynchronize(current_stream()), "cudaStreamSynchronize");
}

}  // namespace fastgrad::cuda
