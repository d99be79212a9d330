// The devices, and their memory.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "emulation/runtime_api.h"

namespace fastgrad::emulation {

// The memory of one device: a range of addresses that only running work can use, not the host.
class Arena {
 public:
  explicit Arena(std::size_t capacity);

  void* allocate(std::size_t bytes);  // null when there is no room
  bool release(void* memory);         // false for what `allocate` did not give
  bool contains(const void* p) const;
  // Whether the bytes lie in one allocation.
  bool holds(const void* p, std::size_t bytes) const;
  // Lets the memory be used, or not.
  void set_open(bool open);

  std::size_t capacity() const { return capacity_; }
  std::size_t available() const { return available_; }

 private:
  struct Allocation {
    std::size_t asked, taken;
  };

  void add_free(std::size_t begin, std::size_t bytes);
  void reach(std::size_t end);

  char* base_;
  std::size_t capacity_, available_;
  std::size_t reached_ = 0;  // beyond this nothing was ever allocated
  std::map<std::size_t, std::size_t> free_;
  std::map<std::size_t, Allocation> used_;
};

struct Device {
  explicit Device(int index, std::size_t memory) : index(index), arena(memory) {}

  int index;
  Arena arena;
  unsigned peers = 0;                 // the devices whose memory its kernels may use, as bits
  cudaError_t failure = cudaSuccess;  // after a kernel failed nothing works any more
  cudaStream_t legacy_stream = nullptr;

  unsigned reachable() const { return peers | 1U << index; }
};

std::vector<std::unique_ptr<Device>>& devices();
int& device_index();  // of this thread
inline Device& device() { return *devices()[static_cast<std::size_t>(device_index())]; }

// The device in whose memory p lies; null for the host's.
Device* owner_of(const void* p);
bool is_pinned(const void* p, std::size_t bytes);
// Opens the memory of these devices (as bits) and closes that of all others.
void open_memory(unsigned devices);

}  // namespace fastgrad::emulation
