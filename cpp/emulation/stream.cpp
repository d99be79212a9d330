#include "emulation/stream.h"

#include <algorithm>

#include "emulation/api.h"

namespace fastgrad::emulation {
namespace {

constexpr std::size_t queue_limit = 1024;  // a full queue makes room by running its oldest work

std::uint64_t next_sequence = 0;

bool is_legacy(const CUstream_st& stream) { return &stream == stream.device->legacy_stream; }

void drain(CUstream_st& stream, std::uint64_t sequence);

void run_what_comes_first(CUstream_st& stream, const Work& work) {
  if (is_legacy(stream)) {
    for (cudaStream_t other : streams()) {
      if (other != &stream && other->device == stream.device && other->blocking) drain(*other, work.sequence);
    }
  } else if (stream.blocking) {
    drain(*stream.device->legacy_stream, work.sequence);
  }
  if (work.waits_for != nullptr && !work.waits_for->done) drain(*work.waits_for->stream, work.waits_for->sequence);
}

void run(const Work& work, Device& device) {
  if (work.run && device.failure == cudaSuccess) {
    open_memory(work.devices);
    device.failure = work.run();
  }
  if (work.records != nullptr) {
    work.records->time = std::chrono::steady_clock::now();
    work.records->done = true;
  }
}

void drain(CUstream_st& stream, std::uint64_t sequence) {
  while (!stream.queue.empty() && stream.queue.front().sequence <= sequence) {
    run_what_comes_first(stream, stream.queue.front());
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    run(work, *stream.device);
  }
}

cudaError_t create_stream(cudaStream_t* stream, unsigned flags) {
  return api([&] {
    if (flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *stream = make_stream(device(), flags == cudaStreamDefault);
    return cudaSuccess;
  });
}

}  // namespace

std::vector<cudaStream_t>& streams() {
  static auto& alive = *new std::vector<cudaStream_t>;
  return alive;
}

cudaStream_t make_stream(Device& device, bool blocking) {
  streams().push_back(new CUstream_st{&device, blocking, {}, nullptr, {}});
  return streams().back();
}

cudaStream_t find_stream(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return device().legacy_stream;
  const auto found = std::find(streams().begin(), streams().end(), handle);
  return found == streams().end() ? nullptr : *found;
}

bool legacy_would_join(const CUstream_st& stream) {
  return is_legacy(stream) && std::any_of(streams().begin(), streams().end(), [&](cudaStream_t other) {
           return other->device == stream.device && other->blocking && other->capture != nullptr;
         });
}

cudaError_t submit(CUstream_st& stream, Work work) {
  if (stream.capture != nullptr) return append_node(stream, std::move(work));
  if (legacy_would_join(stream)) return check_synchronization(stream);
  work.sequence = next_sequence++;
  stream.queue.push_back(std::move(work));
  if (stream.queue.size() > queue_limit) return finish(stream, stream.queue.front().sequence);
  return cudaSuccess;
}

cudaError_t finish(CUstream_st& stream, std::uint64_t sequence) {
  drain(stream, sequence);
  open_memory(0);
  return stream.device->failure;
}

cudaError_t finish_device(Device& device) {
  for (cudaStream_t stream : streams()) {
    if (stream->device == &device) drain(*stream, all);
  }
  open_memory(0);
  return device.failure;
}

}  // namespace fastgrad::emulation

using namespace fastgrad::emulation;

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return create_stream(stream, cudaStreamDefault); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) { return create_stream(stream, flags); }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return create_stream(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  return api([&] {
    CUstream_st* const stream = find_stream(handle);
    if (stream == nullptr || stream == stream->device->legacy_stream) return cudaErrorInvalidResourceHandle;
    if (stream->capture != nullptr) return invalidate(*stream->capture, cudaErrorStreamCaptureUnsupported);
    const cudaError_t error = finish(*stream);
    std::erase(streams(), stream);
    delete stream;
    return error;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  return api([&] {
    CUstream_st* const stream = find_stream(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t error = check_synchronization(*stream); error != cudaSuccess) return error;
    return finish(*stream);
  });
}

// Work goes on between two questions: the first answer is "not ready".
cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return api([&] {
    CUstream_st* const stream = find_stream(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (const cudaError_t error = check_synchronization(*stream); error != cudaSuccess) return error;
    if (stream->queue.empty()) return cudaSuccess;
    const cudaError_t error = finish(*stream);
    return error == cudaSuccess ? cudaErrorNotReady : error;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return api([&] {
    if (const cudaError_t error = check_synchronization(device()); error != cudaSuccess) return error;
    return finish_device(device());
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t handle, cudaHostFn_t function, void* data) {
  return api([&] {
    CUstream_st* const stream = find_stream(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    const auto call = [function, data] {
      in_host_function() = true;
      function(data);
      in_host_function() = false;
      return cudaSuccess;
    };
    return submit(*stream, {.run = call});
  });
}
