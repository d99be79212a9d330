// Pinned host memory: blocks that are kept when they are freed, and reused once the copies that use them are done.
//
// Pinning pages costs milliseconds, so blocks are given back to the system only when it has no more.
#include <bit>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "cuda/allocator.h"
#include "cuda/devices.h"
#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/pinned.h"

namespace fastgrad::cuda {
namespace {

constexpr std::size_t smallest = 512, page = std::size_t{2} << 20;

struct Block {
  char* memory;
  std::size_t bytes;
  std::set<std::pair<int, cudaStream_t>> used_on;
  int events = 0;  // that it waits for
};

std::size_t block_bytes(std::size_t bytes) {
  if (bytes <= smallest) return smallest;
  return bytes < page ? std::bit_ceil(bytes) : (bytes + page - 1) / page * page;
}

class PinnedMemory {
 public:
  Block* take(std::size_t wanted) {
    const std::lock_guard lock(mutex_);
    const AllowInCapture allow;
    return_passed();
    const std::size_t bytes = block_bytes(wanted);
    if (std::vector<Block*>& blocks = free_[bytes]; !blocks.empty()) {
      Block* const block = blocks.back();
      blocks.pop_back();
      return block;
    }
    void* memory = nullptr;
    if (!succeeded(cudaHostAlloc(&memory, bytes, cudaHostAllocPortable))) {
      release_cached();
      check(cudaHostAlloc(&memory, bytes, cudaHostAllocPortable), "cudaHostAlloc (pinned memory)");
    }
    auto* const block = new Block{static_cast<char*>(memory), bytes, {}};
    by_address_[block->memory] = block;
    return block;
  }

  void give_back(Block* block) noexcept {
    const std::lock_guard lock(mutex_);
    const AllowInCapture allow;
    for (const auto& [device, stream] : std::exchange(block->used_on, {})) await(block, device, stream);
    if (block->events == 0) free_[block->bytes].push_back(block);
  }

  bool contains(const void* memory) {
    const std::lock_guard lock(mutex_);
    return block_of(memory) != nullptr;
  }

  void use_on(const void* memory, int device, cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    block_of(memory)->used_on.emplace(device, stream);
  }

 private:
  Block* block_of(const void* memory) const {
    auto after = by_address_.upper_bound(static_cast<const char*>(memory));
    if (after == by_address_.begin()) return nullptr;
    Block* const block = std::prev(after)->second;
    return static_cast<const char*>(memory) < block->memory + block->bytes ? block : nullptr;
  }

  // Where CUDA refuses, the process ends or the device is lost, and nothing copies any more.
  void await(Block* block, int device, cudaStream_t stream) {
    const OnDevice there(device);
    cudaEvent_t event = nullptr;
    if (!succeeded(cudaEventCreateWithFlags(&event, cudaEventDisableTiming))) return;
    if (succeeded(cudaEventRecord(event, stream))) {
      ++block->events;
      awaited_.emplace_back(event, block);
    } else {
      succeeded(cudaEventDestroy(event));
    }
  }

  void release_cached() {
    for (auto& [size, blocks] : free_) {
      for (Block* block : std::exchange(blocks, {})) {
        by_address_.erase(block->memory);
        check(cudaFreeHost(block->memory), "cudaFreeHost");
        delete block;
      }
    }
  }

  void return_passed() {
    while (!awaited_.empty() && cudaEventQuery(awaited_.front().first) != cudaErrorNotReady) {
      const auto [event, block] = awaited_.front();
      awaited_.pop_front();
      succeeded(cudaEventDestroy(event));
      if (--block->events == 0) free_[block->bytes].push_back(block);
    }
    cudaGetLastError();
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<Block*>> free_;
  std::map<const char*, Block*> by_address_;
  std::deque<std::pair<cudaEvent_t, Block*>> awaited_;
};

PinnedMemory& pinned_memory() {
  static PinnedMemory& all = *new PinnedMemory;  // never destroyed: storages may outlive static destructors
  return all;
}

void release_block(void* owner) {
  if (!is_forked_child()) pinned_memory().give_back(static_cast<Block*>(owner));
}

}  // namespace

StorageRef allocate_pinned(std::size_t bytes) {
  if (bytes == 0) return device_storage(nullptr, 0, [](void*) {}, nullptr, host_device);
  check_not_forked();
  Block* const block = pinned_memory().take(bytes);
  return device_storage(block->memory, bytes, release_block, block, host_device);
}

int device_of(const void* memory) {
  cudaPointerAttributes attributes;
  check(cudaPointerGetAttributes(&attributes, memory), "cudaPointerGetAttributes");
  const bool is_device = attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
  return is_device ? attributes.device : -1;
}

bool is_pinned(const void* memory) { return pinned_memory().contains(memory); }

void use_pinned(const void* memory, int device, cudaStream_t stream) { pinned_memory().use_on(memory, device, stream); }

}  // namespace fastgrad::cuda
