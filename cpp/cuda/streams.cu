// Streams and events.
//
// Streams come from a small pool and are never destroyed, so that memory can be known by the stream that it was
// allocated on for as long as the process lives.
#include <algorithm>
#include <array>
#include <mutex>

#include "cuda/devices.h"
#include "cuda/families.h"
#include "cuda/launch.cuh"
#include "cuda/report.cuh"

namespace fastgrad::cuda {
namespace {

constexpr int streams_of_priority = 32, priorities = 4;

thread_local cudaStream_t current[max_devices];  // null: the default stream

cudaStream_t stream_of(Handle handle) { return reinterpret_cast<cudaStream_t>(handle); }
cudaEvent_t event_of(Handle handle) { return reinterpret_cast<cudaEvent_t>(handle); }

// Whether something is done, from what CUDA says of it.
bool is_done(cudaError_t status, const char* what) {
  if (status == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  check(status, what);
  return true;
}

class StreamPool {
 public:
  // Those of lower numbers go first; 0 is the lowest that there is.
  cudaStream_t next(int device, int priority) {
    int least = 0, greatest = 0;
    check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
    const int level = std::clamp(-priority, 0, std::min(priorities - 1, least - greatest));
    const std::lock_guard lock(mutex_);
    Ring& ring = rings_[device][level];
    cudaStream_t& stream = ring.streams[ring.next];
    if (stream == nullptr) {
      check(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, least - level), "cudaStreamCreate");
    }
    ring.next = (ring.next + 1) % streams_of_priority;
    return stream;
  }

 private:
  struct Ring {
    std::array<cudaStream_t, streams_of_priority> streams{};
    int next = 0;
  };
  std::mutex mutex_;
  Ring rings_[max_devices][priorities];
};

}  // namespace

cudaStream_t current_stream() { return current[working_device()]; }
Handle current_stream_of(int device) { return reinterpret_cast<Handle>(current[device]); }
void set_stream(int device, Handle stream) { current[device] = stream_of(stream); }

Handle new_stream(int device, int priority) {
  static StreamPool& pool = *new StreamPool;
  const DeviceGuard guard(Device{static_cast<std::int8_t>(device)});
  return reinterpret_cast<Handle>(pool.next(device, priority));
}

bool stream_is_done(int device, Handle stream) {
  const OnDevice here(device);
  return is_done(cudaStreamQuery(stream_of(stream)), "cudaStreamQuery");
}

void synchronize_stream(int device, Handle stream) {
  {
    const OnDevice here(device);
    const Wait wait;
    check(cudaStreamSynchronize(stream_of(stream)), "cudaStreamSynchronize");
  }
  raise_reported(device);
}

Handle new_event(int device, bool timing, bool blocking) {
  const OnDevice here(device);
  cudaEvent_t event = nullptr;
  const unsigned flags =
      (timing ? cudaEventDefault : cudaEventDisableTiming) | (blocking ? cudaEventBlockingSync : cudaEventDefault);
  check(cudaEventCreateWithFlags(&event, flags), "cudaEventCreate");
  return reinterpret_cast<Handle>(event);
}

void free_event(Handle event) { succeeded(cudaEventDestroy(event_of(event))); }

void record_event(Handle event, int device, Handle stream) {
  const OnDevice here(device);
  check(cudaEventRecord(event_of(event), stream_of(stream)), "cudaEventRecord");
}

void wait_event(int device, Handle stream, Handle event) {
  const OnDevice here(device);
  check(cudaStreamWaitEvent(stream_of(stream), event_of(event), 0), "cudaStreamWaitEvent");
}

bool event_is_done(Handle event) { return is_done(cudaEventQuery(event_of(event)), "cudaEventQuery"); }

void synchronize_event(int device, Handle event) {
  {
    const Wait wait;
    check(cudaEventSynchronize(event_of(event)), "cudaEventSynchronize");
  }
  raise_reported(device);
}

void put_stream_after(int waiting_device, Handle waiting, int first_device, Handle first) {
  const Handle event = new_event(first_device, false, false);
  record_event(event, first_device, first);
  wait_event(waiting_device, waiting, event);
  free_event(event);
}

void put_after(int device, Handle waiting, Handle first) { put_stream_after(device, waiting, device, first); }

double milliseconds_between(Handle start, Handle end) {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, event_of(start), event_of(end)),
        "cudaEventElapsedTime (both events must be recorded and done)");
  return static_cast<double>(milliseconds);
}

}  // namespace fastgrad::cuda
