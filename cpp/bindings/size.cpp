#include "bindings/size.h"

#include "bindings/tensor_type.h"

namespace fastgrad {
namespace {

PyTypeObject* registered = nullptr;

// A tuple of the given type (tuple or Size).
PyObject* wrap_tuple(PyTypeObject* type, const Dims& dims) {
  PyObject* tuple = type->tp_alloc(type, dims.size());
  if (tuple == nullptr) throw PythonError{};
  for (int d = 0; d < dims.size(); ++d) {
    PyObject* number = PyLong_FromLongLong(dims[d]);
    if (number == nullptr) {
      Py_DECREF(tuple);
      throw PythonError{};
    }
    PyTuple_SET_ITEM(tuple, d, number);
  }
  return tuple;
}

}  // namespace

PyTypeObject* size_class() { return registered; }
void register_size_class(PyTypeObject* type) { registered = type; }

PyObject* wrap_size(const Dims& dims) { return wrap_tuple(registered, dims); }

PyObject* one_of(const Dims& dims, PyObject* const* args, Py_ssize_t count, PyObject* keywords, const char* name,
                 PyTypeObject* type) {
  if (keywords != nullptr) {
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(keywords, 0), "dim") != 0) {
      fail(ErrorKind::type, name, "() got an unexpected keyword argument; it takes dim");
    }
    count += PyTuple_GET_SIZE(keywords);
  }
  if (count > 1) fail(ErrorKind::type, name, "() takes one argument, dim, but ", count, " were given");
  if (count == 0 || args[0] == Py_None) return wrap_tuple(type, dims);
  const Py_ssize_t wanted = PyNumber_AsSsize_t(args[0], PyExc_IndexError);
  if (wanted == -1 && PyErr_Occurred()) throw PythonError{};
  if (dims.empty()) fail(ErrorKind::index, name, ": Dimension specified as ", wanted, " but tensor has no dimensions");
  return PyLong_FromLongLong(dims[wrap_dim(wanted, dims.size(), name)]);
}

}  // namespace fastgrad
