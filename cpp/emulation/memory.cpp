// Memory of the devices, and pinned memory of the host.
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "emulation/api.h"
#include "emulation/device.h"
#include "emulation/sanitizer.h"
#include "emulation/stream.h"

namespace fastgrad::emulation {
namespace {

constexpr std::size_t unit = 256, red_zone = address_sanitizer ? unit : 0;
constexpr std::size_t huge_page = std::size_t{2} << 20;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

std::map<std::uintptr_t, std::size_t>& pinned() {
  static auto& blocks = *new std::map<std::uintptr_t, std::size_t>;
  return blocks;
}

}  // namespace

Arena::Arena(std::size_t capacity) : capacity_(round_up(capacity, huge_page)), available_(capacity_) {
  void* base = mmap(nullptr, capacity_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  madvise(base, capacity_, MADV_HUGEPAGE);
#endif
  base_ = static_cast<char*>(base);
  if (capacity_ > 0) free_[0] = capacity_;
}

// Takes the first range that is large enough. The sanitizer is shown what was asked for, to the byte.
void* Arena::allocate(std::size_t bytes) {
  if (bytes > capacity_) return nullptr;
  const std::size_t taken = round_up(bytes, unit) + red_zone;
  const auto fit = std::find_if(free_.begin(), free_.end(), [&](const auto& range) { return range.second >= taken; });
  if (fit == free_.end()) return nullptr;
  const auto [begin, size] = *fit;
  free_.erase(fit);
  if (size > taken) free_[begin + taken] = size - taken;
  used_[begin] = {bytes, taken};
  available_ -= taken;
  reach(begin + taken);
  unpoison(base_ + begin, bytes);
  return base_ + begin;
}

void Arena::reach(std::size_t end) {
  const std::size_t reached = std::max(reached_, round_up(end, huge_page));
  poison(base_ + reached_, reached - reached_);
  reached_ = reached;
}

bool Arena::release(void* memory) {
  const auto found = contains(memory) ? used_.find(static_cast<char*>(memory) - base_) : used_.end();
  if (found == used_.end()) return false;
  const auto [begin, allocation] = *found;
  used_.erase(found);
  poison(memory, allocation.taken);
  available_ += allocation.taken;
  add_free(begin, allocation.taken);
  return true;
}

void Arena::add_free(std::size_t begin, std::size_t bytes) {
  auto next = free_.lower_bound(begin);
  if (next != free_.end() && begin + bytes == next->first) {
    bytes += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second == begin) {
      previous->second += bytes;
      return;
    }
  }
  free_[begin] = bytes;
}

bool Arena::contains(const void* p) const {
  const auto address = reinterpret_cast<std::uintptr_t>(p), base = reinterpret_cast<std::uintptr_t>(base_);
  return address - base < capacity_;
}

bool Arena::holds(const void* p, std::size_t bytes) const {
  const std::size_t begin = static_cast<std::size_t>(static_cast<const char*>(p) - base_);
  auto after = used_.upper_bound(begin);
  if (after == used_.begin()) return false;
  const auto& [start, allocation] = *std::prev(after);
  return begin - start <= allocation.asked && bytes <= allocation.asked - (begin - start);
}

void Arena::set_open(bool open) {
  if (reached_ > 0) mprotect(base_, reached_, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

bool is_pinned(const void* p, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  auto after = pinned().upper_bound(address);
  if (after == pinned().begin()) return false;
  const auto& [begin, size] = *std::prev(after);
  return address - begin <= size && bytes <= size - (address - begin);
}

}  // namespace fastgrad::emulation

using namespace fastgrad::emulation;

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return api([&] {
    *free = device().arena.available();
    *total = device().arena.capacity();
    return cudaSuccess;
  });
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  return api([&] {
    if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
    *memory = bytes == 0 ? nullptr : device().arena.allocate(bytes);
    return *memory != nullptr || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation;
  });
}

cudaError_t cudaFree(void* memory) {
  return api([&] {
    if (memory == nullptr) return cudaSuccess;
    if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
    Device* owner = owner_of(memory);
    if (owner == nullptr) return cudaErrorInvalidValue;
    const cudaError_t error = finish_device(*owner);
    if (!owner->arena.release(memory)) return cudaErrorInvalidValue;
    return error;
  });
}

cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned flags) {
  return api([&] {
    if (flags > (cudaHostAllocPortable | cudaHostAllocMapped | cudaHostAllocWriteCombined))
      return cudaErrorInvalidValue;
    if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
    *memory = nullptr;
    if (bytes == 0) return cudaSuccess;
    *memory = std::aligned_alloc(4096, round_up(bytes, 4096));
    if (*memory == nullptr) return cudaErrorMemoryAllocation;
    pinned()[reinterpret_cast<std::uintptr_t>(*memory)] = bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return cudaHostAlloc(memory, bytes, cudaHostAllocDefault);
}

// All devices may use pinned memory.
cudaError_t cudaFreeHost(void* memory) {
  return api([&] {
    if (memory == nullptr) return cudaSuccess;
    if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
    const auto found = pinned().find(reinterpret_cast<std::uintptr_t>(memory));
    if (found == pinned().end()) return cudaErrorInvalidValue;
    cudaError_t error = cudaSuccess;
    for (auto& each : devices()) {
      if (const cudaError_t failure = finish_device(*each); failure != cudaSuccess) error = failure;
    }
    pinned().erase(found);
    std::free(memory);
    return error;
  });
}

cudaError_t cudaHostGetDevicePointer(void** device_pointer, void* memory, unsigned flags) {
  return api([&] {
    if (flags != 0 || !is_pinned(memory, 1)) return cudaErrorInvalidValue;
    *device_pointer = memory;
    return cudaSuccess;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return api([&] {
    void* const p = const_cast<void*>(pointer);
    if (const Device* owner = owner_of(p); owner != nullptr && owner->arena.holds(p, 1)) {
      *attributes = {cudaMemoryTypeDevice, owner->index, p, nullptr};
    } else if (is_pinned(p, 1)) {
      *attributes = {cudaMemoryTypeHost, device_index(), p, p};
    } else {
      *attributes = {cudaMemoryTypeUnregistered, -2, nullptr, p};
    }
    return cudaSuccess;
  });
}
