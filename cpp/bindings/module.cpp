// The extension module fastgrad._core.
#include <pybind11/pybind11.h>

#include "accelerator.h"
#include "bindings/data.h"
#include "bindings/dtype.h"
#include "bindings/exchange.h"
#include "bindings/function.h"
#include "bindings/functions.h"
#include "bindings/node.h"
#include "core/isa.h"
#include "core/parallel.h"
#include "kernels.h"
#include "ops/ops.h"

namespace py = pybind11;

namespace fastgrad {
namespace {

py::object as_object(PyObject* made) { return py::reinterpret_steal<py::object>(made); }

#ifdef __clang__
constexpr const char* compiler = __VERSION__;  // which begins with its name
#else
constexpr const char* compiler = "GCC " __VERSION__;
#endif

py::dict build_info() {
  py::dict info;
  info["version"] = FASTGRAD_VERSION;
  info["compiler"] = compiler;
  info["isa"] = kernels().isa;
  py::list names;
  for (const std::string& name : available_isas()) names.append(name);
  info["isas"] = names;
  info["cuda"] = accelerator() == nullptr ? py::object(py::bool_(false)) : py::str(accelerator()->version);
  return info;
}

void add_settings(py::module_& m) {
  m.def("build_info", build_info, "What this build is and which kernels it runs.");
  m.def("get_num_threads", &num_threads, "The number of threads that one operation may use.");
  m.def(
      "set_num_threads",
      [](int n) {
        if (n < 1) fail("set_num_threads: expects a positive integer, got ", n);
        set_num_threads(n);
      },
      py::arg("num"), "Sets the number of threads that one operation may use. No result depends on it.");
  m.def(
      "set_creation_device",
      [](int index) {
        const Device before = creation_device(), device{static_cast<std::int8_t>(index)};
        if (device.is_cuda()) ops::check_cuda(index);
        set_creation_device(device);
        return static_cast<int>(before.index);
      },
      py::arg("index"),
      "Sets where this thread makes new tensors: a CUDA device's number, or -1, the host. Returns what it was.");
  m.def(
      "cuda_index",
      [](int index) {
        ops::check_cuda(index);
        return index < 0 ? accelerator()->current_device() : index;
      },
      py::arg("index"), "The number of a CUDA device that there is; -1 stands for the current one.");
  m.def("empty_memory_cache", &empty_memory_cache, "Gives cached memory back to the system; returns how many bytes.");
  m.def(
      "get_default_dtype", [] { return py::reinterpret_borrow<py::object>(dtype_object(default_dtype())); },
      "The dtype of new tensors of Python floats.");
  m.def(
      "set_default_dtype", [](const py::object& t) { set_default_dtype(dtype_from(t.ptr())); }, py::arg("d"),
      "Sets the dtype of new tensors of Python floats: float32 or float64.");
  m.def(
      "promote_types",
      [](const py::object& a, const py::object& b) {
        const DType t = promote_types(dtype_from(a.ptr()), dtype_from(b.ptr()));
        return py::reinterpret_borrow<py::object>(dtype_object(t));
      },
      py::arg("type1"), py::arg("type2"), "The smallest dtype that holds the values of both.");
  m.def(
      "result_type",
      [](const py::object& a, const py::object& b) {
        try {
          Call call;
          Argument<const Operand&> left(a.ptr(), call), right(b.ptr(), call);
          return py::reinterpret_borrow<py::object>(dtype_object(result_type(left.get(), right.get())));
        } catch (const BatchedArgument&) {
          PyObject* const both[] = {a.ptr(), b.ptr()};
          return as_object(batched_call("result_type", both, 2));
        }
      },
      py::arg("tensor1"), py::arg("tensor2"), "The dtype that an operation on both, tensors or numbers, computes in.");
}

void add_data(py::module_& m) {
  m.def("tensor", [](const py::object& data, const py::object& dtype) {
    const auto kind = dtype.is_none() ? std::nullopt : std::optional<DType>(dtype_from(dtype.ptr()));
    return as_object(wrap(ops::to_device(tensor_from(data.ptr(), kind), creation_device(), false)));
  });
  m.def("storage_bytes", [](const py::object& x) {
    Call call;
    return as_object(wrap(storage_bytes(tensor_argument(x.ptr(), call))));
  });
  m.def("reinterpreted", [](const py::object& bytes, const py::object& dtype) {
    Call call;
    return as_object(wrap(reinterpreted(tensor_argument(bytes.ptr(), call), dtype_from(dtype.ptr()))));
  });
  m.def("from_buffer", [](const py::object& object) { return as_object(wrap(tensor_on_buffer(object.ptr()))); });
  m.def("buffer_bytes", [](const py::object& object) { return as_object(wrap(bytes_of_buffer(object.ptr()))); });
  m.def("from_dlpack", [](const py::object& capsule) { return as_object(wrap(tensor_on_capsule(capsule.ptr()))); });
  m.def("to_dlpack", [](const py::object& x, bool versioned, bool copied) {
    Call call;
    return as_object(capsule_of(tensor_argument(x.ptr(), call), versioned, copied));
  });
}

}  // namespace
}  // namespace fastgrad

PYBIND11_MODULE(_core, m) {
  using namespace fastgrad;
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const Error&) {
      translate_exception();
    } catch (const PythonError&) {
    }
  });
  choose_kernels();
  add_dtypes(m);
  add_tensor_type(m.ptr());
  add_generator(m.ptr());
  add_settings(m);
  add_data(m);
  add_functions(m.ptr());
  add_indexing(m.ptr());
  add_geometry(m.ptr());
  add_node_type(m.ptr());
  add_direct(m.ptr());
  add_accelerator(m.ptr());
  add_graph(m.ptr());
  m.attr("__version__") = FASTGRAD_VERSION;
}
