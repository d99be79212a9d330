// What all functions of the runtime share: one lock, and the errors that later calls report.
#pragma once

#include <mutex>
#include <utility>

#include "emulation/runtime_api.h"

namespace fastgrad::emulation {

std::mutex& api_mutex();
// Why no call can be served: the current device has failed.
cudaError_t standing_error();
bool has_device();
cudaError_t note_error(cudaError_t error);
// Whether this thread is in a host function that a stream calls, which may not call the runtime.
bool& in_host_function();

template <class Call>
cudaError_t api(Call&& call) {
  if (!has_device()) return note_error(cudaErrorNoDevice);
  if (in_host_function()) return note_error(cudaErrorNotPermitted);
  std::lock_guard lock(api_mutex());
  const cudaError_t standing = standing_error();
  return note_error(standing != cudaSuccess ? standing : std::forward<Call>(call)());
}

}  // namespace fastgrad::emulation
