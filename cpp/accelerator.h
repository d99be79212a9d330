// THE list of what CUDA does for the library: one table of functions, which the objects in cuda/ register when they are
// loaded. A build without CUDA links none of them, and accelerator() is null.
//
// The functions of families get what the ops layer has checked, promoted and allocated: tensors of one device, the
// call's. They start kernels on the current stream and return without waiting. What a family has no function for is
// refused when host code reads the memory (Tensor::data).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"
#include "kernels.h"
#include "ops/optim_rules.h"
#include "ops/promotion.h"

namespace fastgrad {

// What an elementwise function reads, in the dtype of the computation: a tensor, or one number.
struct Term {
  const Tensor* tensor;  // null for a number
  const void* number;
};

// Places that an index names: an element of `other` belongs to that which lies index * step further than its neighbour
// in `indexed`. All three have one shape, with strides of 0 where something is the same for many.
struct Lookup {
  const char* op;  // for messages
  Tensor index;    // int64
  Tensor indexed, other;
  Index size, step;       // positions [0, size) of `indexed`, so many elements apart; size > 0
  bool wraps = false;     // negative ones count from the end
  bool distinct = false;  // no two of them are the same place
};

// Distributions of which each element is made of one uniform or normal number.
enum class Sample { uniform, normal, log_normal, exponential, cauchy, geometric, bernoulli };

struct MemoryUse {
  std::size_t allocated, peak_allocated, reserved, peak_reserved, free, total;
};

struct DeviceProperties {
  std::string name;
  int major, minor, multiprocessors;
  std::size_t memory;
};

// Streams, events and graphs are known by the address that CUDA gives them; 0 is the default stream.
using Handle = std::uintptr_t;

struct Accelerator {
  // devices
  int (*device_count)();  // 0 without a driver
  std::string (*why_unavailable)();
  DeviceProperties (*properties)(int device);
  int (*current_device)();
  void (*set_device)(int device);
  void (*synchronize)(int device);  // and throws what its kernels reported
  // memory
  StorageRef (*allocate)(std::size_t bytes, Device device);
  StorageRef (*allocate_pinned)(std::size_t bytes);
  bool (*is_pinned)(const void* memory);
  void (*record_stream)(const StorageRef& storage, Handle stream);
  MemoryUse (*memory_use)(int device);
  void (*reset_peaks)(int device);
  std::size_t (*empty_cache)();
  // Between any two devices. Waits for the result unless `non_blocking` and the host's side is pinned.
  void (*copy_bytes)(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes,
                     bool non_blocking);
  // streams, events and graphs
  Handle (*new_stream)(int device, int priority);
  void (*free_stream)(Handle stream);
  Handle (*current_stream)(int device);
  void (*set_stream)(int device, Handle stream);
  bool (*stream_is_done)(Handle stream);
  void (*synchronize_stream)(int device, Handle stream);
  Handle (*new_event)(bool timing, bool blocking);
  void (*free_event)(Handle event);
  void (*record_event)(Handle event, Handle stream);
  void (*wait_event)(Handle stream, Handle event);
  bool (*event_is_done)(Handle event);
  void (*synchronize_event)(Handle event);
  double (*milliseconds_between)(Handle start, Handle end);
  void (*begin_capture)(Handle stream, Handle pool);
  Handle (*end_capture)(Handle stream);  // a graph that can be replayed
  void (*replay)(Handle graph, Handle stream);
  void (*free_graph)(Handle graph, Handle pool);

  // conversion: to[...] = from[...], of any geometry and dtypes; the source's shape broadcasts to `to`'s
  void (*copy)(const Tensor& to, const Tensor& from);
  void (*fill)(const Tensor& to, const void* number);  // of its dtype
  void (*where)(const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b);
  // unary, binary, ternary
  void (*unary)(Unary op, const Tensor& out, const Tensor& x);
  void (*binary)(Binary op, DType dtype, const Tensor& out, Term a, Term b);
  void (*ternary)(Ternary op, const Tensor& out, Term a, Term b, Term c);
  // indexing
  void (*take)(const Lookup& lookup);                                  // other[...] = what the index names
  void (*add_positions)(const Tensor& offsets, const Lookup& lookup);  // offsets += index * step, in order
  Tensor (*nonzero)(const Tensor& mask);                               // waits for the count
  // scatter: what the index names becomes f(that, other[...]); equal places act in their order
  void (*put)(Scatter how, const Lookup& lookup);
  // joining: rows of the result are those of the parts side by side; contiguous, of one dtype
  void (*join)(const Tensor& out, const std::vector<Tensor>& parts, Index rows);
  // diagonal: matrices with zeros right of a diagonal, or left of it
  void (*keep_triangle)(const Tensor& out, const Tensor& x, Index diagonal, bool lower);
  // random, into contiguous memory; each moves the generator on
  void (*draw)(Sample sample, const Tensor& to, double a, double b, Philox& generator);
  // low + [0, range), where 0 stands for 2^64
  void (*draw_integers)(const Tensor& to, Index low, std::uint64_t range, bool wide, Philox& generator);
  void (*poisson)(const Tensor& counts, const Tensor& rates, Philox& generator);  // float64
  // optim: one step for all parameters
  void (*optimize)(const OptimRule& rule, const std::vector<OptimParameter>& parameters);
};

// Null in a build without CUDA.
const Accelerator* accelerator();
void register_accelerator(const Accelerator* table);

// The accelerator whose memory the tensor's is; null for the host's.
inline const Accelerator* accelerator_of(const Tensor& t) { return t.device().is_cuda() ? accelerator() : nullptr; }

}  // namespace fastgrad
