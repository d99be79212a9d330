// The memory of a device: blocks cut from large segments, kept when they are freed, and reused in the order of streams.
//
// cudaMalloc and cudaFree make the host wait, so segments are kept. A block belongs to the stream on which it was
// allocated: what that stream has been given is done before what it is given later, so a freed block can be handed out
// again at once, though kernels that use it may not have run yet. Other streams that use it are named by record_stream;
// then it is free once events on them have passed. Neighbours that are free become one block again.
#include <algorithm>
#include <atomic>
#include <deque>
#include <iomanip>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <vector>

#include "cuda/allocator.h"
#include "cuda/devices.h"
#include "cuda/families.h"
#include "cuda/launch.cuh"

namespace fastgrad::cuda {
namespace {

constexpr std::size_t kilobyte = 1024, megabyte = 1024 * kilobyte;
constexpr std::size_t smallest_block = 512;
constexpr std::size_t largest_small = megabyte;  // blocks up to it come from small segments
constexpr std::size_t small_segment = 2 * megabyte;
constexpr std::size_t medium_block = 10 * megabyte;  // blocks from it on get a segment of their own
constexpr std::size_t medium_segment = 20 * megabyte;

std::size_t rounded(std::size_t bytes, std::size_t step) { return (bytes + step - 1) / step * step; }

std::size_t segment_bytes(std::size_t block) {
  if (block <= largest_small) return small_segment;
  return block < medium_block ? medium_segment : rounded(block, small_segment);
}

struct Group;

// A part of a segment, or all of it.
struct Block {
  char* memory;
  std::size_t bytes;
  cudaStream_t stream;
  int device;
  Group* group;
  bool is_small;
  bool is_free = false;
  Block* before = nullptr;  // its neighbours in the segment
  Block* after = nullptr;
  std::vector<cudaStream_t> used_on = {};  // other streams
  int events = 0;                          // that it waits for
};

struct BySize {
  using is_transparent = void;
  struct Wanted {
    cudaStream_t stream;
    std::size_t bytes;
  };
  bool operator()(const Block* a, const Block* b) const {
    if (a->stream != b->stream) return a->stream < b->stream;
    return a->bytes != b->bytes ? a->bytes < b->bytes : a->memory < b->memory;
  }
  bool operator()(const Block* a, const Wanted& b) const {
    return a->stream != b.stream ? a->stream < b.stream : a->bytes < b.bytes;
  }
};
using FreeBlocks = std::set<Block*, BySize>;

// Segments that share nothing with those of other groups: those of all ordinary tensors, or those of graphs.
struct Group {
  FreeBlocks free_small, free_large;
  int graphs = 0;
  int segments = 0;

  FreeBlocks& free_like(const Block& block) { return block.is_small ? free_small : free_large; }
};

struct Capture {
  cudaStream_t stream;
  unsigned long long id;
  Group* group;
};

std::string readable(std::size_t bytes) {
  constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB"};
  double amount = static_cast<double>(bytes);
  int unit = 0;
  for (; unit < 3 && amount >= 1024; ++unit) amount /= 1024;
  std::ostringstream text;
  text << std::fixed << std::setprecision(unit == 0 ? 0 : 2) << amount << ' ' << units[unit];
  return text.str();
}

class DeviceMemory {
 public:
  explicit DeviceMemory(int device) : device_(device) {}

  Block* take(std::size_t bytes, cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    const std::size_t wanted = rounded(bytes, smallest_block);
    Group* const group = group_for(stream);
    return_passed();
    Block* block = cached(*group, wanted, stream);
    if (block == nullptr) block = segment(*group, wanted, stream);
    if (block == nullptr && release_cached() > 0) block = segment(*group, wanted, stream);
    if (block == nullptr) fail_exhausted(bytes);
    cut(block, wanted);
    use_.allocated += block->bytes;
    use_.peak_allocated = std::max(use_.peak_allocated, use_.allocated);
    return block;
  }

  // Of a storage's end: nobody could catch what it throws.
  void give_back(Block* block) noexcept {
    const std::lock_guard lock(mutex_);
    use_.allocated -= block->bytes;
    if (block->used_on.empty()) {
      make_free(block);
    } else if (!captures_.empty()) {
      after_capture_.push_back(block);  // an event would become part of the graph
    } else {
      await_others(block);
    }
  }

  void use_on(Block* block, cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    if (stream == block->stream || std::ranges::count(block->used_on, stream) > 0) return;
    block->used_on.push_back(stream);
  }

  MemoryUse use() {
    const std::lock_guard lock(mutex_);
    return use_;
  }

  void reset_peaks() {
    const std::lock_guard lock(mutex_);
    use_.peak_allocated = use_.allocated;
    use_.peak_reserved = use_.reserved;
  }

  void limit(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    limit_ = bytes;
  }

  std::size_t empty_cache() {
    const OnDevice here(device_);
    const std::lock_guard lock(mutex_);
    return release_cached();
  }

  Handle begin_pool(Handle pool, cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    if (pool == 0) pool = new_pool();
    std::unique_ptr<Group>& group = of_graphs_[pool];
    if (group == nullptr) group = std::make_unique<Group>();
    ++group->graphs;
    cudaStreamCaptureStatus status;
    unsigned long long id = 0;
    check(cudaStreamGetCaptureInfo(stream, &status, &id), "cudaStreamGetCaptureInfo");
    captures_.push_back({stream, id, group.get()});
    return pool;
  }

  void end_pool(cudaStream_t stream) {
    const OnDevice here(device_);
    const std::lock_guard lock(mutex_);
    std::erase_if(captures_, [stream](const Capture& c) { return c.stream == stream; });
    if (!captures_.empty()) return;
    for (Block* block : std::exchange(after_capture_, {})) await_others(block);
  }

  void release_pool(Handle pool) {
    const std::lock_guard lock(mutex_);
    if (const auto found = of_graphs_.find(pool); found != of_graphs_.end()) --found->second->graphs;
  }

 private:
  Group* group_for(cudaStream_t stream) {
    if (captures_.empty()) [[likely]]
      return &common_;
    cudaStreamCaptureStatus status;
    unsigned long long id = 0;
    check(cudaStreamGetCaptureInfo(stream, &status, &id), "cudaStreamGetCaptureInfo");
    if (status != cudaStreamCaptureStatusActive) return &common_;
    const auto found = std::ranges::find(captures_, id, &Capture::id);
    return found == captures_.end() ? &common_ : found->group;
  }

  static Block* cached(Group& group, std::size_t bytes, cudaStream_t stream) {
    FreeBlocks& blocks = bytes <= largest_small ? group.free_small : group.free_large;
    const auto found = blocks.lower_bound(BySize::Wanted{stream, bytes});
    if (found == blocks.end() || (*found)->stream != stream) return nullptr;
    Block* const block = *found;
    blocks.erase(found);
    block->is_free = false;
    return block;
  }

  // Null where the device has no more.
  Block* segment(Group& group, std::size_t wanted, cudaStream_t stream) {
    const std::size_t bytes = segment_bytes(wanted);
    if (use_.reserved + bytes > limit_) return nullptr;
    void* memory = nullptr;
    const AllowInCapture allow;
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return nullptr;
    }
    check(status, "cudaMalloc");
    ++group.segments;
    use_.reserved += bytes;
    use_.peak_reserved = std::max(use_.peak_reserved, use_.reserved);
    return new Block{static_cast<char*>(memory), bytes, stream, device_, &group, wanted <= largest_small};
  }

  // Leaves `bytes` of the block and makes the rest a free one, if that is worth it.
  static void cut(Block* block, std::size_t bytes) {
    const std::size_t rest = block->bytes - bytes;
    if (rest < (block->is_small ? smallest_block : largest_small)) return;
    auto* const other =
        new Block{block->memory + bytes, rest, block->stream, block->device, block->group, block->is_small};
    other->before = block;
    other->after = block->after;
    if (other->after != nullptr) other->after->before = other;
    block->after = other;
    block->bytes = bytes;
    other->is_free = true;
    block->group->free_like(*other).insert(other);
  }

  // The second block becomes part of the first, its neighbour.
  static void merge(Block* first, Block* second) {
    first->bytes += second->bytes;
    first->after = second->after;
    if (first->after != nullptr) first->after->before = first;
    delete second;
  }

  static void make_free(Block* block) {
    FreeBlocks& blocks = block->group->free_like(*block);
    block->used_on.clear();
    if (Block* const after = block->after; after != nullptr && after->is_free) {
      blocks.erase(after);
      merge(block, after);
    }
    if (Block* const before = block->before; before != nullptr && before->is_free) {
      blocks.erase(before);
      merge(before, block);
      block = before;
    }
    block->is_free = true;
    blocks.insert(block);
  }

  // Puts an event on each of the streams that use the block. Where CUDA refuses, the process ends or the device is
  // lost, and nothing runs there any more.
  void await_others(Block* block) noexcept {
    const OnDevice here(device_);
    for (const cudaStream_t stream : block->used_on) {
      cudaEvent_t event = nullptr;
      if (!succeeded(cudaEventCreateWithFlags(&event, cudaEventDisableTiming))) continue;
      if (succeeded(cudaEventRecord(event, stream))) {
        ++block->events;
        awaited_.emplace_back(event, block);
      } else {
        succeeded(cudaEventDestroy(event));
      }
    }
    if (block->events == 0) make_free(block);
  }

  // Frees the blocks whose events have passed. Not while a graph is captured, when events must not be asked.
  void return_passed() {
    if (!captures_.empty()) return;
    while (!awaited_.empty() && cudaEventQuery(awaited_.front().first) != cudaErrorNotReady) pass_first();
    cudaGetLastError();
  }

  void pass_first() {
    const auto [event, block] = awaited_.front();
    awaited_.pop_front();
    succeeded(cudaEventDestroy(event));
    if (--block->events == 0) make_free(block);
  }

  // Gives CUDA back the segments that nothing lies in; returns how many bytes.
  std::size_t release_cached() {
    if (use_.reserved == 0 || !captures_.empty()) return 0;
    check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    while (!awaited_.empty()) pass_first();
    const std::size_t before = use_.reserved;
    release(common_);
    for (auto& [pool, group] : of_graphs_) {
      if (group->graphs == 0) release(*group);
    }
    std::erase_if(of_graphs_,
                  [](const auto& entry) { return entry.second->graphs == 0 && entry.second->segments == 0; });
    return before - use_.reserved;
  }

  void release(Group& group) {
    for (FreeBlocks* blocks : {&group.free_small, &group.free_large}) {
      std::erase_if(*blocks, [&](Block* block) {
        if (block->before != nullptr || block->after != nullptr) return false;
        check(cudaFree(block->memory), "cudaFree");
        use_.reserved -= block->bytes;
        --group.segments;
        delete block;
        return true;
      });
    }
  }

  [[noreturn]] void fail_exhausted(std::size_t bytes) {
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    std::ostringstream limit;
    if (limit_ != no_limit) limit << "; this process may use " << readable(limit_);
    fail(ErrorKind::device_memory, "CUDA out of memory. Tried to allocate ", readable(bytes), ". cuda:", device_,
         " has ", readable(free), " free of ", readable(total), "; tensors of this process hold ",
         readable(use_.allocated), ", and ", readable(use_.reserved - use_.allocated), " are cached", limit.str(),
         ". Use a smaller batch or smaller tensors, or free tensors you no longer need");
  }

  static constexpr std::size_t no_limit = ~std::size_t{0};

  const int device_;
  std::mutex mutex_;
  Group common_;
  std::map<Handle, std::unique_ptr<Group>> of_graphs_;
  std::vector<Capture> captures_;
  std::vector<Block*> after_capture_;
  std::deque<std::pair<cudaEvent_t, Block*>> awaited_;
  MemoryUse use_{};
  std::size_t limit_ = no_limit;
};

DeviceMemory& memory_of(int device) {
  // Never destroyed: storages may outlive static destructors.
  static std::vector<std::unique_ptr<DeviceMemory>>& all = *new auto([] {
    std::vector<std::unique_ptr<DeviceMemory>> made;
    for (int i = 0; i < device_count(); ++i) made.push_back(std::make_unique<DeviceMemory>(i));
    return made;
  }());
  return *all[static_cast<std::size_t>(device)];
}

void release_block(void* owner) {
  if (is_forked_child()) return;
  auto* const block = static_cast<Block*>(owner);
  memory_of(block->device).give_back(block);
}

}  // namespace

StorageRef allocate(std::size_t bytes, Device device) {
  if (bytes == 0) return device_storage(nullptr, 0, [](void*) {}, nullptr, device);
  const DeviceGuard guard(device);
  Block* const block = memory_of(device.index).take(bytes, current_stream());
  return device_storage(block->memory, bytes, release_block, block, device);
}

void record_stream(const StorageRef& storage, Handle stream) {
  const Storage& owner = underlying(*storage.get());
  if (owner.release != release_block) return;  // nothing, or another library's
  auto* const block = static_cast<Block*>(owner.owner);
  memory_of(block->device).use_on(block, reinterpret_cast<cudaStream_t>(stream));
}

std::pair<std::size_t, std::size_t> free_and_total(int device) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return {free, total};
}

MemoryUse memory_use(int device) { return memory_of(device).use(); }
void reset_peaks(int device) { memory_of(device).reset_peaks(); }
void limit_memory(int device, std::size_t bytes) { memory_of(device).limit(bytes); }

std::size_t empty_cache() {
  std::size_t bytes = 0;
  for (int i = 0; i < device_count(); ++i) bytes += memory_of(i).empty_cache();
  return bytes;
}

Handle new_pool() {
  static std::atomic<Handle> last = 0;
  return ++last;
}

Handle begin_pool(int device, Handle pool, cudaStream_t stream) { return memory_of(device).begin_pool(pool, stream); }
void end_pool(int device, cudaStream_t stream) { memory_of(device).end_pool(stream); }
void release_pool(int device, Handle pool) { memory_of(device).release_pool(pool); }

}  // namespace fastgrad::cuda
