// From one device to another.
#include <string>

#include "accelerator.h"
#include "ops/ops.h"
#include "ops/overlap.h"

namespace fastgrad::ops {
namespace {

// What the tensor's elements are when they lie in memory as `empty_in_order_of` would lay them.
Tensor in_order(const Tensor& x) {
  const DeviceGuard guard(x.device());
  Tensor out = empty_in_order_of(x, x.dtype);
  if (out.strides == x.strides) return x;
  copy_(out, x);
  return out;
}

}  // namespace

void check_cuda(Index index) {
  const Accelerator* const a = accelerator();
  const int count = a == nullptr ? 0 : a->device_count();
  const std::string name = index < 0 ? "cuda" : "cuda:" + std::to_string(index);
  if (count == 0) {
    fail("device '", name,
         "' is not available: ", a == nullptr ? "this fastgrad was built without CUDA" : a->why_unavailable(),
         "; use device='cpu'");
  }
  if (index >= count) {
    fail("CUDA error: invalid device ordinal: '", name, "' is not among the ", count,
         " CUDA devices, which are numbered from 0");
  }
}

Tensor to_device(const Tensor& x, Device device, bool non_blocking) {
  if (device == x.device()) return x;
  if (device.is_cuda()) check_cuda(device.index);
  const Tensor from = in_order(x);
  const DeviceGuard guard(device);
  Tensor out = empty_in_order_of(from, x.dtype);
  if (!x.device().is_cuda() && x.numel() == 1) {  // a number: no memory has to be read for it
    accelerator()->fill(out, x.raw());
    return out;
  }
  if (non_blocking && !device.is_cuda()) out.storage = accelerator()->allocate_pinned(out.storage->bytes);
  accelerator()->copy_bytes(out.address(), device, from.address(), from.device(),
                            static_cast<std::size_t>(x.numel()) * item_size(x.dtype), non_blocking);
  out.storage->version = 0;
  return out;
}

Tensor pinned(const Tensor& x) {
  if (x.device().is_cuda()) fail("cannot pin a tensor on ", x.device(), "; only CPU tensors can be pinned");
  check_cuda(-1);
  Tensor out = empty_in_order_of(x, x.dtype);
  out.storage = accelerator()->allocate_pinned(out.storage->bytes);
  copy_(out, x);
  out.storage->version = 0;
  return out;
}

void transfer_(const Tensor& to, const Tensor& from, bool non_blocking) {
  const DeviceGuard guard(to.device());
  if (to.device() == from.device()) return copy_(to, from);
  check_inplace("copy_", to);
  if (to.dtype == from.dtype && to.sizes == from.sizes && to.is_contiguous() && from.is_contiguous()) {
    accelerator()->copy_bytes(to.address(), to.device(), from.address(), from.device(),
                              static_cast<std::size_t>(to.numel()) * item_size(to.dtype), non_blocking);
    return bump_version(to);
  }
  copy_(to, to_device(from, to.device(), non_blocking && to.device().is_cuda()));  // the host reads what arrives
}

}  // namespace fastgrad::ops
