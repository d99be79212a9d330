// The devices of this process: what is asked of CUDA once, and remembered.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "accelerator.h"

namespace fastgrad::cuda {

constexpr int max_devices = 31;  // what a call's set of devices can name

struct Devices {
  int count = 0;
  std::string why;  // there is none
  int multiprocessors[max_devices] = {};
};

const Devices& devices();

// Whether this process was forked from one that used CUDA, which then does not work here. What the other one had on its
// devices is not touched.
bool is_forked_child();
void check_not_forked();

// Errors of CUDA that say nothing about what is asked next are forgotten.
inline bool succeeded(cudaError_t status) {
  if (status == cudaSuccess) return true;
  cudaGetLastError();
  return false;
}

// Makes a device CUDA's current one until the end of the block. Of functions that must not throw: it does not either.
class OnDevice {
 public:
  explicit OnDevice(int device) {
    changed_ = succeeded(cudaGetDevice(&before_)) && before_ != device && succeeded(cudaSetDevice(device));
  }
  ~OnDevice() {
    if (changed_) succeeded(cudaSetDevice(before_));
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_ = 0;
  bool changed_;
};

}  // namespace fastgrad::cuda
