// What a build with CUDA adds: loading its objects registers the table.
#include "cuda/families.h"

namespace fastgrad::cuda {
namespace {

Accelerator made() {
  Accelerator table{};
  // runtime
  table.device_count = device_count;
  table.why_unavailable = why_unavailable;
  table.properties = properties;
  table.current_device = current_device;
  table.set_device = set_device;
  table.synchronize = synchronize;
  table.allocate = allocate;
  table.copy_bytes = copy_bytes;
  // conversion
  table.copy = copy;
  table.fill = fill;
  table.where = where;
  // unary, binary, ternary
  table.unary = unary;
  table.binary = binary;
  table.ternary = ternary;
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
  return table;
}

const Accelerator table = made();
[[maybe_unused]] const bool is_registered = (register_accelerator(&table), true);

}  // namespace
}  // namespace fastgrad::cuda
