#include "core/buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <new>
#include <thread>

#include "accelerator.h"
#include "core/error.h"

namespace fastgrad {
namespace {

thread_local bool inference = false;

constexpr std::size_t header_bytes = 64;  // a Storage lies in front of its data, which stays aligned
static_assert(sizeof(Storage) <= header_bytes);
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t worth_asking = std::size_t{1} << 28;  // below this many bytes, no question about the limit

// Size classes: multiples of 64 up to 512 bytes, then four steps to each power of two (at most 25 % is wasted).
struct SizeClass {
  int index;
  std::size_t bytes;
};

SizeClass size_class(std::size_t bytes) {
  if (bytes <= 512) {
    const int step = static_cast<int>((bytes + 63) / 64);
    return {step, static_cast<std::size_t>(step) * 64};
  }
  const int log = std::bit_width(bytes - 1) - 1;  // 2^log < bytes <= 2^(log + 1)
  const std::size_t quarter = std::size_t{1} << (log - 2);
  const std::size_t steps = (bytes - (std::size_t{1} << log) + quarter - 1) / quarter;  // 1 to 4
  return {9 + (log - 9) * 4 + static_cast<int>(steps) - 1, (std::size_t{1} << log) + steps * quarter};
}

constexpr int class_count = 9 + (48 - 9) * 4;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool keep_blocks = false;  // so that the sanitizer sees every use after free
#else
constexpr bool keep_blocks = true;
#endif

// What the machine has, or what the process's control group may use of it. More is refused at once: systems that
// overcommit memory would hand it out, and kill the process when it is written.
std::size_t memory_limit() {
  static const std::size_t limit = [] {
    std::size_t bytes =
        static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
      std::size_t group;
      if (std::ifstream(path) >> group) bytes = std::min(bytes, group);
    }
    return bytes;
  }();
  return limit;
}

void* system_allocate(std::size_t bytes) {
  const bool large = bytes >= huge_page;
  void* block = nullptr;
  if (posix_memalign(&block, large ? huge_page : 64, bytes) != 0) return nullptr;
#ifdef MADV_HUGEPAGE
  if (large) madvise(block, bytes, MADV_HUGEPAGE);
#endif
  return block;
}

// A free block holds the link to the next one.
struct FreeBlock {
  FreeBlock* next;
};

// Held for a few instructions at a time, so waiting never pays for a system call.
class SpinLock {
 public:
  void lock() {
    while (busy_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  void unlock() { busy_.clear(std::memory_order_release); }

 private:
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

class BlockCache {
 public:
  void* take(SizeClass size) {
    std::lock_guard lock(mutex_);
    FreeBlock* block = free_[size.index];
    if (block == nullptr) return nullptr;
    free_[size.index] = block->next;
    cached_ -= size.bytes;
    return block;
  }

  // False when the cache is full: the caller frees the block.
  bool put(void* memory, SizeClass size) {
    std::lock_guard lock(mutex_);
    if (cached_ + size.bytes > capacity) return false;
    free_[size.index] = new (memory) FreeBlock{free_[size.index]};
    cached_ += size.bytes;
    return true;
  }

  std::size_t clear() {
    std::lock_guard lock(mutex_);
    for (FreeBlock*& head : free_) {
      while (head != nullptr) std::free(std::exchange(head, head->next));
    }
    return std::exchange(cached_, 0);
  }

 private:
  static constexpr std::size_t capacity = std::size_t{1} << 30;

  SpinLock mutex_;
  FreeBlock* free_[class_count] = {};
  std::size_t cached_ = 0;
};

BlockCache& cache() {
  static BlockCache* instance = new BlockCache;  // never destroyed: storages may outlive static destructors
  return *instance;
}

// The release of a storage on another storage's memory.
void release_storage(void* owner) { delete static_cast<StorageRef*>(owner); }

}  // namespace

void free_storage(Storage* storage) {
  if (storage->release != nullptr) storage->release(storage->owner);
  if (storage->block_bytes == 0) {
    delete storage;
    return;
  }
  const SizeClass size = size_class(storage->block_bytes);
  storage->~Storage();
  if (!keep_blocks || !cache().put(storage, size)) std::free(storage);
}

bool inference_mode() { return inference; }
void set_inference_mode(bool enabled) { inference = enabled; }

StorageRef allocate_storage(std::size_t bytes) {
  if (call_device().is_cuda()) [[unlikely]]
    return accelerator()->allocate(bytes, call_device());
  if (bytes > worth_asking && bytes > memory_limit()) {
    fail(ErrorKind::memory, "out of memory: cannot allocate ", bytes, " bytes, this machine has ", memory_limit(),
         "; use smaller tensors or a smaller batch");
  }
  const SizeClass size = size_class(bytes + header_bytes);
  void* block = keep_blocks ? cache().take(size) : nullptr;
  if (block == nullptr) block = system_allocate(keep_blocks ? size.bytes : bytes + header_bytes);
  if (block == nullptr && cache().clear() > 0) block = system_allocate(size.bytes);
  if (block == nullptr) {
    fail(ErrorKind::memory, "out of memory: could not allocate ", bytes,
         " bytes; use smaller tensors or a smaller batch, or free tensors you no longer need");
  }
  Storage* storage = new (block) Storage;
  storage->data = static_cast<char*>(block) + header_bytes;
  storage->bytes = bytes;
  storage->block_bytes = bytes + header_bytes;
  storage->inference = inference;
  return StorageRef(storage);
}

StorageRef foreign_storage(void* data, std::size_t bytes, void (*release)(void*), void* owner) {
  auto* storage = new Storage;
  storage->data = data;
  storage->bytes = bytes;
  storage->release = release;
  storage->owner = owner;
  storage->inference = inference;
  storage->resizable = false;
  return StorageRef(storage);
}

StorageRef device_storage(void* data, std::size_t bytes, void (*release)(void*), void* owner, Device device) {
  StorageRef storage = foreign_storage(data, bytes, release, owner);
  storage->device = device;
  storage->resizable = true;
  return storage;
}

StorageRef detached_storage(const StorageRef& storage) {
  // What a storage stands on, not the storage itself: chains of x.data = x.data would grow without end.
  const bool stands_on_another = storage->release == release_storage;
  auto* keeper = new StorageRef(stands_on_another ? *static_cast<StorageRef*>(storage->owner) : storage);
  StorageRef twin = foreign_storage(storage->data, storage->bytes, release_storage, keeper);
  twin->read_only = storage->read_only;
  twin->device = storage->device;
  twin->resizable = true;
  twin->inference = storage->inference;
  return twin;
}

const Storage& underlying(const Storage& storage) {
  const Storage* at = &storage;
  while (at->release == release_storage) at = static_cast<const StorageRef*>(at->owner)->get();
  return *at;
}

void grow_storage(const StorageRef& storage, std::size_t bytes) {
  if (!storage->resizable)
    fail("Trying to resize storage that is not resizable: it is shared with another library; clone() it");
  const DeviceGuard guard(storage->device);
  StorageRef larger = allocate_storage(bytes);
  if (storage->device.is_cuda()) {
    accelerator()->copy_bytes(larger->data, storage->device, storage->data, storage->device, storage->bytes, false);
  } else if (storage->bytes > 0)
    std::memcpy(larger->data, storage->data, storage->bytes);
  storage->data = larger->data;
  storage->bytes = bytes;
  if (storage->release != nullptr) storage->release(storage->owner);
  storage->release = release_storage;
  storage->owner = new StorageRef(std::move(larger));
}

std::size_t empty_memory_cache() { return cache().clear(); }

}  // namespace fastgrad
