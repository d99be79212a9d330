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
