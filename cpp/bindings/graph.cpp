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

// Whether nothing but the tuple of gradients refers to the tensor or to its memory, so that it may be kept and changed.
bool is_unshared(PyObject* gradients, PyObject* gradient) {
  if (Py_REFCNT(gradient) != 1 || Py_REFCNT(gradients) > 2) return false;
  const PyTensor* t = as_py_tensor(gradient);
  const bool alone = t->tensor.storage->references.load() == 1 && t->tensor.storage->release == nullptr;
  return alone && t->base == nullptr && t->tensor.is_contiguous();
}

// Whether the gradient has the shape, the dtype and the device of the leaf or of the node's result.
bool fits(const Tensor& gradient, PyObject* edge) {
  if (is_node(edge)) {
    const PyNode* node = as_py_node(edge);
    return gradient.dtype == node->dtype && gradient.device() == node->device && gradient.sizes == node->shape;
  }
  const Tensor& leaf = as_py_tensor(edge)->tensor;
  return gradient.dtype == leaf.dtype && gradient.device() == leaf.device() && gradient.sizes == leaf.sizes;
}

// The gradient of one edge. 1: delivered, or nothing to do; 0: it must be fitted or added; -1: error.
int deliver_one(PyObject* pending, PyObject* ours, PyObject* edge, PyObject* gradients, PyObject* gradient) {
  if (edge == Py_None || gradient == Py_None) return 1;
  if (!is_tensor(gradient)) {
    PyErr_Format(PyExc_TypeError, "a gradient must be a Tensor or None, got %s", Py_TYPE(gradient)->tp_name);
    return -1;
  }
  if (!fits(as_py_tensor(gradient)->tensor, edge)) return 0;
  const int is_second = PyDict_Contains(pending, edge);
  if (is_second != 0) return is_second < 0 ? -1 : 0;
  if (is_unshared(gradients, gradient) && PySet_Add(ours, edge) != 0) return -1;
  return PyDict_SetItem(pending, edge, gradient) == 0 ? 1 : -1;
}

// Appends the place to the list, which is made on demand. False with Python's exception set.
bool note_place(PyObject*& places, Py_ssize_t i) {
  if (places == nullptr) places = PyList_New(0);
  PyObject* place = places == nullptr ? nullptr : PyLong_FromSsize_t(i);
  const bool done = place != nullptr && PyList_Append(places, place) == 0;
  Py_XDECREF(place);
  return done;
}

bool are_gradients_of(PyObject* node, PyObject* gradients) {
  if (!PyTuple_Check(gradients)) {
    PyErr_Format(PyExc_TypeError, "a vjp must return a tuple of gradients, got %s", Py_TYPE(gradients)->tp_name);
    return false;
  }
  const Py_ssize_t expected = PyTuple_GET_SIZE(as_py_node(node)->edges), got = PyTuple_GET_SIZE(gradients);
  if (got == expected) return true;
  PyObject* name = PyObject_CallMethod(node, "name", nullptr);
  if (name != nullptr) {
    PyErr_Format(PyExc_RuntimeError, "%U returned an incorrect number of gradients (expected %zd, got %zd)", name,
                 expected, got);
    Py_DECREF(name);
  }
  return false;
}

// deliver(pending, ours, node, gradients): puts each gradient that a node's vjp returned, where it is the first to
// arrive at its edge and has its shape and dtype, into the dict `pending`; the edge into the set `ours` where nobody
// else can see the gradient. Returns the places of the others, or None when there are none.
PyObject* deliver(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (count != 4 || !PyDict_Check(args[0]) || !PySet_Check(args[1]) || !is_node(args[2])) {
    PyErr_SetString(PyExc_TypeError, "deliver: expected a dict, a set, a node and a tuple");
    return nullptr;
  }
  if (!are_gradients_of(args[2], args[3])) return nullptr;
  PyObject* edges = as_py_node(args[2])->edges;
  PyObject* others = nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(edges); ++i) {
    const int done = deliver_one(args[0], args[1], PyTuple_GET_ITEM(edges, i), args[3], PyTuple_GET_ITEM(args[3], i));
    if (done > 0) continue;
    if (done < 0 || !note_place(others, i)) {
      Py_XDECREF(others);
      return nullptr;
    }
  }
  return others == nullptr ? new_ref(Py_None) : others;
}

// is_unshared(gradients, i): the same question about a gradient that was not delivered.
PyObject* is_unshared_at(PyObject*, PyObject* const* args, Py_ssize_t count) {
  const Py_ssize_t i = count == 2 && PyTuple_Check(args[0]) ? PyNumber_AsSsize_t(args[1], PyExc_IndexError) : -1;
  if (i < 0 || i >= PyTuple_GET_SIZE(args[0]) || !is_tensor(PyTuple_GET_ITEM(args[0], i))) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "is_unshared: expected a tuple of tensors and an index");
    return nullptr;
  }
  return PyBool_FromLong(is_unshared(args[0], PyTuple_GET_ITEM(args[0], i)));
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
    {"deliver", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(deliver)), METH_FASTCALL,
     "Sends gradients along edges; returns the places of those that must be fitted or added."},
    {"is_unshared", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(is_unshared_at)), METH_FASTCALL,
     "Whether only this tuple refers to a tensor."},
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
