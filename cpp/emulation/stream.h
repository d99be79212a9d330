// Streams: queues of work that runs when the host waits for it, and not before, in an order that only streams, events
// and the legacy stream's rules decide.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "emulation/device.h"
#include "emulation/runtime_api.h"

namespace fastgrad::emulation {

using Action = std::function<cudaError_t()>;
struct Capture;

// One recording of an event: a place in a stream's queue, or in a graph.
struct Record {
  cudaStream_t stream = nullptr;
  std::uint64_t sequence = 0;
  bool done = false;
  std::chrono::steady_clock::time_point time;
  std::shared_ptr<Capture> capture;
  std::vector<std::size_t> after;  // the nodes of the graph that came last
};

struct Work {
  unsigned devices = 0;  // whose memory it uses, as bits
  Action run = nullptr;
  std::shared_ptr<Record> waits_for = nullptr, records = nullptr;
  std::uint64_t sequence = 0;  // calls are numbered over all streams
};

}  // namespace fastgrad::emulation

struct CUstream_st {
  fastgrad::emulation::Device* device;
  bool blocking;  // waits for the legacy stream, and that for it
  std::deque<fastgrad::emulation::Work> queue;
  std::shared_ptr<fastgrad::emulation::Capture> capture;
  std::vector<std::size_t> after;  // while it captures: the nodes that its next one comes after
};

struct CUevent_st {
  fastgrad::emulation::Device* device;
  bool timed;
  std::shared_ptr<fastgrad::emulation::Record> record;
};

struct CUgraphNode_st {
  unsigned devices;
  fastgrad::emulation::Action run;
  std::vector<std::size_t> after;
};

namespace fastgrad::emulation {

// A graph in the making.
struct Capture {
  unsigned long long id;
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  cudaStream_t origin;
  bool valid = true, ended = false;
  std::vector<CUgraphNode_st> nodes{};
};

cudaStream_t make_stream(Device& device, bool blocking);
// The stream that a handle means; null for one that is not alive.
cudaStream_t find_stream(cudaStream_t handle);
cudaEvent_t find_event(cudaEvent_t handle);

// Appends to the queue, or to the graph that the stream captures.
cudaError_t submit(CUstream_st& stream, Work work);
// Runs the stream's work up to a number (all: its end), and what that has to wait for; returns the device's failure.
constexpr std::uint64_t all = ~std::uint64_t{0};
cudaError_t finish(CUstream_st& stream, std::uint64_t sequence = all);
cudaError_t finish_device(Device& device);

cudaError_t append_node(CUstream_st& stream, Work work);
// Makes the stream wait for a recording in a graph, which it joins.
cudaError_t join_capture(CUstream_st& stream, const Record& record);
// An error where a capture forbids this thread a call that might synchronise.
cudaError_t check_unsafe_call();
// An error where the stream, or (legacy) one that it waits for, captures; the capture is lost.
cudaError_t check_synchronization(const CUstream_st& stream);
// The same for all streams of a device.
cudaError_t check_synchronization(const Device& device);
bool legacy_would_join(const CUstream_st& stream);
cudaError_t invalidate(Capture& capture, cudaError_t error);

std::vector<cudaStream_t>& streams();  // all that are alive

}  // namespace fastgrad::emulation
