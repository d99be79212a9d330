#include "bindings/dtype.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "core/error.h"
#include "ops/promotion.h"

namespace py = pybind11;

namespace fastgrad {
namespace {

struct DTypeObject {
  DType value;
};

PyObject* objects[dtype_count];

}  // namespace

PyObject* dtype_object(DType t) { return objects[static_cast<int>(t)]; }

bool is_dtype(PyObject* object) {
  return std::find(std::begin(objects), std::end(objects), object) != std::end(objects);
}

DType dtype_from(PyObject* object) {
  for (int i = 0; i < dtype_count; ++i) {
    if (object == objects[i]) return static_cast<DType>(i);
  }
  if (object == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::float64;
  if (object == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::int64;
  if (object == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::boolean;
  fail(ErrorKind::type, "expected a dtype such as fastgrad.float32, got ", Py_TYPE(object)->tp_name);
}

void add_dtypes(py::module_& module) {
  py::class_<DTypeObject>(module, "dtype", "The type of a tensor's elements.")
      .def("__repr__", [](const DTypeObject& t) { return std::string("torch.") + dtype_name(t.value); })
      .def("__reduce__", [](const DTypeObject& t) { return dtype_name(t.value); })
      .def(
          "to_real", [](const py::object& t) { return t; }, "The real type of the same precision: itself.")
      .def_property_readonly(
          "itemsize", [](const DTypeObject& t) { return item_size(t.value); }, "Bytes per element.")
      .def_property_readonly(
          "is_floating_point", [](const DTypeObject& t) { return is_floating(t.value); },
          "Whether elements are floats.")
      .def_property_readonly(
          "is_complex", [](const DTypeObject&) { return false; }, "Whether elements are complex: no dtype's are.")
      .def_property_readonly(
          "is_signed", [](const DTypeObject& t) { return is_signed(t.value); }, "Whether elements can be negative.")
      .attr("__module__") = "fastgrad";
  for (int i = 0; i < dtype_count; ++i) {
    const auto t = static_cast<DType>(i);
    py::object object = py::cast(DTypeObject{t});
    module.attr(dtype_name(t)) = object;
    objects[i] = object.release().ptr();
  }
}

}  // namespace fastgrad
