// The functions of cuda/ that table.cu puts into the accelerator's table, by family.
#pragma once

#include "accelerator.h"

namespace fastgrad::cuda {

// devices
const char* version();  // "13.0"
int device_count();
std::string why_unavailable();
DeviceProperties properties(int device);
int current_device();
void set_device(int device);
void synchronize(int device);
// allocator
StorageRef allocate(std::size_t bytes, Device device);
void record_stream(const StorageRef& storage, Handle stream);
MemoryUse memory_use(int device);
std::pair<std::size_t, std::size_t> free_and_total(int device);
void reset_peaks(int device);
void limit_memory(int device, std::size_t bytes);
std::size_t empty_cache();
Handle new_pool();
// pinned
StorageRef allocate_pinned(std::size_t bytes);
bool is_pinned(const void* memory);
int device_of(const void* memory);
// transfer
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, std::size_t bytes, bool non_blocking);
// streams
Handle new_stream(int device, int priority);
Handle current_stream_of(int device);
void set_stream(int device, Handle stream);
bool stream_is_done(int device, Handle stream);
void synchronize_stream(int device, Handle stream);
Handle new_event(int device, bool timing, bool blocking);
void free_event(Handle event);
void record_event(Handle event, int device, Handle stream);
void wait_event(int device, Handle stream, Handle event);
bool event_is_done(Handle event);
void synchronize_event(int device, Handle event);
void put_after(int device, Handle waiting, Handle first);
double milliseconds_between(Handle start, Handle end);
// The same between streams of two devices.
void put_stream_after(int waiting_device, Handle waiting, int first_device, Handle first);
// graph
Handle begin_capture(int device, Handle stream, Handle pool, CaptureMode mode);
Handle end_capture(int device, Handle stream);
bool is_capturing(int device, Handle stream);
void replay(int device, Handle graph);
void free_graph(int device, Handle graph, Handle pool);

// ranges
void arange(const Tensor& out, const void* start, const void* step);
void spaced(const Tensor& out, double start, double end, double step, std::optional<double> base);
void triangle_indices(const Tensor& out, Index rows, Index columns, Index shift, bool lower);

// conversion
void copy(const Tensor& to, const Tensor& from);
void fill(const Tensor& to, const void* number);
void where(const Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b);

// unary, binary, ternary
void unary(Unary op, const Tensor& out, const Tensor& x);
void binary(Binary op, DType dtype, const Tensor& out, Term a, Term b);
void ternary(Ternary op, const Tensor& out, Term a, Term b, Term c);

// reduction
void reduce(Reduce op, const Tensor& out, const Tensor& x, Index outer, Index n, Index inner);
void arg_reduce(Reduce op, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n,
                Index inner);

// scan
void accumulate(Scan op, const Tensor& out, const Tensor& x, Index outer, Index n, Index inner);
void running_extreme(bool largest, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n,
                     Index inner);
void recurrence(const Tensor& out, const Tensor& x, const Tensor& added, Index outer, Index n, Index inner,
                bool backward);

// sort
void sort(const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n, Index inner, Index count,
          bool descending);
void select(Select what, const Tensor& values, const Tensor& places, const Tensor& x, Index outer, Index n, Index inner,
            Index k);
void sort_rows(const Tensor& order, const Tensor& x);
void searchsorted(const Tensor& out, const Tensor& sequences, const Tensor* sorter, const Tensor& values, Index row,
                  bool right);

// statistics, distance, diagonal
void count_numbers(const Tensor& out, const Tensor& bins);
void sum_by_number(const Tensor& out, const Tensor& bins, const Tensor& weights);
void cdist(const Tensor& out, const Tensor& a, const Tensor& b, double p);
void triangle(const Tensor& out, const Tensor& x, Index diagonal, bool upper);
// activation
void activation(Activation op, const Tensor& out, const Tensor& x, double a, double b);
void activation_backward(Activation op, const Tensor& dx, const Tensor& g, const Tensor& x, double a, double b);

// loss_pointwise
void pointwise_loss(PointwiseLoss loss, const Tensor& out, const Tensor& x, const Tensor& target, double a,
                    double scale);
void pointwise_loss_sums(PointwiseLoss loss, const Tensor& sums, const Tensor& x, const Tensor& target, double a,
                         double scale);
void pointwise_loss_backward(PointwiseLoss loss, const Tensor& dx, const Tensor& g, const Tensor& x,
                             const Tensor& target, double a, double scale);
// softmax
void softmax(bool logarithm, const Tensor& y, const Tensor& x, int dim);
void softmax_backward(bool logarithm, const Tensor& dx, const Tensor& g, const Tensor& y, int dim);

// loss
void cross_entropy(const Labels& labels, double smoothing, const Tensor& losses, const Tensor& kept,
                   const Tensor& logits);
void cross_entropy_backward(const Labels& labels, double smoothing, const Tensor& dx, const Tensor& g,
                            const Tensor& logits, const Tensor& kept, const Tensor& divisor);
void nll_loss(const Labels& labels, const Tensor& losses, const Tensor& log_p);
void nll_loss_backward(const Labels& labels, const Tensor& dx, const Tensor& g, const Tensor& divisor);
void label_total(const Labels& labels, bool average, const Tensor& divisor, const Tensor* total, const Tensor* losses);
void checked_labels(const Labels& labels, const Tensor& out);

// attention
void attention(const Tensor& out, const Tensor& log_sum, const Tensor& query, const Tensor& key, const Tensor& value,
               const Tensor* mask, bool is_causal, double scale);
void attention_backward(const Tensor& dquery, const Tensor& dkey, const Tensor& dvalue, const Tensor& g,
                        const Tensor& result, const Tensor& log_sum, const Tensor& query, const Tensor& key,
                        const Tensor& value, const Tensor* mask, bool is_causal, double scale);

// norm
void layer_norm(const Tensor& y, const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& weight,
                const Tensor& bias, Index n, double eps);
void layer_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd, Index n);
void group_norm(const Tensor& y, const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& weight,
                const Tensor& bias, double eps);
void group_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd);
void batch_statistics(const Tensor& mean, const Tensor& rstd, const Tensor& x, const Tensor& running_mean,
                      const Tensor& running_var, double momentum, double eps);
void batch_normalize(const Tensor& y, const Tensor& x, const Tensor& mean, const Tensor& rstd, const Tensor& weight,
                     const Tensor& bias);
void batch_norm_backward(const Tensor& dx, const Tensor& dweight, const Tensor& dbias, const Tensor& g, const Tensor& x,
                         const Tensor& weight, const Tensor& mean, const Tensor& rstd, bool training);

// recurrent
void recurrent_step(const RecurrentStep& step);
void recurrent_step_backward(const RecurrentGradient& step);
// indexing
void take(const Lookup& lookup);
void add_positions(const Tensor& offsets, const Lookup& lookup);
Tensor nonzero(const Tensor& mask);

// scatter
void put(Scatter how, const Lookup& lookup);

// joining
void join(const Tensor& out, const std::vector<Tensor>& parts, Index rows);

// random
void draw(Sample sample, const Tensor& to, double a, double b, Generator& generator);
void draw_integers(const Tensor& to, Index low, std::uint64_t range, bool wide, Generator& generator);
void poisson(const Tensor& counts, const Tensor& rates, Generator& generator);

// optim
void optimize(const OptimRule& rule, const std::vector<OptimParameter>& parameters);
// matmul
void matmul(const Tensor& out, const Tensor& a, const Tensor& b, const Tensor* bias);
void set_allow_tf32(bool allowed);

// conv
void convolution(const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor* bias, const Windows& w,
                 Index groups);
void convolution_input(const Tensor& dx, const Tensor& g, const Tensor& weight, const Windows& w, Index groups);
void convolution_weight(const Tensor& dw, const Tensor& x, const Tensor& g, const Windows& w, Index groups);
void unfold(const Tensor& columns, const Tensor& images, const Windows& w);
void fold(const Tensor& images, const Tensor& columns, const Windows& w);

// pool
void max_pool(const Tensor& out, const Tensor& where, const Tensor& x, const SpanRules& rules);
void max_pool_places(const Tensor& places, const Tensor& where, const SpanRules& rules);
void max_pool_backward(const Tensor& dx, const Tensor& g, const Tensor& where, const SpanRules& rules);
void avg_pool(const Tensor& out, const Tensor& x, const SpanRules& rules);
void avg_pool_backward(const Tensor& dx, const Tensor& g, const SpanRules& rules);

}  // namespace fastgrad::cuda
