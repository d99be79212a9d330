// Devices, errors, and what kernels report.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <sstream>

#include "cuda/devices.h"
#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/report.cuh"

namespace fastgrad::cuda {
namespace {

std::string version_text(int version) {  // 13000: 13.0
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

std::string reason(cudaError_t status) {
  int driver = 0, runtime = 0;
  succeeded(cudaDriverGetVersion(&driver));
  succeeded(cudaRuntimeGetVersion(&runtime));
  if (driver == 0) return "there is no NVIDIA driver on this system";
  if (status == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver is too old: it supports CUDA " + version_text(driver) +
           ", and this fastgrad was built with CUDA " + version_text(runtime) + "; update the driver";
  }
  return std::string(cudaGetErrorString(status)) + " (driver for CUDA " + version_text(driver) + ", built with CUDA " +
         version_text(runtime) + ")";
}

std::atomic<bool> is_in_use = false;  // by this process
std::atomic<bool> is_forked = false;  // from one that used it

void after_fork() { is_forked = is_in_use.load(); }

Devices found() {
  Devices all;
  is_in_use = true;
  pthread_atfork(nullptr, nullptr, after_fork);
  const cudaError_t status = cudaGetDeviceCount(&all.count);
  if (!succeeded(status)) {
    all.count = 0;
    all.why = reason(status);
  } else if (all.count == 0) {
    all.why = reason(cudaErrorNoDevice);
  }
  all.count = std::min(all.count, max_devices);
  for (int i = 0; i < all.count; ++i) {
    check(cudaDeviceGetAttribute(&all.multiprocessors[i], cudaDevAttrMultiProcessorCount, i), "cudaDeviceGetAttribute");
  }
  return all;
}

// One report for each device, in host memory that the devices reach.
struct Reports {
  Report* by_host = nullptr;
  Report* by_device[max_devices] = {};
};

const Reports& reports() {
  static const Reports all = [] {
    Reports made;
    const int count = devices().count;
    const auto bytes = sizeof(Report) * static_cast<std::size_t>(count);
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, bytes, cudaHostAllocMapped | cudaHostAllocPortable), "cudaHostAlloc");
    std::memset(memory, 0, bytes);
    made.by_host = static_cast<Report*>(memory);
    for (int i = 0; i < count; ++i) {
      const OnDevice there(i);
      void* address = nullptr;
      check(cudaHostGetDevicePointer(&address, made.by_host + i, 0), "cudaHostGetDevicePointer");
      made.by_device[i] = static_cast<Report*>(address);
    }
    return made;
  }();
  return all;
}

}  // namespace

const Devices& devices() {
  static const Devices all = found();
  return all;
}

bool is_forked_child() { return is_forked.load(std::memory_order_relaxed); }

void check_not_forked() {
  if (!is_forked_child()) return;
  fail(
      "Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn' "
      "start method");
}

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) [[likely]]
    return;
  cudaGetLastError();  // not the next call's
  const bool is_lost = status == cudaErrorIllegalAddress || status == cudaErrorLaunchFailure;
  fail("CUDA error: ", what, ": ", cudaGetErrorString(status),
       is_lost ? "; this process cannot use the device any more: start it anew" : "");
}

Report* current_report() { return reports().by_device[working_device()]; }

void raise_reported(int device) {
  Report& r = reports().by_host[device];
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

const char* version() {
#ifdef FASTGRAD_CUDA_EMULATED
  return "emulated";
#else
  static const std::string text = version_text(CUDART_VERSION);
  return text.c_str();
#endif
}

int device_count() { return devices().count; }
std::string why_unavailable() { return devices().why; }

DeviceProperties properties(int device) {
  cudaDeviceProp p;
  check(cudaGetDeviceProperties(&p, device), "cudaGetDeviceProperties");
  return {.name = p.name,
          .major = p.major,
          .minor = p.minor,
          .multiprocessors = p.multiProcessorCount,
          .threads_per_multiprocessor = p.maxThreadsPerMultiProcessor,
          .warp_size = p.warpSize,
          .l2_cache_bytes = p.l2CacheSize,
          .memory = p.totalGlobalMem};
}

int current_device() {
  check_not_forked();
  int device = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

void set_device(int device) {
  check_not_forked();
  check(cudaSetDevice(device), "cudaSetDevice");
}

int working_device() { return call_device().is_cuda() ? call_device().index : current_device(); }
int multiprocessors() { return devices().multiprocessors[working_device()]; }

void synchronize(int device) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  {
    const Wait wait;
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  }
  raise_reported(device);
}

}  // namespace fastgrad::cuda
