// What the Python graph asks of tensors, in single calls because it asks for every recorded operation.
#include "bindings/functions.h"
#include "bindings/node.h"
#include "bindings/tensor_type.h"

namespace fastgrad {
namespace {

template <class F>
PyObject* tuple_of(PyObject* const* args, Py_ssize_t count, const F& f) {
  PyObject* tuple = PyTuple_New(count);
  if (tuple == nullptr) return nullptr;
  try {
    for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(tuple, i, f(args[i]));
    return tuple;
  } catch (...) {
    translate_exception();
    Py_DECREF(tuple);
    return nullptr;
  }
}

PyObject* new_ref(PyObject* object) {
  Py_INCREF(object);
  return object;
}

// edges(*inputs): where the gradient of each input goes: its node, the input itself when it is a leaf that requires
// grad, or None.
PyObject* edges(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return tuple_of(args, count, [](PyObject* input) {
    if (!is_tensor(input) || !requires_grad(as_py_tensor(input))) return new_ref(Py_None);
    PyObject* node = as_py_tensor(input)->node;
    return new_ref(node == nullptr ? input : node);
  });
}

// is_unshared(tensors, i): whether nothing but this tuple refers to tensors[i] or to its memory, so that it may be
// kept and changed.
PyObject* is_unshared(PyObject*, PyObject* const* args, Py_ssize_t count) {
  const Py_ssize_t i = count == 2 && PyTuple_Check(args[0]) ? PyNumber_AsSsize_t(args[1], PyExc_IndexError) : -1;
  if (i < 0 || i >= PyTuple_GET_SIZE(args[0])) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "is_unshared: expected a tuple and an index");
    return nullptr;
  }
  PyObject* object = PyTuple_GET_ITEM(args[0], i);
  if (Py_REFCNT(object) != 1 || Py_REFCNT(args[0]) > 2 || !is_tensor(object)) Py_RETURN_FALSE;
  const PyTensor* t = as_py_tensor(object);
  const bool alone = t->tensor.storage->references.load() == 1 && t->tensor.storage->release == nullptr;
  return PyBool_FromLong(alone && t->base == nullptr && t->tensor.is_contiguous());
}

// fits(gradient, edge): whether the gradient has the shape and dtype of the leaf or of the node's result.
PyObject* fits(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 2 || !is_tensor(args[0]) || !(is_tensor(args[1]) || is_node(args[1]))) {
    PyErr_Format(PyExc_TypeError, "a gradient must be a Tensor or None, got %s",
                 count > 0 ? Py_TYPE(args[0])->tp_name : "nothing");
    return nullptr;
  }
  const Tensor& grad = as_py_tensor(args[0])->tensor;
  if (is_node(args[1])) {
    const PyNode* node = as_py_node(args[1]);
    return PyBool_FromLong(grad.dtype == node->dtype && grad.sizes == node->shape);
  }
  const Tensor& leaf = as_py_tensor(args[1])->tensor;
  return PyBool_FromLong(grad.dtype == leaf.dtype && grad.sizes == leaf.sizes);
}

PyObject* is_grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(grad_enabled()); }

PyObject* set_grad_mode(PyObject*, PyObject* enabled) {
  const int wanted = PyObject_IsTrue(enabled);
  if (wanted < 0) return nullptr;
  PyObject* before = PyBool_FromLong(grad_enabled());
  set_grad_enabled(wanted != 0);
  return before;
}

PyObject* is_inference_mode_enabled(PyObject*, PyObject*) { return PyBool_FromLong(inference_mode()); }

PyObject* set_inference(PyObject*, PyObject* enabled) {
  const int wanted = PyObject_IsTrue(enabled);
  if (wanted < 0) return nullptr;
  PyObject* before = PyBool_FromLong(inference_mode());
  set_inference_mode(wanted != 0);
  return before;
}

PyMethodDef functions[] = {
    {"edges", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(edges)), METH_FASTCALL,
     "Where the gradient of each input goes."},
    {"is_unshared", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(is_unshared)), METH_FASTCALL,
     "Whether only this tuple refers to a tensor."},
    {"fits", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(fits)), METH_FASTCALL,
     "Whether a gradient has the shape and dtype that an edge expects."},
    {"is_grad_enabled", is_grad_enabled, METH_NOARGS, "Whether operations are recorded in this thread."},
    {"set_grad_enabled", set_grad_mode, METH_O, "Turns recording on or off in this thread; returns what it was."},
    {"is_inference_mode_enabled", is_inference_mode_enabled, METH_NOARGS,
     "Whether tensors made in this thread are inference tensors."},
    {"set_inference_mode", set_inference, METH_O,
     "Turns inference mode on or off in this thread; returns what it was."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void add_graph(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) != 0) throw PythonError{};
}

}  // namespace fastgrad
