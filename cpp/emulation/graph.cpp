// Graphs: captured from streams, and run again.
//
// A graph runs in an order of its own, which keeps what streams and events demand but not the order of the calls, so
// that a dependency that was forgotten shows.
#include <algorithm>

#include "emulation/api.h"
#include "emulation/stream.h"

struct CUgraph_st {
  std::vector<CUgraphNode_st> nodes;
};

struct CUgraphExec_st {
  std::shared_ptr<const std::vector<CUgraphNode_st>> nodes;
};

namespace fastgrad::emulation {
namespace {

std::vector<std::shared_ptr<Capture>>& captures() {
  static auto& going_on = *new std::vector<std::shared_ptr<Capture>>;
  return going_on;
}

cudaStreamCaptureMode& thread_mode() {
  thread_local cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  return mode;
}

bool forbids_unsafe_calls(const Capture& capture) {
  if (thread_mode() == cudaStreamCaptureModeRelaxed || capture.mode == cudaStreamCaptureModeRelaxed) return false;
  if (capture.thread == std::this_thread::get_id()) return true;
  return thread_mode() == cudaStreamCaptureModeGlobal && capture.mode == cudaStreamCaptureModeGlobal;
}

// From the last node backwards, always first to what the node just placed waited for.
std::vector<CUgraphNode_st> ordered_nodes(std::vector<CUgraphNode_st> nodes, const std::vector<std::size_t>& last) {
  nodes.push_back({0, nullptr, last});  // the end of the capture, which comes after all
  std::vector<std::size_t> followers(nodes.size(), 0), next{nodes.size() - 1};
  for (const CUgraphNode_st& node : nodes) {
    for (std::size_t before : node.after) ++followers[before];
  }
  std::vector<CUgraphNode_st> order;
  while (!next.empty()) {
    CUgraphNode_st node = std::move(nodes[next.back()]);
    next.pop_back();
    for (std::size_t before : node.after) {
      if (--followers[before] == 0) next.push_back(before);
    }
    if (node.run) order.push_back(std::move(node));
  }
  std::reverse(order.begin(), order.end());
  return order;
}

void leave_capture(Capture& capture) {
  capture.ended = true;
  for (cudaStream_t stream : streams()) {
    if (stream->capture.get() == &capture) {
      stream->capture = nullptr;
      stream->after.clear();
    }
  }
  std::erase_if(captures(), [&](const auto& other) { return other.get() == &capture; });
}

cudaError_t end_capture(CUstream_st& stream, cudaGraph_t& graph) {
  graph = nullptr;
  const std::shared_ptr<Capture> capture = stream.capture;
  if (capture == nullptr) return cudaErrorIllegalState;
  if (capture->origin != &stream) return invalidate(*capture, cudaErrorStreamCaptureUnmatched);
  if (capture->mode != cudaStreamCaptureModeRelaxed && capture->thread != std::this_thread::get_id()) {
    return invalidate(*capture, cudaErrorStreamCaptureWrongThread);
  }
  const std::size_t count = capture->nodes.size();
  std::vector<CUgraphNode_st> nodes = ordered_nodes(std::move(capture->nodes), stream.after);
  leave_capture(*capture);
  if (!capture->valid) return cudaErrorStreamCaptureInvalidated;
  if (nodes.size() != count) return cudaErrorStreamCaptureUnjoined;
  graph = new CUgraph_st{std::move(nodes)};
  return cudaSuccess;
}

cudaStreamCaptureStatus status_of(const CUstream_st& stream) {
  if (stream.capture == nullptr) return cudaStreamCaptureStatusNone;
  return stream.capture->valid ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusInvalidated;
}

}  // namespace

cudaError_t invalidate(Capture& capture, cudaError_t error) {
  capture.valid = false;
  return error;
}

cudaError_t append_node(CUstream_st& stream, Work work) {
  Capture& capture = *stream.capture;
  if (!capture.valid) return cudaErrorStreamCaptureInvalidated;
  capture.nodes.push_back({work.devices, std::move(work.run), stream.after});
  stream.after = {capture.nodes.size() - 1};
  return cudaSuccess;
}

cudaError_t join_capture(CUstream_st& stream, const Record& record) {
  if (record.capture->ended) return cudaErrorCapturedEvent;
  if (!record.capture->valid) return cudaErrorStreamCaptureInvalidated;
  if (&stream == stream.device->legacy_stream) return invalidate(*record.capture, cudaErrorStreamCaptureImplicit);
  if (stream.capture == nullptr) stream.capture = record.capture;
  if (stream.capture != record.capture) {
    stream.capture->valid = false;
    return invalidate(*record.capture, cudaErrorStreamCaptureMerge);
  }
  for (std::size_t node : record.after) {
    if (std::find(stream.after.begin(), stream.after.end(), node) == stream.after.end()) stream.after.push_back(node);
  }
  return cudaSuccess;
}

cudaError_t check_unsafe_call() {
  cudaError_t error = cudaSuccess;
  for (auto& capture : captures()) {
    if (forbids_unsafe_calls(*capture)) error = invalidate(*capture, cudaErrorStreamCaptureUnsupported);
  }
  return error;
}

cudaError_t check_synchronization(const CUstream_st& stream) {
  if (stream.capture != nullptr) return invalidate(*stream.capture, cudaErrorStreamCaptureUnsupported);
  if (!legacy_would_join(stream)) return cudaSuccess;
  for (cudaStream_t other : streams()) {
    if (other->device == stream.device && other->blocking && other->capture != nullptr) other->capture->valid = false;
  }
  return cudaErrorStreamCaptureImplicit;
}

cudaError_t check_synchronization(const Device& device) {
  cudaError_t error = cudaSuccess;
  for (cudaStream_t stream : streams()) {
    if (stream->device != &device || stream->capture == nullptr) continue;
    error = invalidate(*stream->capture, cudaErrorStreamCaptureUnsupported);
  }
  return error;
}

}  // namespace fastgrad::emulation

using namespace fastgrad::emulation;

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  return api([&] {
    static unsigned long long next_id = 1;
    CUstream_st* const stream = find_stream(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (stream == stream->device->legacy_stream) return cudaErrorStreamCaptureUnsupported;
    if (stream->capture != nullptr) return cudaErrorIllegalState;
    stream->capture = std::make_shared<Capture>(Capture{next_id++, mode, std::this_thread::get_id(), stream});
    captures().push_back(stream->capture);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  return api([&] {
    CUstream_st* const stream = find_stream(handle);
    return stream == nullptr ? cudaErrorInvalidResourceHandle : end_capture(*stream, *graph);
  });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  return cudaStreamGetCaptureInfo(handle, status, nullptr);
}

cudaError_t cudaStreamGetCaptureInfo(cudaStream_t handle, cudaStreamCaptureStatus* status, unsigned long long* id) {
  return api([&] {
    const CUstream_st* const stream = find_stream(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    if (legacy_would_join(*stream)) return cudaErrorStreamCaptureImplicit;
    *status = status_of(*stream);
    if (id != nullptr && stream->capture != nullptr) *id = stream->capture->id;
    return cudaSuccess;
  });
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(thread_mode(), *mode);
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  return api([&] {
    if (graph == nullptr) return cudaErrorInvalidValue;
    if (nodes == nullptr) return *count = graph->nodes.size(), cudaSuccess;
    for (std::size_t i = 0; i < *count; ++i) nodes[i] = i < graph->nodes.size() ? &graph->nodes[i] : nullptr;
    *count = std::min(*count, graph->nodes.size());
    return cudaSuccess;
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return api([&] {
    if (graph == nullptr) return cudaErrorInvalidValue;
    delete graph;
    return cudaSuccess;
  });
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return api([&] {
    if (graph == nullptr) return cudaErrorInvalidValue;
    *exec = new CUgraphExec_st{std::make_shared<const std::vector<CUgraphNode_st>>(graph->nodes)};
    return cudaSuccess;
  });
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t handle) {
  return api([&] {
    CUstream_st* const stream = find_stream(handle);
    if (exec == nullptr) return cudaErrorInvalidValue;
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    const auto run = [nodes = exec->nodes] {
      for (const CUgraphNode_st& node : *nodes) {
        open_memory(node.devices);
        if (const cudaError_t error = node.run(); error != cudaSuccess) return error;
      }
      return cudaSuccess;
    };
    return submit(*stream, {.run = run});
  });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return api([&] {
    if (exec == nullptr) return cudaErrorInvalidValue;
    delete exec;
    return cudaSuccess;
  });
}
