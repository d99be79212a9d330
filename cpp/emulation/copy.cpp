// Copies and fills.
#include <cstring>

#include "emulation/api.h"
#include "emulation/stream.h"

namespace fastgrad::emulation {
namespace {

// Rows of `width` bytes.
struct Copy {
  char* to;
  std::size_t to_pitch;
  const char* from;
  std::size_t from_pitch, width, height;

  bool is_empty() const { return width == 0 || height == 0; }
  void run() const {
    for (std::size_t row = 0; row < height; ++row) std::memcpy(to + row * to_pitch, from + row * from_pitch, width);
  }
};

// Where one end of a copy lies.
struct Place {
  bool valid = true, pageable = false;
  Device* device = nullptr;

  unsigned bits() const { return device == nullptr ? 0 : 1U << device->index; }
};

Place find_place(const void* p, std::size_t bytes) {
  Place place;
  place.device = owner_of(p);
  if (place.device != nullptr) {
    place.valid = place.device->arena.holds(p, bytes);
  } else {
    place.pageable = !is_pinned(p, bytes);
  }
  return place;
}

bool matches(cudaMemcpyKind kind, const Place& to, const Place& from) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind == cudaMemcpyDefault) return true;
  // Devices may use pinned memory as their own.
  return (to_device ? !to.pageable : to.device == nullptr) && (from_device ? !from.pageable : from.device == nullptr);
}

// The same copy from a copy of its source, which the caller may then change.
Action from_snapshot(Copy copy) {
  std::vector<char> snapshot(copy.width * copy.height);
  Copy{snapshot.data(), copy.width, copy.from, copy.from_pitch, copy.width, copy.height}.run();
  return [copy, snapshot = std::move(snapshot)]() mutable {
    copy.from = snapshot.data();
    copy.from_pitch = copy.width;
    copy.run();
    return cudaSuccess;
  };
}

// With pageable memory the host waits, or the source is copied at once; a graph remembers the address.
cudaError_t submit_copy(CUstream_st& stream, const Copy& copy, cudaMemcpyKind kind, bool blocking) {
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  if (copy.is_empty()) return cudaSuccess;
  if (copy.height > 1 && (copy.to_pitch < copy.width || copy.from_pitch < copy.width))
    return cudaErrorInvalidPitchValue;
  const Place to = find_place(copy.to, (copy.height - 1) * copy.to_pitch + copy.width);
  const Place from = find_place(copy.from, (copy.height - 1) * copy.from_pitch + copy.width);
  if (!to.valid || !from.valid || !matches(kind, to, from)) return cudaErrorInvalidValue;
  const bool captured = stream.capture != nullptr;
  const bool snapshot = !captured && from.pageable && to.device != nullptr;
  Action run = snapshot ? from_snapshot(copy) : Action([copy] { return copy.run(), cudaSuccess; });
  const cudaError_t error = submit(stream, {.devices = to.bits() | from.bits(), .run = std::move(run)});
  if (error != cudaSuccess || captured) return error;
  const bool host_waits = to.pageable || (from.pageable && to.device == nullptr);
  const bool host_takes_part = to.device == nullptr || from.device == nullptr;
  return host_waits || (blocking && host_takes_part) ? finish(stream) : cudaSuccess;
}

cudaError_t copy_async(const Copy& copy, cudaMemcpyKind kind, cudaStream_t handle) {
  return api([&] {
    CUstream_st* const stream = find_stream(handle);
    return stream == nullptr ? cudaErrorInvalidResourceHandle : submit_copy(*stream, copy, kind, false);
  });
}

Copy plain_copy(void* to, const void* from, std::size_t bytes) {
  return {static_cast<char*>(to), bytes, static_cast<const char*>(from), bytes, bytes, 1};
}

}  // namespace
}  // namespace fastgrad::emulation

using namespace fastgrad::emulation;

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return api([&] {
    if (const cudaError_t error = check_unsafe_call(); error != cudaSuccess) return error;
    return submit_copy(*device().legacy_stream, plain_copy(to, from, bytes), kind, true);
  });
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_async(plain_copy(to, from, bytes), kind, stream);
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_async({static_cast<char*>(to), to_pitch, static_cast<const char*>(from), from_pitch, width, height}, kind,
                    stream);
}

cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, std::size_t bytes,
                                cudaStream_t stream) {
  for (const auto& [p, index] : {std::pair<const void*, int>{to, to_device}, {from, from_device}}) {
    const Device* owner = owner_of(p);
    if (bytes > 0 && (owner == nullptr || owner->index != index)) return note_error(cudaErrorInvalidValue);
  }
  return copy_async(plain_copy(to, from, bytes), cudaMemcpyDeviceToDevice, stream);
}

cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) { return cudaMemsetAsync(memory, value, bytes); }

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t handle) {
  return api([&] {
    CUstream_st* const stream = find_stream(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (bytes == 0) return cudaSuccess;
    const Place place = find_place(memory, bytes);
    if (!place.valid || place.pageable) return cudaErrorInvalidValue;
    const auto fill = [=] { return std::memset(memory, value, bytes), cudaSuccess; };
    return submit(*stream, {.devices = place.bits(), .run = fill});
  });
}
