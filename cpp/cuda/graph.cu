// Work that is captured once and replayed as a whole.
#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "cuda/allocator.h"
#include "cuda/devices.h"
#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/philox.cuh"

namespace fastgrad::cuda {
namespace {

constexpr cudaStreamCaptureMode modes[] = {cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal,
                                           cudaStreamCaptureModeRelaxed};

struct FreeStart {
  void operator()(Philox* start) const {
    const AllowInCapture allow;
    succeeded(cudaFree(start));
  }
};
// Where a replay begins, on the device. Not of the graph's pool, where it could lie in memory that the graph writes
// before.
using Start = std::unique_ptr<Philox, FreeStart>;

Start new_start() {
  const AllowInCapture allow;
  void* memory = nullptr;
  check(cudaMalloc(&memory, sizeof(Philox)), "cudaMalloc");
  return Start(static_cast<Philox*>(memory));
}

// What a graph takes from a generator.
struct Drawn {
  std::shared_ptr<Generator> generator;
  Start start;
  std::uint64_t count = 0;  // by which a replay moves the offset
};

struct Graph {
  cudaGraphExec_t executable;
  std::vector<Drawn> drawn;
};

struct Capture {
  cudaStream_t stream;  // on which it began
  unsigned long long id;
  std::vector<Drawn> drawn;
};

// What other streams, which join a capture, draw from is found by its number.
class Captures {
 public:
  void begin(cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    going_on_.push_back({stream, id_of(stream), {}});
    count_ = going_on_.size();
  }

  std::vector<Drawn> end(cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find(going_on_, stream, &Capture::stream);
    if (found == going_on_.end()) return {};
    std::vector<Drawn> drawn = std::move(found->drawn);
    going_on_.erase(found);
    count_ = going_on_.size();
    return drawn;
  }

  // Null unless the current stream is captured.
  std::optional<PhiloxStart> take(Generator& g, std::uint64_t count) {
    if (count_ == 0) [[likely]]
      return {};
    const std::lock_guard lock(mutex_);
    const auto capture = std::ranges::find(going_on_, id_of(current_stream()), &Capture::id);
    if (capture == going_on_.end()) return {};
    auto drawn = std::ranges::find(capture->drawn, &g, [](const Drawn& d) { return d.generator.get(); });
    if (drawn == capture->drawn.end()) {
      drawn = capture->drawn.insert(drawn, Drawn{g.shared_from_this(), new_start()});
    }
    return PhiloxStart{{0, std::exchange(drawn->count, drawn->count + count)}, drawn->start.get()};
  }

 private:
  // 0 where the stream is not captured.
  static unsigned long long id_of(cudaStream_t stream) {
    cudaStreamCaptureStatus status;
    unsigned long long id = 0;
    check(cudaStreamGetCaptureInfo(stream, &status, &id), "cudaStreamGetCaptureInfo");
    return status == cudaStreamCaptureStatusActive ? id : 0;
  }

  std::mutex mutex_;
  std::vector<Capture> going_on_;
  std::atomic<std::size_t> count_ = 0;
};

Captures& captures() {
  static Captures& all = *new Captures;
  return all;
}

__global__ void write_start(Philox* to, Philox from) { *to = from; }

// Tells a graph's kernels where the generator is, which goes on.
void draw_anew(const Drawn& drawn) {
  const std::lock_guard lock(drawn.generator->mutex());
  Philox& at = drawn.generator->philox();
  launch("replay", write_start, 1, 1, 0, drawn.start.get(), at);
  at.offset += drawn.count;
}

}  // namespace

PhiloxStart take(Generator& g, std::uint64_t count) {
  if (const std::optional<PhiloxStart> replayed = captures().take(g, count)) return *replayed;
  const Philox at = g.philox();
  g.philox().offset += count;
  return {at, nullptr};
}

Handle begin_capture(int device, Handle handle, Handle pool, CaptureMode mode) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  const auto stream = reinterpret_cast<cudaStream_t>(handle);
  check(cudaStreamBeginCapture(stream, modes[static_cast<int>(mode)]), "cudaStreamBeginCapture");
  captures().begin(stream);
  return begin_pool(device, pool, stream);
}

Handle end_capture(int device, Handle handle) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  const auto stream = reinterpret_cast<cudaStream_t>(handle);
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream, &graph);
  std::vector<Drawn> drawn = captures().end(stream);
  end_pool(device, stream);
  check(ended, "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t made = cudaGraphInstantiate(&executable, graph, 0);
  check(cudaGraphDestroy(graph), "cudaGraphDestroy");
  check(made, "cudaGraphInstantiate");
  return reinterpret_cast<Handle>(new Graph{executable, std::move(drawn)});
}

bool is_capturing(int device, Handle stream) {
  const OnDevice here(device);
  cudaStreamCaptureStatus status;
  check(cudaStreamIsCapturing(reinterpret_cast<cudaStream_t>(stream), &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

void replay(int device, Handle handle) {
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  const auto& graph = *reinterpret_cast<const Graph*>(handle);
  for (const Drawn& drawn : graph.drawn) draw_anew(drawn);
  check(cudaGraphLaunch(graph.executable, current_stream()), "cudaGraphLaunch");
}

void free_graph(int device, Handle handle, Handle pool) {
  const std::unique_ptr<const Graph> graph(reinterpret_cast<const Graph*>(handle));
  if (graph != nullptr) succeeded(cudaGraphExecDestroy(graph->executable));
  release_pool(device, pool);
}

}  // namespace fastgrad::cuda
