// Changes of a tensor's own shape, in place: the Python object stays, what it shows of its memory is another part.
#include "bindings/function.h"
#include "bindings/functions.h"

namespace fastgrad {
namespace {

// adopt_geometry_(x, view): x gets the shape, strides and offset of `view`, which shows the same memory.
void adopt_geometry(PyTensor* x, const Tensor& view) {
  if (view.storage.get() != x->tensor.storage.get()) {
    fail("an in-place change of shape needs a view of the tensor's own memory; this one cannot be a view");
  }
  x->tensor = Tensor(view);
  bump_version(x->tensor);
}

// resize_(x, sizes): another shape, in row-major order from the first element on; the storage grows if it must.
void resize(PyTensor* x, const Dims& sizes) {
  Tensor& t = x->tensor;
  const auto width = static_cast<Index>(item_size(t.dtype));
  const auto bytes = static_cast<std::size_t>(checked_multiply(numel_of(sizes), width, sizes)) +
                     static_cast<std::size_t>(t.offset * width);
  check_writable("resize_", t);
  if (bytes > t.storage->bytes) grow_storage(t.storage, bytes);
  t.sizes = sizes;
  t.strides = contiguous_strides(sizes);
  bump_version(t);
}

PyTensor* changed_tensor(PyObject* object) {
  Call call;
  tensor_argument(object, call);  // checks that it is one
  return as_py_tensor(object);
}

template <class F>
PyObject* in_place(PyObject* const* args, Py_ssize_t count, const F& change) {
  if (count != 2) {
    PyErr_Format(PyExc_TypeError, "expected 2 positional arguments, got %zd", count);
    return nullptr;
  }
  try {
    change(changed_tensor(args[0]), args[1]);
    Py_INCREF(args[0]);
    return args[0];
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

PyObject* adopt_geometry_(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return in_place(args, count, [](PyTensor* x, PyObject* view) { adopt_geometry(x, changed_tensor(view)->tensor); });
}

PyObject* resize_(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return in_place(args, count, [](PyTensor* x, PyObject* sizes) { resize(x, dims_argument(sizes)); });
}

PyMethodDef functions[] = {
    {"adopt_geometry_", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(adopt_geometry_)), METH_FASTCALL,
     "Gives a tensor the shape of a view of it."},
    {"resize_", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(resize_)), METH_FASTCALL,
     "Gives a tensor another shape, with more memory if need be."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void add_geometry(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) != 0) throw PythonError{};
}

}  // namespace fastgrad
