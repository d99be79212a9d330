// Memory: reference-counted storage, cut from blocks that are kept and reused.
//
// A fresh page costs eighteen times a warm one (the kernel zeroes it), so freed blocks go to a cache by size
// class and large ones ask for huge pages.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/device.h"

namespace fastgrad {

// The shared memory behind tensors that are views of each other, and how often it was written in place.
struct Storage {
  std::atomic<std::int32_t> references{1};
  std::uint32_t version = 0;
  void* data = nullptr;
  std::size_t bytes = 0;
  // Foreign memory (a NumPy array, another storage): release(owner) when the last tensor goes. Null for our own.
  void (*release)(void* owner) = nullptr;
  void* owner = nullptr;
  bool read_only = false;
  std::size_t block_bytes = 0;  // of the block of memory that it lies at the front of; 0: none
  bool inference = false;       // made in inference mode: never part of a graph
  Device device;
  bool resizable = true;  // false: somebody else's memory
};

void free_storage(Storage* storage);

class StorageRef {
 public:
  StorageRef() = default;
  explicit StorageRef(Storage* adopted) : storage_(adopted) {}
  StorageRef(const StorageRef& other) : storage_(other.storage_) {
    if (storage_ != nullptr) storage_->references.fetch_add(1, std::memory_order_relaxed);
  }
  StorageRef(StorageRef&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  StorageRef& operator=(StorageRef other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  // Who holds the only reference need not tell others of its end: a plain look is cheaper than an atomic decrement.
  ~StorageRef() {
    if (storage_ == nullptr) return;
    if (storage_->references.load(std::memory_order_acquire) == 1 ||
        storage_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      free_storage(storage_);
    }
  }

  Storage* operator->() const { return storage_; }
  Storage* get() const { return storage_; }
  explicit operator bool() const { return storage_ != nullptr; }

 private:
  Storage* storage_ = nullptr;
};

// Uninitialised memory of the call's device, aligned to 64 bytes. Throws Error(memory) when there is none.
StorageRef allocate_storage(std::size_t bytes);
// Memory that somebody else owns.
StorageRef foreign_storage(void* data, std::size_t bytes, void (*release)(void*), void* owner);
// Memory that the accelerator manages, on one of its devices or the host.
StorageRef device_storage(void* data, std::size_t bytes, void (*release)(void*), void* owner, Device device);
// The same memory under a version counter of its own (`Tensor.data`).
StorageRef detached_storage(const StorageRef& storage);

// What the memory was allocated for: the storage itself, or the one that it stands on.
const Storage& underlying(const Storage& storage);

// Gives the storage more memory, with the old content at its front; views see the new memory too. RuntimeError where
// the memory is somebody else's.
void grow_storage(const StorageRef& storage, std::size_t bytes);
// Whether new memory of this thread is marked `inference`.
bool inference_mode();
void set_inference_mode(bool enabled);

// Gives cached blocks back to the system; returns how many bytes.
std::size_t empty_memory_cache();

}  // namespace fastgrad
