// Errors: the last one of each thread, and those that stay.
#include "emulation/api.h"
#include "emulation/device.h"

namespace fastgrad::emulation {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

}  // namespace

std::mutex& api_mutex() {
  static std::mutex& mutex = *new std::mutex;  // never destroyed: the process may end with tensors alive
  return mutex;
}

bool& in_host_function() {
  thread_local bool inside = false;
  return inside;
}

cudaError_t standing_error() { return devices().empty() ? cudaSuccess : device().failure; }

bool has_device() { return !devices().empty(); }

cudaError_t note_error(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

}  // namespace fastgrad::emulation

using namespace fastgrad::emulation;

cudaError_t cudaGetLastError() {
  std::lock_guard lock(api_mutex());
  const cudaError_t error = std::exchange(last_error, cudaSuccess), standing = standing_error();
  return standing != cudaSuccess ? standing : error;
}

cudaError_t cudaPeekAtLastError() {
  std::lock_guard lock(api_mutex());
  const cudaError_t standing = standing_error();
  return standing != cudaSuccess ? standing : last_error;
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
#define FASTGRAD_CASE(name, number, text) \
  case cudaError##name:                   \
    return "cudaError" #name;
      FASTGRAD_ERRORS(FASTGRAD_CASE)
#undef FASTGRAD_CASE
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
#define FASTGRAD_CASE(name, number, text) \
  case cudaError##name:                   \
    return text;
      FASTGRAD_ERRORS(FASTGRAD_CASE)
#undef FASTGRAD_CASE
  }
  return "unrecognized error code";
}
