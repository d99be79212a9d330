// _core.accelerator: what the Python layer asks of CUDA devices, their memory, streams, events and graphs.
#include "accelerator.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/data.h"
#include "bindings/dtype.h"
#include "bindings/exchange.h"
#include "bindings/function.h"
#include "bindings/functions.h"
#include "ops/ops.h"

namespace py = pybind11;

namespace fastgrad {
namespace {

PyObject* out_of_memory_error = nullptr;

const Accelerator& cuda() {
  if (accelerator() == nullptr) {
    PyErr_SetString(PyExc_AssertionError, "Torch not compiled with CUDA enabled");
    throw py::error_already_set();
  }
  return *accelerator();
}

// The same, for what needs a device: RuntimeError where there is none of that number.
const Accelerator& cuda_at(int device) {
  const Accelerator& all = cuda();
  ops::check_cuda(device);
  return all;
}

// A function of the table whose first argument is a device, as a Python function.
template <auto entry>
struct OfDevice;
template <class R, class... A, R (*Accelerator::*entry)(int, A...)>
struct OfDevice<entry> {
  static R call(int device, A... args) { return (cuda_at(device).*entry)(device, args...); }
};

// The same for any other function, which gets what a device gave.
template <auto entry>
struct OfHandle;
template <class R, class... A, R (*Accelerator::*entry)(A...)>
struct OfHandle<entry> {
  static R call(A... args) { return (cuda().*entry)(args...); }
};

py::dict properties(int device) {
  const DeviceProperties p = cuda_at(device).properties(device);
  py::dict all;
  all["name"] = p.name;
  all["major"] = p.major;
  all["minor"] = p.minor;
  all["total_memory"] = p.memory;
  all["multi_processor_count"] = p.multiprocessors;
  all["max_threads_per_multi_processor"] = p.threads_per_multiprocessor;
  all["warp_size"] = p.warp_size;
  all["L2_cache_size"] = p.l2_cache_bytes;
  return all;
}

py::tuple memory_use(int device) {
  const MemoryUse use = cuda_at(device).memory_use(device);
  return py::make_tuple(use.allocated, use.peak_allocated, use.reserved, use.peak_reserved);
}

const Tensor& tensor_of(const py::object& x) {
  Call call;
  return tensor_argument(x.ptr(), call);
}

bool is_pinned(const py::object& x) {
  const Tensor& t = tensor_of(x);
  return accelerator() != nullptr && !t.device().is_cuda() && accelerator()->is_pinned(t.storage->data);
}

void record_stream(const py::object& x, Handle stream) { cuda().record_stream(tensor_of(x).storage, stream); }

// A tensor on a device's memory that `owner` keeps alive.
py::object from_memory(int device, Handle address, const py::object& sizes, const py::object& strides,
                       const py::object& dtype, bool read_only, const py::object& owner) {
  cuda_at(device);
  const StorageRef storage = kept_memory(reinterpret_cast<void*>(address), owner.ptr());
  storage->device = Device{static_cast<std::int8_t>(device)};
  storage->read_only = read_only;
  const Dims shape = dims_argument(sizes.ptr());
  const Dims steps = strides.is_none() ? contiguous_strides(shape) : dims_argument(strides.ptr());
  return py::reinterpret_steal<py::object>(
      wrap(foreign_tensor("array", storage, shape, steps, dtype_from(dtype.ptr()))));
}

void add_devices(py::module_& m) {
  m.def("is_built", [] { return accelerator() != nullptr; }, "Whether this build knows CUDA.");
  m.def("device_count", [] { return accelerator() == nullptr ? 0 : accelerator()->device_count(); });
  m.def("current_device", [] { return cuda_at(-1).current_device(); });
  m.def("set_device", OfDevice<&Accelerator::set_device>::call);
  m.def("synchronize", OfDevice<&Accelerator::synchronize>::call);
  m.def("properties", properties);
  m.def("set_allow_tf32", [](bool allowed) {
    if (accelerator() != nullptr) accelerator()->set_allow_tf32(allowed);
  });
}

void add_memory(py::module_& m) {
  m.def("memory_use", memory_use, "Bytes by tensors, at most, reserved, at most.");
  m.def("free_and_total", OfDevice<&Accelerator::free_and_total>::call);
  m.def("reset_peaks", OfDevice<&Accelerator::reset_peaks>::call);
  m.def("limit_memory", OfDevice<&Accelerator::limit_memory>::call);
  m.def("empty_cache", [] { return cuda_at(-1).empty_cache(); });
  m.def("is_pinned", is_pinned);
  m.def("record_stream", record_stream);
  m.def("device_of_memory", [](Handle address) { return cuda_at(-1).device_of(reinterpret_cast<void*>(address)); });
  m.def("from_memory", from_memory);
}

void add_streams(py::module_& m) {
  m.def("new_stream", OfDevice<&Accelerator::new_stream>::call);
  m.def("current_stream", OfDevice<&Accelerator::current_stream>::call);
  m.def("set_stream", OfDevice<&Accelerator::set_stream>::call);
  m.def("stream_is_done", OfDevice<&Accelerator::stream_is_done>::call);
  m.def("synchronize_stream", OfDevice<&Accelerator::synchronize_stream>::call);
  m.def("new_event", OfDevice<&Accelerator::new_event>::call);
  m.def("free_event", OfHandle<&Accelerator::free_event>::call);
  m.def("record_event", OfHandle<&Accelerator::record_event>::call);
  m.def("wait_event", OfDevice<&Accelerator::wait_event>::call);
  m.def("event_is_done", OfHandle<&Accelerator::event_is_done>::call);
  m.def("synchronize_event", OfDevice<&Accelerator::synchronize_event>::call);
  m.def("put_after", OfDevice<&Accelerator::put_after>::call);
  m.def("milliseconds_between", OfHandle<&Accelerator::milliseconds_between>::call);
}

void add_graphs(py::module_& m) {
  m.def("new_pool", OfHandle<&Accelerator::new_pool>::call);
  m.def("begin_capture", [](int device, Handle stream, Handle pool, int mode) {
    return cuda_at(device).begin_capture(device, stream, pool, static_cast<CaptureMode>(mode));
  });
  m.def("end_capture", OfDevice<&Accelerator::end_capture>::call);
  m.def("is_capturing", OfDevice<&Accelerator::is_capturing>::call);
  m.def("replay", OfDevice<&Accelerator::replay>::call);
  m.def("free_graph", OfDevice<&Accelerator::free_graph>::call);
}

}  // namespace

PyObject* out_of_memory_type() { return out_of_memory_error; }

void add_accelerator(PyObject* module) {
  out_of_memory_error = PyErr_NewExceptionWithDoc("fastgrad.OutOfMemoryError", "A CUDA device has no memory left.",
                                                  PyExc_RuntimeError, nullptr);
  if (out_of_memory_error == nullptr) throw PythonError{};
  // Other Python threads run while this one waits for a device.
  set_wait_hooks({[]() -> void* { return PyGILState_Check() != 0 ? PyEval_SaveThread() : nullptr; },
                  [](void* state) {
                    if (state != nullptr) PyEval_RestoreThread(static_cast<PyThreadState*>(state));
                  }});
  py::module_ m = py::reinterpret_borrow<py::module_>(module).def_submodule(
      "accelerator", "CUDA devices by their numbers, streams, events and graphs by CUDA's addresses of them.");
  m.attr("OutOfMemoryError") = py::handle(out_of_memory_error);
  add_devices(m);
  add_memory(m);
  add_streams(m);
  add_graphs(m);
}

}  // namespace fastgrad
