#include "bindings/function.h"

#include <pybind11/pybind11.h>

#include <bit>
#include <cstring>

#include "bindings/exchange.h"
#include "ops/ops.h"

namespace py = pybind11;

namespace fastgrad {

const Tensor& tensor_argument(PyObject* object, Call& call) {
  if (is_batched(object)) throw BatchedArgument();
  if (!is_tensor(object)) {
    fail(ErrorKind::type, "expected a Tensor, got ", Py_TYPE(object)->tp_name, "; make one with tensor(...)");
  }
  PyTensor* t = as_py_tensor(object);
  call.requires_grad = requires_grad(t) || call.requires_grad;
  call.dtypes |= 1U << static_cast<int>(t->tensor.dtype);
  call.devices |= 1U << (t->tensor.device().index + 1);
  call.elements += t->tensor.numel();
  return t->tensor;
}

Argument<const HostTensor&>::Argument(PyObject* o, Call&) {
  Call apart;  // it does not say where the call works
  host.tensor = tensor_argument(o, apart);
  if (host.tensor.device().is_cuda()) {
    fail("expected a tensor on the CPU for what says how many rows each step has, got one on ", host.tensor.device(),
         "; move it with .cpu()");
  }
}

Generator& generator_argument(PyObject* object) {
  if (object == Py_None) return default_generator();
  try {
    return py::cast<Generator&>(py::handle(object));
  } catch (const py::cast_error&) {
    fail(ErrorKind::type, "generator: expected a Generator, got ", Py_TYPE(object)->tp_name);
  }
}

Index index_of(PyObject* object) {
  if (PyLong_CheckExact(object)) {
    const long long value = PyLong_AsLongLong(object);
    if (value != -1 || !PyErr_Occurred()) return value;
    PyErr_Clear();
    fail("Overflow when unpacking long: the integer does not fit in 64 bits");
  }
  if (!PyIndex_Check(object)) fail(ErrorKind::type, "expected an integer, got ", Py_TYPE(object)->tp_name);
  PyObject* number = PyNumber_Index(object);
  if (number == nullptr) throw PythonError{};
  const long long value = PyLong_AsLongLong(number);
  Py_DECREF(number);
  if (value == -1 && PyErr_Occurred()) throw PythonError{};
  return value;
}

Dims dims_argument(PyObject* object) {
  if (PyIndex_Check(object)) return Dims{index_of(object)};
  if (!PyTuple_Check(object) && !PyList_Check(object)) {
    fail(ErrorKind::type, "expected an integer or a tuple of integers, got ", Py_TYPE(object)->tp_name);
  }
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(object);
  if (n > Dims::max_size) fail("a tensor can have at most ", Dims::max_size, " dimensions, got ", n);
  Dims dims(static_cast<int>(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    // __index__ may be the user's, and change the list.
    if (PySequence_Fast_GET_SIZE(object) != n) fail("the sizes changed while they were read");
    dims[static_cast<int>(i)] = index_of(PySequence_Fast_GET_ITEM(object, i));
  }
  return dims;
}

Argument<const std::vector<Tensor>&>::Argument(PyObject* o, Call& call) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) {
    fail(ErrorKind::type, "expected a tuple or list of Tensors, got ", Py_TYPE(o)->tp_name);
  }
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  tensors.reserve(static_cast<std::size_t>(n));
  for (Py_ssize_t i = 0; i < n; ++i) tensors.push_back(tensor_argument(PySequence_Fast_GET_ITEM(o, i), call));
}

Argument<const Operand&>::Argument(PyObject* o, Call& call) {
  if (is_tensor(o)) {
    operand.tensor = &tensor_argument(o, call);
  } else if (is_number(o)) {
    operand.scalar = scalar_from(o);
  } else if (PyObject_CheckBuffer(o) && !PyBytes_Check(o)) {  // an array of another library
    pinned = tensor_on_buffer(o);
  } else {
    fail(ErrorKind::type, "expected a Tensor or a number, got ", Py_TYPE(o)->tp_name);
  }
}

Argument<Index>::Argument(PyObject* o, Call&) : value(index_of(o)) {}

Argument<double>::Argument(PyObject* o, Call&) : value(PyFloat_AsDouble(o)) {
  if (value == -1.0 && PyErr_Occurred()) throw PythonError{};
}

Argument<bool>::Argument(PyObject* o, Call&) {
  const int truth = PyObject_IsTrue(o);
  if (truth < 0) throw PythonError{};
  value = truth != 0;
}

PyObject* wrap_result(Tensor&& t, const Call& call, Kind kind, PyObject* first_argument) {
  PyObject* out = wrap(std::move(t));
  PyTensor* made = as_py_tensor(out);
  if (kind == Kind::constant) return out;
  made->requires_grad = made->unrecorded = call.requires_grad && grad_enabled() && is_floating(made->tensor.dtype);
  if (kind == Kind::view && made->tensor.storage.get() == as_py_tensor(first_argument)->tensor.storage.get()) {
    set_base(out, first_argument);
  }
  return out;
}

PyObject* wrap_result(std::pair<Tensor, Tensor>&& pair, const Call& call, Kind kind, PyObject* first_argument) {
  PyObject* first = wrap_result(std::move(pair.first), call, kind, first_argument);
  PyObject* second = wrap_result(std::move(pair.second), call, Kind::constant, first_argument);
  PyObject* both = PyTuple_Pack(2, first, second);
  Py_DECREF(first);
  Py_DECREF(second);
  return both;
}

PyObject* wrap_result(std::tuple<Tensor, Tensor, Tensor>&& three, const Call& call, Kind kind,
                      PyObject* first_argument) {
  PyObject* parts[] = {wrap_result(std::move(std::get<0>(three)), call, kind, first_argument),
                       wrap_result(std::move(std::get<1>(three)), call, Kind::constant, first_argument),
                       wrap_result(std::move(std::get<2>(three)), call, Kind::constant, first_argument)};
  PyObject* all = PyTuple_Pack(3, parts[0], parts[1], parts[2]);
  for (PyObject* part : parts) Py_DECREF(part);
  return all;
}

PyObject* wrap_result(std::vector<Tensor>&& several, const Call& call, Kind kind, PyObject* first_argument) {
  py::tuple all(several.size());
  for (std::size_t i = 0; i < several.size(); ++i) {
    const Kind kind_of_part = i == 0 ? kind : Kind::constant;
    all[i] = py::reinterpret_steal<py::object>(wrap_result(std::move(several[i]), call, kind_of_part, first_argument));
  }
  return all.release().ptr();
}

namespace {

// The arguments of a call, 16-bit floats as float32.
class WideArguments {
 public:
  WideArguments(PyObject* const* args, Py_ssize_t count) {
    for (Py_ssize_t i = 0; i < count; ++i) args_.push_back(widened(args[i]));
    if (std::popcount(floats_) > 1) {
      fail(
          "expected floating-point tensors of one dtype, but they differ, and one is of 16 bits; convert them with "
          ".to(...)");
    }
  }

  PyObject* const* data() const { return reinterpret_cast<PyObject* const*>(args_.data()); }

  // Rounds what the operation changed in place.
  void write_back() const {
    for (const auto& [narrow, wide] : pairs_) {
      if (wide.storage->version != 0) ops::copy_(narrow, wide);
    }
  }

  py::object rounded(py::object result) const {
    if (PyTuple_Check(result.ptr())) {
      py::tuple parts(PyTuple_GET_SIZE(result.ptr()));
      for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = rounded(py::tuple(result)[i]);
      return parts;
    }
    if (dtype_given_ || !is_tensor(result.ptr())) return result;
    const PyTensor* wide = as_py_tensor(result.ptr());
    if (wide->tensor.dtype != DType::float32) return result;
    auto out = py::reinterpret_steal<py::object>(wrap(ops::cast(wide->tensor, half_)));
    as_py_tensor(out.ptr())->requires_grad = as_py_tensor(out.ptr())->unrecorded = wide->requires_grad;
    return out;
  }

 private:
  py::object widened(PyObject* arg) {
    if (is_tensor(arg)) return widened(as_py_tensor(arg), arg);
    dtype_given_ = dtype_given_ || is_dtype(arg);
    if (!PyTuple_Check(arg) && !PyList_Check(arg)) return py::reinterpret_borrow<py::object>(arg);
    py::list parts;
    for (const py::handle part : py::reinterpret_borrow<py::sequence>(arg)) parts.append(widened(part.ptr()));
    return parts;
  }

  py::object widened(PyTensor* t, PyObject* object) {
    const DType dtype = t->tensor.dtype;
    if (is_floating(dtype)) floats_ |= 1U << static_cast<int>(dtype);
    if (!is_half(dtype)) return py::reinterpret_borrow<py::object>(object);
    half_ = dtype;
    pairs_.emplace_back(t->tensor, ops::cast(t->tensor, DType::float32));
    auto wide = py::reinterpret_steal<py::object>(wrap(Tensor(pairs_.back().second)));
    as_py_tensor(wide.ptr())->requires_grad = requires_grad(t);
    return wide;
  }

  std::vector<py::object> args_;
  std::vector<std::pair<Tensor, Tensor>> pairs_;
  DType half_ = DType::float16;
  unsigned floats_ = 0;  // bit 1 << dtype
  bool dtype_given_ = false;
};

}  // namespace

namespace {

constexpr unsigned on_host_bit = 1;

[[noreturn]] void fail_mixed(unsigned devices) {
  const auto device = [](unsigned set) { return Device{static_cast<std::int8_t>(std::countr_zero(set) - 1)}; };
  fail("Expected all tensors to be on the same device, but found at least two devices, ",
       device(std::bit_floor(devices)), " and ", device(devices),
       "; move them to one with .to(...): only tensors without dimensions may stay on the cpu");
}

// The only CUDA device among those of a call's tensors.
Device cuda_device_of(unsigned devices) {
  const unsigned others = devices & ~on_host_bit;
  if (!std::has_single_bit(others)) fail_mixed(others);
  return {static_cast<std::int8_t>(std::countr_zero(others) - 1)};
}

py::object moved_to(Device device, PyTensor* t) {
  auto there = py::reinterpret_steal<py::object>(wrap(ops::to_device(t->tensor, device, false)));
  as_py_tensor(there.ptr())->requires_grad = requires_grad(t);
  return there;
}

// The arguments of a call on one device: those of another are brought there, to a CUDA device only the host's tensors
// without dimensions.
class ArgumentsOn {
 public:
  ArgumentsOn(Device device, unsigned devices, PyObject* const* args, Py_ssize_t count)
      : device_(device), devices_(devices) {
    for (Py_ssize_t i = 0; i < count; ++i) args_.push_back(moved(args[i]));
  }
  PyObject* const* data() const { return reinterpret_cast<PyObject* const*>(args_.data()); }

 private:
  py::object moved(PyObject* arg) {
    if (is_tensor(arg)) return moved(as_py_tensor(arg), arg);
    if (!PyTuple_Check(arg) && !PyList_Check(arg)) return py::reinterpret_borrow<py::object>(arg);
    py::list parts;
    for (const py::handle part : py::reinterpret_borrow<py::sequence>(arg)) parts.append(moved(part.ptr()));
    return parts;
  }

  py::object moved(PyTensor* t, PyObject* object) {
    if (t->tensor.device() == device_) return py::reinterpret_borrow<py::object>(object);
    if (device_.is_cuda() && t->tensor.dim() > 0) fail_mixed(devices_);
    return moved_to(device_, t);
  }

  Device device_;
  unsigned devices_;
  std::vector<py::object> args_;
};

// The results of a call on the host.
py::object brought_back(Device device, py::object result) {
  if (PyTuple_Check(result.ptr())) {
    py::tuple parts(PyTuple_GET_SIZE(result.ptr()));
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = brought_back(device, py::tuple(result)[i]);
    return parts;
  }
  if (!is_tensor(result.ptr())) return result;
  auto there = moved_to(device, as_py_tensor(result.ptr()));
  as_py_tensor(there.ptr())->unrecorded = as_py_tensor(result.ptr())->unrecorded;
  return there;
}

}  // namespace

bool creates_elsewhere() { return creation_device().is_cuda() && !call_device().is_cuda(); }

PyObject* on_device(PyObject* (*call)(PyObject* const*), PyObject* const* args, Py_ssize_t count, unsigned devices) {
  if (devices <= on_host_bit) {
    const DeviceGuard guard(creation_device());
    return call(args);
  }
  const Device device = cuda_device_of(devices);
  const DeviceGuard guard(device);
  if ((devices & on_host_bit) == 0) return call(args);
  const ArgumentsOn there(device, devices, args, count);
  PyObject* result = call(there.data());
  if (count == 0 || result != there.data()[0] || result == args[0]) return result;
  Py_DECREF(result);
  fail_mixed(devices);  // it would have changed a tensor of the host
}

PyObject* on_host(PyObject* (*call)(PyObject* const*), PyObject* const* args, Py_ssize_t count, unsigned devices) {
  const Device device = cuda_device_of(devices);
  const ArgumentsOn here(host_device, devices, args, count);
  auto result = py::reinterpret_steal<py::object>(call(here.data()));
  if (!result) throw PythonError{};
  return brought_back(device, std::move(result)).release().ptr();
}

PyObject* through_float32(PyObject* (*call)(PyObject* const*), PyObject* const* args, Py_ssize_t count) {
  const WideArguments wide(args, count);
  auto result = py::reinterpret_steal<py::object>(call(wide.data()));
  if (!result) throw PythonError{};
  wide.write_back();
  // An operation that works in place gives back its first argument.
  if (count > 0 && result.ptr() == wide.data()[0]) result = py::reinterpret_borrow<py::object>(args[0]);
  return wide.rounded(std::move(result)).release().ptr();
}

}  // namespace fastgrad
