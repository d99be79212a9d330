// Threads hide here. The pool is our own: no OpenMP, usable after fork, quiet when the work is small.
#pragma once

#include <cstdint>

#include "core/device.h"

namespace fastgrad {

// How many threads a parallel_for may use: set_num_threads, else OMP_NUM_THREADS, else the cores that
// the process may use (affinity mask and cgroup quota).
int num_threads();
void set_num_threads(int n);

namespace detail {
using RangeFunction = void (*)(const void* context, std::int64_t begin, std::int64_t end);
void run_parallel(std::int64_t begin, std::int64_t end, std::int64_t grain, RangeFunction call, const void* context);
}  // namespace detail

// Calls f(b, e) on disjoint pieces that cover [begin, end), each at least `grain` long but the last. Runs in the
// calling thread when there is one piece, inside another parallel_for, or when another thread has the pool.
// How the range is cut depends on the thread count: f must give the same bits for any cut. f must not throw.
template <class F>
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain, const F& f) {
  if (end <= begin) return;
  if (end - begin <= grain || num_threads() == 1) {
    f(begin, end);
    return;
  }
  if (call_device().is_cuda()) [[unlikely]]
    fail_no_kernel();  // in this thread: f must not throw in another one
  detail::run_parallel(
      begin, end, grain,
      [](const void* context, std::int64_t b, std::int64_t e) { (*static_cast<const F*>(context))(b, e); }, &f);
}

}  // namespace fastgrad
