// Direct(function, kernel, defaults): calls the Python function of an operation, but where nothing is recorded and the
// arguments are positional it calls the kernel at once, which is all that the function would do. A Python frame costs
// more than a small operation. Without a kernel (None) it always calls the function.
//
// Where autocast is on, calls of those with a `cast` go to what casts their arguments first.
#include <Python.h>
#include <structmember.h>

#include <algorithm>

#include "bindings/functions.h"
#include "bindings/tensor_type.h"

namespace fastgrad {
namespace {

constexpr Py_ssize_t most_arguments = 8;
using Kernel = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t count);

struct PyDirect {
  PyObject_HEAD vectorcallfunc call;
  PyObject* function;
  PyObject* kernel;
  PyObject* defaults;  // a tuple: the kernel's last arguments where they are not given
  PyObject* cast;      // what autocast does with the arguments; null: nothing
  PyObject* dict;
  Kernel pointer;
  Py_ssize_t required;     // of the function's positional arguments, those without a default
  Py_ssize_t least, most;  // how many a direct call may have
  bool takes_sizes;        // f(input, *sizes): the kernel gets them as one
};

// Of this thread: autocast(cast, function, args, kwargs) calls the function with cast arguments; null where it is off.
thread_local PyObject* autocast = nullptr;

PyDirect* as_direct(PyObject* self) { return reinterpret_cast<PyDirect*>(self); }

// A view whose base was changed must ask whether it now requires grad: the function does that.
bool may_record(PyObject* argument) {
  if (!is_tensor(argument)) return false;
  const PyTensor* t = as_py_tensor(argument);
  return t->requires_grad || (t->base != nullptr && t->seen_version != t->tensor.storage->version);
}

PyObject* call_kernel(const PyDirect* d, PyObject* const* args, Py_ssize_t count) {
  if (d->takes_sizes && count != 2) {
    PyObject* sizes = PyTuple_New(count - 1);
    if (sizes == nullptr) return nullptr;
    for (Py_ssize_t i = 1; i < count; ++i) {
      Py_INCREF(args[i]);
      PyTuple_SET_ITEM(sizes, i - 1, args[i]);
    }
    PyObject* const both[] = {args[0], sizes};
    PyObject* out = d->pointer(PyCFunction_GET_SELF(d->kernel), both, 2);
    Py_DECREF(sizes);
    return out;
  }
  const Py_ssize_t all = d->required + PyTuple_GET_SIZE(d->defaults);
  if (d->takes_sizes || count == all) return d->pointer(PyCFunction_GET_SELF(d->kernel), args, count);
  PyObject* filled[most_arguments];
  std::copy_n(args, count, filled);
  for (Py_ssize_t i = count; i < all; ++i) filled[i] = PyTuple_GET_ITEM(d->defaults, i - d->required);
  return d->pointer(PyCFunction_GET_SELF(d->kernel), filled, all);
}

PyObject* call_cast(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  PyObject* positional = PyTuple_New(count);
  PyObject* named = positional == nullptr ? nullptr : PyDict_New();
  for (Py_ssize_t i = 0; named != nullptr && i < count; ++i) PyTuple_SET_ITEM(positional, i, Py_NewRef(args[i]));
  const Py_ssize_t named_count = names == nullptr || named == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < named_count; ++i) {
    if (PyDict_SetItem(named, PyTuple_GET_ITEM(names, i), args[count + i]) != 0) Py_CLEAR(named);
    if (named == nullptr) break;
  }
  PyObject* const all[] = {as_direct(self)->cast, self, positional, named};
  PyObject* out = named == nullptr ? nullptr : PyObject_Vectorcall(autocast, all, 4, nullptr);
  Py_XDECREF(positional);
  Py_XDECREF(named);
  return out;
}

PyObject* call(PyObject* self, PyObject* const* args, std::size_t flagged_count, PyObject* keywords) {
  const PyDirect* d = as_direct(self);
  const Py_ssize_t count = PyVectorcall_NARGS(flagged_count);
  if (autocast != nullptr && d->cast != nullptr) [[unlikely]]
    return call_cast(self, args, count, keywords);
  if (keywords == nullptr && count >= d->least && count <= d->most &&
      !(grad_enabled() && std::any_of(args, args + count, may_record))) {
    PyObject* out = call_kernel(d, args, count);
    if (out != nullptr) return out;
    PyErr_Clear();  // the function knows what else the arguments may mean, or fails in the same way
  }
  return PyObject_Vectorcall(d->function, args, flagged_count, keywords);
}

// What the signature of a Python function says.
bool read_signature(PyDirect* d) {
  const auto* code = reinterpret_cast<PyCodeObject*>(PyFunction_GET_CODE(d->function));
  PyObject* optional = PyFunction_GET_DEFAULTS(d->function);
  d->takes_sizes = (code->co_flags & CO_VARARGS) != 0;
  d->required = code->co_argcount - (optional == nullptr ? 0 : PyTuple_GET_SIZE(optional));
  const Py_ssize_t all = d->required + PyTuple_GET_SIZE(d->defaults);
  d->least = d->required + d->takes_sizes;
  d->most = d->takes_sizes ? PY_SSIZE_T_MAX : std::min<Py_ssize_t>(code->co_argcount, all);
  if (all <= most_arguments && !(d->takes_sizes && all != 1)) return true;
  PyErr_SetString(PyExc_TypeError, "Direct: the signature does not fit");
  return false;
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *function, *kernel, *defaults;
  if (!PyArg_ParseTuple(args, "O!OO!", &PyFunction_Type, &function, &kernel, &PyTuple_Type, &defaults)) return nullptr;
  const bool has_kernel = kernel != Py_None;
  if (has_kernel && (!PyCFunction_CheckExact(kernel) || PyCFunction_GET_FLAGS(kernel) != METH_FASTCALL)) {
    PyErr_SetString(PyExc_TypeError, "Direct: expected an operation of the extension");
    return nullptr;
  }
  PyObject* self = type->tp_alloc(type, 0);
  if (self == nullptr) return nullptr;
  PyDirect* d = as_direct(self);
  for (PyObject* part : {function, kernel, defaults}) Py_INCREF(part);
  d->call = call;
  d->function = function;
  d->kernel = kernel;
  d->defaults = defaults;
  if (!has_kernel) {
    d->least = PY_SSIZE_T_MAX;
    return self;
  }
  d->pointer = reinterpret_cast<Kernel>(reinterpret_cast<void (*)()>(PyCFunction_GET_FUNCTION(kernel)));
  if (!read_signature(d)) Py_CLEAR(self);
  return self;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  const PyDirect* d = as_direct(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(d->function);
  Py_VISIT(d->kernel);
  Py_VISIT(d->defaults);
  Py_VISIT(d->cast);
  Py_VISIT(d->dict);
  return 0;
}

int clear(PyObject* self) {
  PyDirect* d = as_direct(self);
  Py_CLEAR(d->function);
  Py_CLEAR(d->kernel);
  Py_CLEAR(d->defaults);
  Py_CLEAR(d->cast);
  Py_CLEAR(d->dict);
  return 0;
}

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// As a function does: x.f is bound to x.
PyObject* bind(PyObject* self, PyObject* object, PyObject*) {
  if (object != nullptr && object != Py_None) return PyMethod_New(self, object);
  Py_INCREF(self);
  return self;
}

PyObject* repr(PyObject* self) { return PyObject_Repr(as_direct(self)->function); }

// Pickled by name, as functions are.
PyObject* reduce(PyObject* self, PyObject*) {
  return PyObject_GetAttrString(as_direct(self)->function, "__qualname__");
}

PyMethodDef methods[] = {
    {"__reduce__", reduce, METH_NOARGS, "Its name, by which it is pickled."},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, "What update_wrapper() copies.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef members[] = {
    {"cast", T_OBJECT, offsetof(PyDirect, cast), 0, "What autocast does with the arguments; None: nothing."},
    {"__dictoffset__", T_PYSSIZET, offsetof(PyDirect, dict), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(PyDirect, call), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("An operation whose plain calls go directly to the extension.")},
    {Py_tp_new, reinterpret_cast<void*>(make)},
    {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(clear)},
    {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
    {Py_tp_descr_get, reinterpret_cast<void*>(bind)},
    {Py_tp_repr, reinterpret_cast<void*>(repr)},
    {Py_tp_methods, methods},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {0, nullptr},
};

PyType_Spec spec = {"fastgrad._core.Direct", sizeof(PyDirect), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
                    slots};

PyObject* set_autocast(PyObject*, PyObject* value) {
  PyObject* before = autocast == nullptr ? Py_NewRef(Py_None) : autocast;
  autocast = value == Py_None ? nullptr : Py_NewRef(value);
  return before;
}

PyObject* get_autocast(PyObject*, PyObject*) { return Py_NewRef(autocast == nullptr ? Py_None : autocast); }

PyMethodDef functions[] = {
    {"set_autocast", set_autocast, METH_O, "Sets what casts arguments in this thread, or None; returns what it was."},
    {"get_autocast", get_autocast, METH_NOARGS, "What casts arguments in this thread, or None."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void add_direct(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) != 0) throw PythonError{};
  PyObject* type = PyType_FromSpec(&spec);
  if (type == nullptr || PyModule_AddObjectRef(module, "Direct", type) != 0) throw PythonError{};
  Py_DECREF(type);
}

}  // namespace fastgrad
