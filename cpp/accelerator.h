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

#include "core/tensor.h"
#include "kernels.h"
#include "ops/promotion.h"
#include "ops/span_rule.h"

namespace fastgrad {

// What an elementwise function reads, in the dtype of the computation: a tensor, or one number.
struct Term {
  const Tensor* tensor;  // null for a number
  const void* number;
};

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
  // matmul: the product of two stacks of matrices, of which each broadcasts to `out`, and a bias for each column, or
  // null
  void (*matmul)(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor* bias);
  void (*set_allow_tf32)(bool allowed);  // whether products may round float32 to TF32; at first they may not
  // conv, of contiguous tensors: images (N, C, ...), weights and gradients as in ops.h; the bias may be null
  void (*convolution)(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias, const Windows& w,
                      Index groups);
  void (*convolution_input)(const Tensor& dx, const Tensor& g, const Tensor& weight, const Windows& w, Index groups);
  void (*convolution_weight)(const Tensor& dw, const Tensor& x, const Tensor& g, const Windows& w, Index groups);
  void (*unfold)(const Tensor& columns, const Tensor& images, const Windows& w);
  void (*fold)(const Tensor& images, const Tensor& columns, const Windows& w);
  // pool, of contiguous tensors; `where` as kernels.h says
  void (*max_pool)(const Tensor& out, const Tensor& where, const Tensor& x, const SpanRules& rules);
  void (*max_pool_places)(const Tensor& places, const Tensor& where, const SpanRules& rules);
  void (*max_pool_backward)(const Tensor& dx, const Tensor& g, const Tensor& where, const SpanRules& rules);
  void (*avg_pool)(const Tensor& out, const Tensor& x, const SpanRules& rules);
  void (*avg_pool_backward)(const Tensor& dx, const Tensor& g, const SpanRules& rules);
};

// Null in a build without CUDA.
const Accelerator* accelerator();
void register_accelerator(const Accelerator* table);

// The accelerator whose memory the tensor's is; null for the host's.
inline const Accelerator* accelerator_of(const Tensor& t) { return t.device().is_cuda() ? accelerator() : nullptr; }

}  // namespace fastgrad
