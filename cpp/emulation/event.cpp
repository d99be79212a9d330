#include <algorithm>

#include "emulation/api.h"
#include "emulation/stream.h"

namespace fastgrad::emulation {
namespace {

std::vector<cudaEvent_t>& events() {
  static auto& alive = *new std::vector<cudaEvent_t>;
  return alive;
}

// A recording in a graph has no state that could be asked for.
cudaError_t check_captured(const CUevent_st& event) {
  if (event.record == nullptr || event.record->capture == nullptr) return cudaSuccess;
  return invalidate(*event.record->capture, cudaErrorCapturedEvent);
}

bool is_pending(const CUevent_st& event) { return event.record != nullptr && !event.record->done; }

cudaError_t finish_event(const CUevent_st& event) {
  if (!is_pending(event)) return cudaSuccess;
  return finish(*event.record->stream, event.record->sequence);
}

cudaError_t record_event(CUevent_st& event, CUstream_st& stream) {
  auto record = std::make_shared<Record>();
  record->stream = &stream;
  if (stream.capture != nullptr) {
    record->capture = stream.capture;
    record->after = stream.after;
    event.record = std::move(record);
    return cudaSuccess;
  }
  if (const cudaError_t error = submit(stream, {.records = record}); error != cudaSuccess) return error;
  record->sequence = stream.queue.back().sequence;
  event.record = std::move(record);
  return cudaSuccess;
}

cudaError_t wait_for_event(CUstream_st& stream, const CUevent_st& event) {
  if (event.record == nullptr) return cudaSuccess;
  if (event.record->capture != nullptr) return join_capture(stream, *event.record);
  if (stream.capture != nullptr) return invalidate(*stream.capture, cudaErrorStreamCaptureIsolation);
  return submit(stream, {.waits_for = event.record});
}

}  // namespace

cudaEvent_t find_event(cudaEvent_t handle) {
  const auto found = std::find(events().begin(), events().end(), handle);
  return found == events().end() ? nullptr : *found;
}

}  // namespace fastgrad::emulation

using namespace fastgrad::emulation;

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return api([&] {
    if (flags > (cudaEventBlockingSync | cudaEventDisableTiming)) return cudaErrorInvalidValue;
    *event = new CUevent_st{&device(), (flags & cudaEventDisableTiming) == 0, nullptr};
    events().push_back(*event);
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t handle) {
  return api([&] {
    if (find_event(handle) == nullptr) return cudaErrorInvalidResourceHandle;
    std::erase(events(), handle);
    delete handle;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream_handle) {
  return api([&] {
    CUstream_st* const stream = find_stream(stream_handle);
    CUevent_st* const event = find_event(handle);
    if (stream == nullptr || event == nullptr || event->device != stream->device) return cudaErrorInvalidResourceHandle;
    return record_event(*event, *stream);
  });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream_handle, cudaEvent_t handle, unsigned flags) {
  return api([&] {
    CUstream_st* const stream = find_stream(stream_handle);
    const CUevent_st* const event = find_event(handle);
    if (stream == nullptr || event == nullptr) return cudaErrorInvalidResourceHandle;
    return flags == 0 ? wait_for_event(*stream, *event) : cudaErrorInvalidValue;
  });
}

// As for a stream, the first answer is "not ready".
cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return api([&] {
    const CUevent_st* const event = find_event(handle);
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t error = check_captured(*event); error != cudaSuccess) return error;
    if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
    if (!is_pending(*event)) return cudaSuccess;
    const cudaError_t error = finish_event(*event);
    return error == cudaSuccess ? cudaErrorNotReady : error;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return api([&] {
    const CUevent_st* const event = find_event(handle);
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t error = check_captured(*event); error != cudaSuccess) return error;
    return finish_event(*event);
  });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start_handle, cudaEvent_t end_handle) {
  return api([&] {
    const CUevent_st *const start = find_event(start_handle), *const end = find_event(end_handle);
    for (const CUevent_st* event : {start, end}) {
      if (event == nullptr || !event->timed || event->record == nullptr) return cudaErrorInvalidResourceHandle;
      if (const cudaError_t error = check_captured(*event); error != cudaSuccess) return error;
    }
    if (is_pending(*start) || is_pending(*end)) return cudaErrorNotReady;
    *milliseconds = std::chrono::duration<float, std::milli>(end->record->time - start->record->time).count();
    return cudaSuccess;
  });
}
