// What a build with CUDA adds: loading its objects registers the table.
#include "cuda/families.h"

namespace fastgrad::cuda {
namespace {

Accelerator made() {
  Accelerator table{};
  table.version = version();
  // devices
  table.device_count = device_count;
  table.why_unavailable = why_unavailable;
  table.properties = properties;
  table.current_device = current_device;
  table.set_device = set_device;
  table.synchronize = synchronize;
  // allocator
  table.allocate = allocate;
  table.record_stream = record_stream;
  table.memory_use = memory_use;
  table.free_and_total = free_and_total;
  table.reset_peaks = reset_peaks;
  table.limit_memory = limit_memory;
  table.empty_cache = empty_cache;
  table.new_pool = new_pool;
  // pinned
  table.allocate_pinned = allocate_pinned;
  table.is_pinned = is_pinned;
  table.device_of = device_of;
  // transfer
  table.copy_bytes = copy_bytes;
  // streams
  table.new_stream = new_stream;
  table.current_stream = current_stream_of;
  table.set_stream = set_stream;
  table.stream_is_done = stream_is_done;
  table.synchronize_stream = synchronize_stream;
  table.new_event = new_event;
  table.free_event = free_event;
  table.record_event = record_event;
  table.wait_event = wait_event;
  table.event_is_done = event_is_done;
  table.synchronize_event = synchronize_event;
  table.put_after = put_after;
  table.milliseconds_between = milliseconds_between;
  // graph
  table.begin_capture = begin_capture;
  table.end_capture = end_capture;
  table.is_capturing = is_capturing;
  table.replay = replay;
  table.free_graph = free_graph;
  // ranges
  table.arange = arange;
  table.spaced = spaced;
  table.triangle_indices = triangle_indices;
  // conversion
  table.copy = copy;
  table.fill = fill;
  table.where = where;
  // unary, binary, ternary
  table.unary = unary;
  table.binary = binary;
  table.ternary = ternary;
  // reduction
  table.reduce = reduce;
  table.arg_reduce = arg_reduce;
  // scan
  table.accumulate = accumulate;
  table.running_extreme = running_extreme;
  table.recurrence = recurrence;
  // sort
  table.sort = sort;
  table.select = select;
  table.sort_rows = sort_rows;
  table.searchsorted = searchsorted;
  // statistics, distance, diagonal
  table.count_numbers = count_numbers;
  table.sum_by_number = sum_by_number;
  table.cdist = cdist;
  table.triangle = triangle;
  // activation
  table.activation = activation;
  table.activation_backward = activation_backward;
  // loss_pointwise
  table.pointwise_loss = pointwise_loss;
  table.pointwise_loss_sums = pointwise_loss_sums;
  table.pointwise_loss_backward = pointwise_loss_backward;
  // softmax
  table.softmax = softmax;
  table.softmax_backward = softmax_backward;
  // loss
  table.cross_entropy = cross_entropy;
  table.cross_entropy_backward = cross_entropy_backward;
  table.nll_loss = nll_loss;
  table.nll_loss_backward = nll_loss_backward;
  table.label_total = label_total;
  table.checked_labels = checked_labels;
  // attention
  table.attention = attention;
  table.attention_backward = attention_backward;
  // norm
  table.layer_norm = layer_norm;
  table.layer_norm_backward = layer_norm_backward;
  table.group_norm = group_norm;
  table.group_norm_backward = group_norm_backward;
  table.batch_statistics = batch_statistics;
  table.batch_normalize = batch_normalize;
  table.batch_norm_backward = batch_norm_backward;
  // recurrent
  table.recurrent_step = recurrent_step;
  table.recurrent_step_backward = recurrent_step_backward;
  // indexing
  table.take = take;
  table.add_positions = add_positions;
  table.nonzero = nonzero;
  // scatter
  table.put = put;
  // joining
  table.join = join;
  // random
  table.draw = draw;
  table.draw_integers = draw_integers;
  table.poisson = poisson;
  // optim
  table.optimize = optimize;
  // matmul
  table.matmul = matmul;
  table.set_allow_tf32 = set_allow_tf32;
  // conv
  table.convolution = convolution;
  table.convolution_input = convolution_input;
  table.convolution_weight = convolution_weight;
  table.unfold = unfold;
  table.fold = fold;
  // pool
  table.max_pool = max_pool;
  table.max_pool_places = max_pool_places;
  table.max_pool_backward = max_pool_backward;
  table.avg_pool = avg_pool;
  table.avg_pool_backward = avg_pool_backward;
  return table;
}

const Accelerator table = made();
[[maybe_unused]] const bool is_registered = (register_accelerator(&table), true);

}  // namespace
}  // namespace fastgrad::cuda
