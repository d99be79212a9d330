// From a C++ function to a Python one, through the vector-call protocol: a bound operation costs tens of
// nanoseconds where pybind11's own dispatch costs hundreds. Arguments are positional; Python gives them names.
#pragma once

#include <Python.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/data.h"
#include "bindings/dtype.h"
#include "bindings/tensor_type.h"
#include "core/random.h"
#include "ops/promotion.h"

namespace fastgrad {

// What is learned about the arguments while they are converted.
struct Call {
  bool requires_grad = false;
  unsigned dtypes = 0;   // of the tensors: bit 1 << dtype
  unsigned devices = 0;  // of the tensors: bit 0 the host, bit 1 + i CUDA device i
  Index elements = 0;

  bool has_half() const {
    return (dtypes & (1U << static_cast<int>(DType::float16) | 1U << static_cast<int>(DType::bfloat16))) != 0;
  }
};

const Tensor& tensor_argument(PyObject* object, Call& call);
Generator& generator_argument(PyObject* object);
Dims dims_argument(PyObject* object);
PyObject* wrap_generator(Generator& g);

// Argument<T> converts one argument and keeps what it needs alive. get() is what the C++ function receives.
template <class T>
struct Argument;

template <>
struct Argument<const Tensor&> {
  const Tensor* tensor;
  std::optional<Tensor> pinned;
  Argument(PyObject* o, Call& call) : tensor(&tensor_argument(o, call)) {}
  // Before the GIL is released: another thread could change the Python object under us.
  void pin() { tensor = &pinned.emplace(*tensor); }
  const Tensor& get() { return *tensor; }
};

template <>
struct Argument<const std::optional<Tensor>&> {
  std::optional<Tensor> tensor;
  Argument(PyObject* o, Call& call) {
    if (o != Py_None) tensor = tensor_argument(o, call);
  }
  void pin() {}
  const std::optional<Tensor>& get() { return tensor; }
};

template <>
struct Argument<const HostTensor&> {
  HostTensor host;
  Argument(PyObject* o, Call&);
  void pin() {}
  const HostTensor& get() { return host; }
};

template <>
struct Argument<const std::vector<Tensor>&> {
  std::vector<Tensor> tensors;
  Argument(PyObject* o, Call& call);
  void pin() {}
  const std::vector<Tensor>& get() { return tensors; }
};

template <>
struct Argument<const Operand&> {
  Operand operand;
  std::optional<Tensor> pinned;
  Argument(PyObject* o, Call& call);
  void pin() {
    if (operand.tensor != nullptr && !pinned) pinned = *operand.tensor;
  }
  const Operand& get() {  // here and not before: the argument may have moved since
    if (pinned) operand.tensor = &*pinned;
    return operand;
  }
};

template <>
struct Argument<const Dims&> {
  Dims dims;
  Argument(PyObject* o, Call&) : dims(dims_argument(o)) {}
  void pin() {}
  const Dims& get() { return dims; }
};

template <>
struct Argument<Generator&> {
  Generator& generator;
  Argument(PyObject* o, Call&) : generator(generator_argument(o)) {}
  void pin() {}
  Generator& get() { return generator; }
};

template <>
struct Argument<Scalar> {
  Scalar scalar;
  Argument(PyObject* o, Call&) : scalar(scalar_from(o)) {}
  void pin() {}
  Scalar get() { return scalar; }
};

template <>
struct Argument<DType> {
  DType dtype;
  Argument(PyObject* o, Call&) : dtype(dtype_from(o)) {}
  void pin() {}
  DType get() { return dtype; }
};

template <>
struct Argument<Index> {
  Index value;
  Argument(PyObject* o, Call&);
  void pin() {}
  Index get() { return value; }
};

template <>
struct Argument<double> {
  double value;
  Argument(PyObject* o, Call&);
  void pin() {}
  double get() { return value; }
};

template <>
struct Argument<bool> {
  bool value;
  Argument(PyObject* o, Call&);
  void pin() {}
  bool get() { return value; }
};

template <class T>
  requires std::is_same_v<T, DType> || std::is_same_v<T, Index>
struct Argument<std::optional<T>> {
  std::optional<T> value;
  Argument(PyObject* o, Call& call) {
    if (o != Py_None) value = Argument<T>(o, call).get();
  }
  void pin() {}
  std::optional<T> get() { return value; }
};

// How the results relate to the graph.
enum class Kind {
  differentiable,  // requires grad when an argument does and recording is on: the Python caller records a node
  view,            // the same, and shares its first argument's memory
  constant,        // never requires grad
};

// What an operation does with 16-bit floats.
enum class Halves {
  widened,  // it computes: they reach it as float32, and what it gives back is rounded
  its_own,  // it moves numbers, or promotes them by itself
};

// The devices of a function's tensors.
enum class Devices {
  one,   // all on one; tensors of no dimensions may come from the host, as numbers do
  any,   // it moves memory between devices
  host,  // it computes on the host, from where its results go back to the device of its tensors
};

// The call on the device of its tensors, or on that for new ones where it has none.
PyObject* on_device(PyObject* (*call)(PyObject* const*), PyObject* const* args, Py_ssize_t count, unsigned devices);
PyObject* on_host(PyObject* (*call)(PyObject* const*), PyObject* const* args, Py_ssize_t count, unsigned devices);
bool creates_elsewhere();  // whether new tensors go to another device than the host, and the call is not there yet

// The call with its 16-bit floats as float32; the arguments it changes and its results are rounded back.
PyObject* through_float32(PyObject* (*call)(PyObject* const*), PyObject* const* args, Py_ssize_t count);

PyObject* wrap_result(Tensor&& t, const Call& call, Kind kind, PyObject* first_argument);
inline PyObject* wrap_result(bool value, const Call&, Kind, PyObject*) { return PyBool_FromLong(value); }
inline PyObject* wrap_result(Index value, const Call&, Kind, PyObject*) { return PyLong_FromLongLong(value); }
inline PyObject* wrap_result(double value, const Call&, Kind, PyObject*) { return PyFloat_FromDouble(value); }
inline PyObject* wrap_result(const Scalar& value, const Call&, Kind, PyObject*) { return wrap_scalar(value); }
// Of several results only the first is differentiable.
PyObject* wrap_result(std::pair<Tensor, Tensor>&& pair, const Call& call, Kind kind, PyObject* first_argument);
PyObject* wrap_result(std::tuple<Tensor, Tensor, Tensor>&& three, const Call& call, Kind kind,
                      PyObject* first_argument);
PyObject* wrap_result(std::vector<Tensor>&& several, const Call& call, Kind kind, PyObject* first_argument);

// Elements above which a call lets other Python threads run meanwhile.
inline constexpr Index release_threshold = 100000;

class GilRelease {
 public:
  explicit GilRelease(bool release) : state_(release ? PyEval_SaveThread() : nullptr) {}
  ~GilRelease() {
    if (state_ != nullptr) PyEval_RestoreThread(state_);
  }
  GilRelease(const GilRelease&) = delete;
  GilRelease& operator=(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... A>
struct Signature<R (*)(A...)> {
  using Result = R;
  using Arguments = std::tuple<Argument<A>...>;
  static constexpr std::size_t count = sizeof...(A);
};
template <class C, class R, class... A>
struct Signature<R (C::*)(A...) const> : Signature<R (*)(A...)> {};

template <class T>
inline constexpr bool brings_tensors =
    std::is_same_v<T, Argument<const Tensor&>> || std::is_same_v<T, Argument<const std::optional<Tensor>&>> ||
    std::is_same_v<T, Argument<const std::vector<Tensor>&>> || std::is_same_v<T, Argument<const Operand&>>;

template <auto f, Kind kind, Halves halves, Devices devices, std::size_t... i>
PyObject* call_with(PyObject* const* args, std::index_sequence<i...>) {
  using S = Signature<std::decay_t<decltype(f)>>;
  Call call;
  typename S::Arguments converted{std::tuple_element_t<i, typename S::Arguments>(args[i], call)...};
  if constexpr (devices == Devices::host) {
    if (call.devices > 1) {
      return on_host([](PyObject* const* here) { return call_with<f, kind, halves, devices, i...>(here, {}); }, args,
                     static_cast<Py_ssize_t>(S::count), call.devices);
    }
  }
  if constexpr (devices == Devices::one) {
    bool elsewhere = call.devices > 1 && !call_device().is_cuda();
    if constexpr (!(brings_tensors<std::tuple_element_t<i, typename S::Arguments>> || ...)) {
      elsewhere = creates_elsewhere();
    }
    if (elsewhere) [[unlikely]] {
      return on_device([](PyObject* const* there) { return call_with<f, kind, halves, devices, i...>(there, {}); },
                       args, static_cast<Py_ssize_t>(S::count), call.devices);
    }
  }
  if constexpr (halves == Halves::widened) {
    if (call.has_half()) {
      return through_float32([](PyObject* const* wide) { return call_with<f, kind, halves, devices, i...>(wide, {}); },
                             args, static_cast<Py_ssize_t>(S::count));
    }
  }
  const bool release = call.elements > release_threshold;
  if (release || call.devices > 1) (std::get<i>(converted).pin(), ...);  // a wait for a device lets go of it, too
  if constexpr (std::is_void_v<typename S::Result>) {
    {
      const GilRelease gil(release);
      f(std::get<i>(converted).get()...);
    }
    PyObject* self = S::count == 0 ? Py_None : args[0];
    Py_INCREF(self);
    return self;
  } else {
    auto result = [&] {
      const GilRelease gil(release);
      return f(std::get<i>(converted).get()...);
    }();
    return wrap_result(std::move(result), call, kind, S::count == 0 ? nullptr : args[0]);
  }
}

// For the C++ exception being handled in a function of the table: a tensor inside vmap sends the call to the batching
// rules, anything else becomes a Python exception.
PyObject* after_exception(PyCFunction function, PyObject* const* args, Py_ssize_t count);

template <auto f, Kind kind, Halves halves, Devices devices>
PyObject* entry(PyObject*, PyObject* const* args, Py_ssize_t count) {
  constexpr auto expected = static_cast<Py_ssize_t>(Signature<std::decay_t<decltype(f)>>::count);
  if (count != expected) {
    PyErr_Format(PyExc_TypeError, "expected %zd positional arguments, got %zd", expected, count);
    return nullptr;
  }
  try {
    return call_with<f, kind, halves, devices>(args, std::make_index_sequence<static_cast<std::size_t>(expected)>());
  } catch (...) {
    return after_exception(
        reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&entry<f, kind, halves, devices>)), args, count);
  }
}

// An entry of a table of functions. A function that returns nothing works in place and gives its first argument.
template <auto f, Kind kind = Kind::differentiable,
          Halves halves = kind == Kind::differentiable ? Halves::widened : Halves::its_own,
          Devices devices = Devices::one>
PyMethodDef def(const char* name) {
  PyObject* (*const pointer)(PyObject*, PyObject* const*, Py_ssize_t) = entry<f, kind, halves, devices>;
  return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(pointer)), METH_FASTCALL, nullptr};
}

}  // namespace fastgrad
