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
  // indexing
  table.take = take;
  table.add_positions = add_positions;
  table.nonzero = nonzero;
  // scatter
  table.put = put;
  // joining
  table.join = join;
  // diagonal
  table.keep_triangle = keep_triangle;
  // random
  table.draw = draw;
  table.draw_integers = draw_integers;
  table.poisson = poisson;
  // optim
  table.optimize = optimize;
  return table;
}

const Accelerator table = made();
[[maybe_unused]] const bool is_registered = (register_accelerator(&table), true);

}  // namespace
}  // namespace fastgrad::cuda
