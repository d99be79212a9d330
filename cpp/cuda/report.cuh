// What a kernel finds wrong with its data (a label or an index out of range), for the host to raise.
//
// A kernel cannot throw, and checking first would make the host wait. So it writes the first fault of a device down in
// memory that host and device share, goes on with a harmless number, and the next synchronisation raises it.
#pragma once

#include "cuda/launch.cuh"

namespace fastgrad::cuda {

enum class Fault : int { label, index };

struct Report {
  int is_set;
  Fault fault;
  const char* op;  // a string of the host's
  Index value, limit;
};

// The working device's report, as its kernels see it.
Report* current_report();

__device__ inline void report(Report* to, Fault fault, const char* op, Index value, Index limit) {
  if (atomicCAS(&to->is_set, 0, 1) != 0) return;
  to->fault = fault;
  to->op = op;
  to->value = value;
  to->limit = limit;
  __threadfence_system();
}

// Throws what the device's kernels reported, and forgets it. To be called after a synchronisation.
void raise_reported(int device);

}  // namespace fastgrad::cuda
