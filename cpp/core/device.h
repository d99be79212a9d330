// Where memory lies, and where the operation that a thread is in works.
//
// A call works on one device, that of its tensors: what it allocates lies there. A thread that is in a call on a CUDA
// device must not touch its memory as if it were the host's: Tensor::data() and parallel_for() refuse.
#pragma once

#include <cstdint>
#include <ostream>

namespace fastgrad {

// The host, or a CUDA device by its number.
struct Device {
  std::int8_t index = -1;

  constexpr bool is_cuda() const { return index >= 0; }
  friend constexpr bool operator==(Device a, Device b) { return a.index == b.index; }
};

inline constexpr Device host_device{};

// "cpu" or "cuda:0".
std::ostream& operator<<(std::ostream& out, Device d);

// The device of the call that this thread is in; the host outside of calls.
Device call_device();

// Makes `device` that of the call until the end of the block; the host's, for what a call needs there.
class DeviceGuard {
 public:
  explicit DeviceGuard(Device device);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  Device before_;
  int current_before_ = -1;  // CUDA's own idea of the current device
};

// What a thread does around a wait for a device, so that other threads can run meanwhile: the bindings let go of
// Python's lock.
struct WaitHooks {
  void* (*begin)();
  void (*end)(void* begun);
};
void set_wait_hooks(WaitHooks hooks);

class Wait {
 public:
  Wait();
  ~Wait();
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

 private:
  void* begun_;
};

// Where this thread makes new tensors out of nothing.
Device creation_device();
void set_creation_device(Device device);

// NotImplementedError: host code met memory of a CUDA device. Whoever knows the operation's name adds it.
[[noreturn]] void fail_no_kernel();

}  // namespace fastgrad
