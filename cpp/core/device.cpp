#include "core/device.h"

#include "accelerator.h"
#include "core/error.h"

namespace fastgrad {
namespace {

thread_local Device in_call, for_creation;

WaitHooks wait_hooks{[]() -> void* { return nullptr; }, [](void*) {}};

}  // namespace

std::ostream& operator<<(std::ostream& out, Device d) {
  if (!d.is_cuda()) return out << "cpu";
  return out << "cuda:" << static_cast<int>(d.index);
}

Device call_device() { return in_call; }

DeviceGuard::DeviceGuard(Device device) : before_(in_call) {
  in_call = device;
  if (!device.is_cuda()) return;
  current_before_ = accelerator()->current_device();
  if (current_before_ != device.index) accelerator()->set_device(device.index);
}

DeviceGuard::~DeviceGuard() {
  if (current_before_ >= 0 && current_before_ != in_call.index) accelerator()->set_device(current_before_);
  in_call = before_;
}

void set_wait_hooks(WaitHooks hooks) { wait_hooks = hooks; }

Wait::Wait() : begun_(wait_hooks.begin()) {}
Wait::~Wait() { wait_hooks.end(begun_); }

Device creation_device() { return for_creation; }
void set_creation_device(Device device) { for_creation = device; }

void fail_no_kernel() { throw NoKernel(); }

}  // namespace fastgrad
