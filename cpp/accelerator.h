// THE list of what CUDA does for the library: one table of functions, which the objects in cuda/ register when they are
// loaded. A build without CUDA links none of them, and accelerator() is null.
//
// The functions of families get what the ops layer has checked, promoted and allocated: tensors of one device, the
// call's. They start kernels on the current stream and return without waiting. What a family has no function for is
// refused when host code reads the memory (Tensor::data).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"
#include "kernels.h"
#include "ops/optim_rules.h"
#include "ops/promotion.h"
#include "ops/span_rule.h"

namespace fastgrad {

// What an elementwise function reads, in the dtype of the computation: a tensor, or one number.
struct Term {
  const Tensor* tensor;  // null for a number
  const void* number;
};

enum class Scan : int { sum, product, log_sum_exp };
enum class Select : int { kth, median, nanmedian, mode };

// The labels of a loss. A kernel that meets one outside of [0, classes) reports it and takes it for one to ignore.
struct Labels {
  const char* op;
  const Tensor& target;  // int64, contiguous
  const Tensor* weight;  // of the classes, contiguous; or null
  Index classes, ignore_index;
};

// One step of a recurrent layer (kernels.h): matrices with a row for each sequence, contiguous, or of no memory where
// the mode has none. From the input's and the hidden state's part of the gates comes the result, which h becomes,
// unless it is projected, and the new c, which cells keeps.
struct RecurrentStep {
  Recurrent mode;
  Tensor part, hidden, gates, cells, result, h, c;
};

// Its gradient: from d + g, that of the result, those of the two parts, and in dh and dc of the states before. `after`:
// an LSTM's cells, else the results; `before`: the states that the gates have met.
struct RecurrentGradient {
  Recurrent mode;
  Tensor da, db, dh, dc, d, g, gates, after, before;
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

// In bytes: by tensors, and by what is kept for tensors, now and at most.
struct MemoryUse {
  std::size_t allocated, peak_allocated, reserved, peak_reserved;
};

struct DeviceProperties {
  std::string name;
  int major, minor, multiprocessors, threads_per_multiprocessor, warp_size, l2_cache_bytes;
  std::size_t memory;
};

// Streams, events and graphs are known by the address that CUDA gives them (0 is the default stream), pools of graphs'
// memory by a number.
using Handle = std::uintptr_t;

// Which calls that could spoil a capture are refused meanwhile: any thread's, the capturing thread's, none.
enum class CaptureMode { global, thread_local_, relaxed };

struct Accelerator {
  const char* version;  // of CUDA, as built with
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
  int (*device_of)(const void* memory);                             // -1: the host's
  void (*record_stream)(const StorageRef& storage, Handle stream);  // that uses memory of another stream
  MemoryUse (*memory_use)(int device);
  std::pair<std::size_t, std::size_t> (*free_and_total)(int device);  // bytes, of all processes
  void (*reset_peaks)(int device);
  void (*limit_memory)(int device, std::size_t bytes);  // that this process may reserve
  std::size_t (*empty_cache)();
  // Between any two devices. Waits until the host may use its side, which is at once where it is pinned and
  // `non_blocking`.
  void (*copy_bytes)(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes,
                     bool non_blocking);
  // streams, events and graphs
  Handle (*new_stream)(int device, int priority);  // one of a pool
  Handle (*current_stream)(int device);            // of this thread
  void (*set_stream)(int device, Handle stream);
  bool (*stream_is_done)(int device, Handle stream);
  void (*synchronize_stream)(int device, Handle stream);
  Handle (*new_event)(int device, bool timing, bool blocking);
  void (*free_event)(Handle event);
  void (*record_event)(Handle event, int device, Handle stream);
  void (*wait_event)(int device, Handle stream, Handle event);
  bool (*event_is_done)(Handle event);
  void (*synchronize_event)(int device, Handle event);
  void (*put_after)(int device, Handle waiting, Handle first);  // streams
  double (*milliseconds_between)(Handle start, Handle end);
  Handle (*new_pool)();
  Handle (*begin_capture)(int device, Handle stream, Handle pool, CaptureMode mode);  // the pool; 0 asks for a new one
  Handle (*end_capture)(int device, Handle stream);                                   // a graph that can be replayed
  bool (*is_capturing)(int device, Handle stream);
  void (*replay)(int device, Handle graph);  // on the current stream, with random numbers of its own
  void (*free_graph)(int device, Handle graph, Handle pool);

  // ranges: start + i step, as Index for integers and as double for floats; from start to end, or base to the power of
  // that; where shift + row is the first column that is not below the diagonal
  void (*arange)(const Tensor& out, const void* start, const void* step);
  void (*spaced)(const Tensor& out, double start, double end, double step, std::optional<double> base);
  void (*triangle_indices)(const Tensor& out, Index rows, Index columns, Index shift, bool lower);
  // conversion: to[...] = from[...], of any geometry and dtypes; the source's shape broadcasts to `to`'s
  void (*copy)(const Tensor& to, const Tensor& from);
  void (*fill)(const Tensor& to, const void* number);  // of its dtype
  void (*where)(const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b);
  // unary, binary, ternary
  void (*unary)(Unary op, const Tensor& out, const Tensor& x);
  void (*binary)(Binary op, DType dtype, const Tensor& out, Term a, Term b);
  void (*ternary)(Ternary op, const Tensor& out, Term a, Term b, Term c);
  // reduction: of a contiguous x as [outer, n, inner] over n; arg_reduce knows max and min, and n > 0
  void (*reduce)(Reduce op, const Tensor& out, const Tensor& x, Index outer, Index n, Index inner);
  void (*arg_reduce)(Reduce op, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n,
                     Index inner);
  // scan: of contiguous tensors as [outer, n, inner] over n, all nonzero
  void (*accumulate)(Scan op, const Tensor& out, const Tensor& x, Index outer, Index n, Index inner);
  void (*running_extreme)(bool largest, const Tensor& values, const Tensor& places, const Tensor& x, Index outer,
                          Index n, Index inner);
  void (*recurrence)(const Tensor& out, const Tensor& x, const Tensor& added, Index outer, Index n, Index inner,
                     bool backward);
  // sort: along n of a contiguous [outer, n, inner], all nonzero; `sort` gives the first `count`, `select` one (`k` is
  // from 0). The row of a matrix in sorted order. Of each value its place in a sequence; `row` values share one.
  void (*sort)(const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n, Index inner,
               Index count, bool descending);
  void (*select)(Select what, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n,
                 Index inner, Index k);
  void (*sort_rows)(const Tensor& order, const Tensor& x);
  void (*searchsorted)(const Tensor& out, const Tensor& sequences, const Tensor* sorter, const Tensor& values,
                       Index row, bool right);
  // statistics: how often each number occurs in `bins`, added to zeros; the sums of its weights, in float64
  void (*count_numbers)(const Tensor& out, const Tensor& bins);
  void (*sum_by_number)(const Tensor& out, const Tensor& bins, const Tensor& weights);
  // distance, diagonal: of contiguous tensors
  void (*cdist)(const Tensor& out, const Tensor& a, const Tensor& b, double p);
  void (*triangle)(const Tensor& out, const Tensor& x, Index diagonal, bool upper);
  // activation, and its gradient
  void (*activation)(Activation op, const Tensor& out, const Tensor& x, double a, double b);
  void (*activation_backward)(Activation op, const Tensor& dx, const Tensor& g, const Tensor& x, double a, double b);
  // loss_pointwise: each element's loss times scale, the sums of those of as many parts as `sums` has
  // elements, and the gradient, where g has one element or x's shape
  void (*pointwise_loss)(PointwiseLoss loss, const Tensor& out, const Tensor& x, const Tensor& target, double a,
                         double scale);
  void (*pointwise_loss_sums)(PointwiseLoss loss, const Tensor& sums, const Tensor& x, const Tensor& target, double a,
                              double scale);
  void (*pointwise_loss_backward)(PointwiseLoss loss, const Tensor& dx, const Tensor& g, const Tensor& x,
                                  const Tensor& target, double a, double scale);
  // softmax, of one dimension of contiguous tensors; or its logarithm
  void (*softmax)(bool logarithm, const Tensor& y, const Tensor& x, int dim);
  void (*softmax_backward)(bool logarithm, const Tensor& dx, const Tensor& g, const Tensor& y, int dim);
  // loss: of each row; log_p may have any strides, everything else is contiguous, and g is one number or one for each
  void (*cross_entropy)(const Labels& labels, double smoothing, const Tensor& losses, const Tensor& kept,
                        const Tensor& logits);
  void (*cross_entropy_backward)(const Labels& labels, double smoothing, const Tensor& dx, const Tensor& g,
                                 const Tensor& logits, const Tensor& kept, const Tensor& divisor);
  void (*nll_loss)(const Labels& labels, const Tensor& losses, const Tensor& log_p);
  void (*nll_loss_backward)(const Labels& labels, const Tensor& dx, const Tensor& g, const Tensor& divisor);
  // divisor = the weights of all labels, or 1 unless `average`; total (may be null) = the sum of the losses over it
  void (*label_total)(const Labels& labels, bool average, const Tensor& divisor, const Tensor* total,
                      const Tensor* losses);
  void (*checked_labels)(const Labels& labels, const Tensor& out);
  // attention: tensors (batch..., rows, columns) with contiguous rows, but for the mask (null: none), which has any
  // strides; neighbouring matrices of the query, the mask and the result share one of key and value
  void (*attention)(const Tensor& out, const Tensor& log_sum, const Tensor& query, const Tensor& key,
                    const Tensor& value, const Tensor* mask, bool is_causal, double scale);
  void (*attention_backward)(const Tensor& dquery, const Tensor& dkey, const Tensor& dvalue, const Tensor& g,
                             const Tensor& result, const Tensor& log_sum, const Tensor& query, const Tensor& key,
                             const Tensor& value, const Tensor* mask, bool is_causal, double scale);
  // norm: as ops.h says, of contiguous tensors; those of no memory are not given or not wanted
  void (*layer_norm)(const Tensor& y, const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, Index n, double eps);  // rows of n elements
  void (*layer_norm_backward)(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g,
                              const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& rstd, Index n);
  void (*group_norm)(const Tensor& y, const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& weight,
                     const Tensor& bias, double eps);  // the statistics have the shape (batch, groups)
  void (*group_norm_backward)(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g,
                              const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& rstd);
  // mean and rstd of the batch; the running statistics move towards them
  void (*batch_statistics)(const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& running_mean,
                           const Tensor& running_var, double momentum, double eps);
  void (*batch_normalize)(const Tensor& y, const Tensor& x, const Tensor& mean, const Tensor& rstd,
                          const Tensor& weight, const Tensor& bias);
  void (*batch_norm_backward)(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g,
                              const Tensor& x, const Tensor& weight, const Tensor& mean, const Tensor& rstd,
                              bool training);
  // recurrent
  void (*recurrent_step)(const RecurrentStep& step);
  void (*recurrent_step_backward)(const RecurrentGradient& step);
  // indexing
  void (*take)(const Lookup& lookup);                                  // other[...] = what the index names
  void (*add_positions)(const Tensor& offsets, const Lookup& lookup);  // offsets += index * step, in order
  Tensor (*nonzero)(const Tensor& mask);                               // waits for the count
  // scatter: what the index names becomes f(that, other[...]); equal places act in their order
  void (*put)(Scatter how, const Lookup& lookup);
  // joining: rows of the result are those of the parts side by side; contiguous, of one dtype
  void (*join)(const Tensor& out, const std::vector<Tensor>& parts, Index rows);
  // random, into contiguous memory; each moves the generator on
  void (*draw)(Sample sample, const Tensor& to, double a, double b, Generator& generator);
  // low + [0, range), where 0 stands for 2^64
  void (*draw_integers)(const Tensor& to, Index low, std::uint64_t range, bool wide, Generator& generator);
  void (*poisson)(const Tensor& counts, const Tensor& rates, Generator& generator);  // float64
  // optim: one step for all parameters
  void (*optimize)(const OptimRule& rule, const std::vector<OptimParameter>& parameters);
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
