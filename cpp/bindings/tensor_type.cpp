#include "bindings/tensor_type.h"

#include <pybind11/pybind11.h>
#include <structmember.h>

#include <new>
#include <utility>

#include "bindings/data.h"
#include "bindings/dtype.h"
#include "bindings/exchange.h"
#include "bindings/object_pool.h"
#include "bindings/size.h"
#include "ops/ops.h"

namespace fastgrad {
namespace {

PyTypeObject* base_type = nullptr;      // _core.TensorBase
PyTypeObject* tensor_class = nullptr;   // fastgrad.Tensor
PyTypeObject* batched_class = nullptr;  // fastgrad.func's class of tensors inside vmap, once it is used
PyObject* batching_rules = nullptr;     // calls the batching rule of a function by name
PyObject* refresh_view = nullptr;       // fastgrad.autograd: gives a stale view its node anew

ObjectPool pool;  // of tensor_class alone: others have more fields

thread_local bool grad_mode = true;

PyTensor* self_of(PyObject* self) { return as_py_tensor(self); }

template <class F>
PyObject* guarded(const F& f) {
  try {
    return f();
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

// Lifetime

int traverse(PyObject* self, visitproc visit, void* arg) {
  PyTensor* t = self_of(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(t->grad);
  Py_VISIT(t->node);
  Py_VISIT(t->base);
  Py_VISIT(t->dict);
  return 0;
}

int clear(PyObject* self) {
  PyTensor* t = self_of(self);
  Py_CLEAR(t->grad);
  Py_CLEAR(t->node);
  Py_CLEAR(t->base);
  Py_CLEAR(t->dict);
  return 0;
}

void free_fields(PyObject* self) {
  if (self_of(self)->weakrefs != nullptr) PyObject_ClearWeakRefs(self);
  clear(self);
  self_of(self)->tensor.~Tensor();
}

// Of the classes derived from Tensor. Python's own `subtype_dealloc` has been there before.
void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  free_fields(self);
  type->tp_free(self);
  Py_DECREF(type);
}

// Of Tensor itself. A tensor that keeps others alive may be the first of a long chain of them, which the "trashcan"
// frees without recursion.
void dealloc_tensor(PyObject* self) {
  if (Py_TYPE(self) != tensor_class) return dealloc(self);
  PyObject_GC_UnTrack(self);
  const PyTensor* t = self_of(self);
  if (t->node == nullptr && t->base == nullptr && t->grad == nullptr && t->dict == nullptr) {
    free_fields(self);
    return pool.give(self);
  }
  Py_TRASHCAN_BEGIN(self, dealloc_tensor);
  free_fields(self);
  pool.give(self);
  Py_TRASHCAN_END
}

// Attributes

PyObject* new_ref(PyObject* object) {
  PyObject* value = object == nullptr ? Py_None : object;
  Py_INCREF(value);
  return value;
}

PyObject* get_shape(PyObject* self, void*) { return wrap_size(self_of(self)->tensor.sizes); }
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(self_of(self)->tensor.dim()); }
PyObject* get_dtype(PyObject* self, void*) { return new_ref(dtype_object(self_of(self)->tensor.dtype)); }
PyObject* get_grad(PyObject* self, void*) { return new_ref(self_of(self)->grad); }
PyObject* get_base(PyObject* self, void*) { return new_ref(self_of(self)->base); }
PyObject* get_version(PyObject* self, void*) { return PyLong_FromUnsignedLong(self_of(self)->tensor.storage->version); }

PyObject* get_requires_grad(PyObject* self, void*) {
  return guarded([&] { return PyBool_FromLong(requires_grad(self_of(self))); });
}

PyObject* get_node(PyObject* self, void*) {
  return guarded([&] {
    requires_grad(self_of(self));
    return new_ref(self_of(self)->node);
  });
}

PyObject* get_is_leaf(PyObject* self, void*) {
  return guarded([&] {
    requires_grad(self_of(self));
    return PyBool_FromLong(self_of(self)->node == nullptr);
  });
}

int set_requires_grad(PyObject* self, PyObject* value, void*) {
  PyTensor* t = self_of(self);
  const int wanted = value == nullptr ? -1 : PyObject_IsTrue(value);
  if (wanted < 0) return -1;
  if (t->node != nullptr && !wanted) {
    PyErr_SetString(PyExc_RuntimeError,
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach().");
    return -1;
  }
  if (wanted && !is_floating(t->tensor.dtype)) {
    PyErr_Format(PyExc_RuntimeError, "only Tensors of floating point dtype can require gradients, but this one is %s",
                 dtype_name(t->tensor.dtype));
    return -1;
  }
  if (wanted && t->tensor.storage->inference && !inference_mode()) {
    PyErr_SetString(PyExc_RuntimeError,
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
    return -1;
  }
  t->requires_grad = wanted != 0;
  t->unrecorded = false;
  return 0;
}

void replace(PyObject*& slot, PyObject* value) {
  Py_XINCREF(value);
  Py_XSETREF(slot, value);
}

int set_grad(PyObject* self, PyObject* value, void*) {
  PyTensor* t = self_of(self);
  if (value == nullptr || value == Py_None) {
    replace(t->grad, nullptr);
    return 0;
  }
  if (!is_tensor(value)) {
    PyErr_Format(PyExc_TypeError, "assigned grad expected to be a Tensor or None but got %s", Py_TYPE(value)->tp_name);
    return -1;
  }
  const Tensor& g = self_of(value)->tensor;
  if (value == self || !(g.sizes == t->tensor.sizes) || g.dtype != t->tensor.dtype) {
    PyErr_SetString(PyExc_RuntimeError, value == self ? "can't assign Tensor as its own grad"
                                                      : "assigned grad has data of a different size or dtype than the "
                                                        "tensor; both must be equal");
    return -1;
  }
  replace(t->grad, value);
  return 0;
}

int set_node(PyObject* self, PyObject* value, void*) {
  PyTensor* t = self_of(self);
  replace(t->node, value == Py_None ? nullptr : value);
  t->requires_grad = t->node != nullptr;
  t->unrecorded = false;
  t->seen_version = t->tensor.storage->version;
  return 0;
}

// Methods

PyObject* dim(PyObject* self, PyObject*) { return PyLong_FromLong(self_of(self)->tensor.dim()); }
PyObject* numel(PyObject* self, PyObject*) { return PyLong_FromLongLong(self_of(self)->tensor.numel()); }
PyObject* storage_offset(PyObject* self, PyObject*) { return PyLong_FromLongLong(self_of(self)->tensor.offset); }
PyObject* data_ptr(PyObject* self, PyObject*) { return PyLong_FromVoidPtr(self_of(self)->tensor.address()); }
PyObject* get_device(PyObject* self, PyObject*) { return PyLong_FromLong(self_of(self)->tensor.device().index); }
PyObject* is_contiguous(PyObject* self, PyObject*) { return PyBool_FromLong(self_of(self)->tensor.is_contiguous()); }
PyObject* is_inference(PyObject* self, PyObject*) { return PyBool_FromLong(self_of(self)->tensor.storage->inference); }
PyObject* element_size(PyObject* self, PyObject*) { return PyLong_FromSize_t(item_size(self_of(self)->tensor.dtype)); }

PyObject* size(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] { return one_of(self_of(self)->tensor.sizes, args, count, keywords, "size", size_class()); });
}

PyObject* stride(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&] { return one_of(self_of(self)->tensor.strides, args, count, keywords, "stride", &PyTuple_Type); });
}

PyObject* refuse_batched(PyObject* self) {
  if (is_batched(self)) throw BatchedArgument();
  return self;
}

PyObject* item(PyObject* self, PyObject*) {
  return guarded([&] { return wrap_scalar(ops::item(self_of(refuse_batched(self))->tensor)); });
}

PyObject* tolist(PyObject* self, PyObject*) {
  return guarded(
      [&] { return nested_list(ops::to_device(self_of(refuse_batched(self))->tensor, host_device, false)); });
}

// Tensor._make_subclass(cls, data, requires_grad): the same memory as an instance of cls.
PyObject* make_subclass(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count < 2 || !PyType_Check(args[0]) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(args[0]), base_type) ||
        !is_tensor(args[1])) {
      fail(ErrorKind::type, "_make_subclass: expected a class derived from Tensor, a Tensor and a bool");
    }
    PyObject* made =
        wrap_as(reinterpret_cast<PyTypeObject*>(args[0]), Tensor(self_of(refuse_batched(args[1]))->tensor));
    if (made != nullptr && count > 2 && set_requires_grad(made, args[2], nullptr) != 0) Py_CLEAR(made);
    return made;
  });
}

// x.data = y: x takes over y's memory, shape and dtype, and keeps its place in the graph.
int set_data(PyObject* self, PyObject* value, void*) {
  if (value == nullptr || !is_tensor(value)) {
    PyErr_Format(PyExc_TypeError, "Variable data has to be a tensor, but got %s",
                 value == nullptr ? "nothing" : Py_TYPE(value)->tp_name);
    return -1;
  }
  if (is_batched(self) || is_batched(value)) {
    PyErr_SetString(PyExc_RuntimeError, BatchedArgument().what());
    return -1;
  }
  PyTensor* t = self_of(self);
  Tensor twin = self_of(value)->tensor;
  if (t->requires_grad && !is_floating(twin.dtype)) {
    PyErr_Format(PyExc_RuntimeError, "data set to a tensor that requires gradients must be floating point, but got %s",
                 dtype_name(twin.dtype));
    return -1;
  }
  twin.storage = detached_storage(twin.storage);
  twin.storage->version = t->tensor.storage->version;  // a tensor keeps its own count of changes
  t->tensor = std::move(twin);
  return 0;
}

PyObject* get_data(PyObject* self, void*) {
  return guarded([&] {
    Tensor twin = self_of(refuse_batched(self))->tensor;
    twin.storage = detached_storage(twin.storage);
    return wrap(std::move(twin));
  });
}

PyObject* refuse_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyErr_Format(PyExc_TypeError, "cannot make a bare %s; use fastgrad.tensor(...)", type->tp_name);
  return nullptr;
}

PyGetSetDef attributes[] = {
    {"shape", get_shape, nullptr, "The sizes of the dimensions, as a Size.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of dimensions.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"grad", get_grad, set_grad, "The gradient that backward() accumulated, or None.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad, "Whether operations on this tensor are recorded.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Whether no recorded operation made this tensor.", nullptr},
    {"node", get_node, set_node, "The graph node that made this tensor, or None.", nullptr},
    {"data", get_data, set_data, "The same memory outside the graph, with a version counter of its own.", nullptr},
    {"_base", get_base, nullptr, "For a view: the tensor whose memory it shows.", nullptr},
    {"_version", get_version, nullptr, "How often the memory was changed in place.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, "Attributes that users added.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

template <class F>
PyCFunction as_method(F* f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

PyMethodDef methods[] = {
    {"dim", dim, METH_NOARGS, "The number of dimensions."},
    {"ndimension", dim, METH_NOARGS, "The number of dimensions."},
    {"numel", numel, METH_NOARGS, "The number of elements."},
    {"nelement", numel, METH_NOARGS, "The number of elements."},
    {"storage_offset", storage_offset, METH_NOARGS, "Where in its storage the tensor begins, in elements."},
    {"get_device", get_device, METH_NOARGS, "The number of the CUDA device that the tensor lies on; -1: the CPU."},
    {"data_ptr", data_ptr, METH_NOARGS, "The address of the first element."},
    {"is_contiguous", is_contiguous, METH_NOARGS, "Whether the elements lie in row-major order without gaps."},
    {"element_size", element_size, METH_NOARGS, "Bytes per element."},
    {"size", as_method(size), METH_FASTCALL | METH_KEYWORDS, "The shape, or the size of one dimension."},
    {"stride", as_method(stride), METH_FASTCALL | METH_KEYWORDS,
     "The strides, or the stride of one dimension, in elements."},
    {"is_inference", is_inference, METH_NOARGS, "Whether the tensor was made in inference mode."},
    {"item", item, METH_NOARGS, "The only element, as a Python number."},
    {"tolist", tolist, METH_NOARGS, "The elements as nested lists (a number for a 0-d tensor)."},
    {"_make_subclass", as_method(make_subclass), METH_FASTCALL | METH_STATIC, "The same memory in a derived class."},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("What fastgrad.Tensor derives from: memory, shape and the link to the graph.")},
    {Py_tp_new, reinterpret_cast<void*>(refuse_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(clear)},
    {Py_tp_getset, attributes},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {Py_bf_getbuffer, reinterpret_cast<void*>(export_buffer)},
    {Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)},
    {0, nullptr},
};

PyType_Spec spec = {"fastgrad._core.TensorBase", sizeof(PyTensor), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};

// _core.register_classes(tensor_class, size_class, refresh_view), called once by the package.
PyObject* register_classes(PyObject*, PyObject* args) {
  PyObject *tensor, *size, *refresh;
  if (!PyArg_ParseTuple(args, "O!O!O", &PyType_Type, &tensor, &PyType_Type, &size, &refresh)) return nullptr;
  Py_INCREF(tensor);
  Py_INCREF(size);
  Py_INCREF(refresh);
  tensor_class = reinterpret_cast<PyTypeObject*>(tensor);
  tensor_class->tp_dealloc = dealloc_tensor;
  register_size_class(reinterpret_cast<PyTypeObject*>(size));
  refresh_view = refresh;
  Py_RETURN_NONE;
}

// _core.register_batching(batched_class, rules), called once by fastgrad.func.
PyObject* register_batching(PyObject*, PyObject* args) {
  PyObject *batched, *rules;
  if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &batched, &rules)) return nullptr;
  Py_INCREF(batched);
  Py_INCREF(rules);
  batched_class = reinterpret_cast<PyTypeObject*>(batched);
  batching_rules = rules;
  Py_RETURN_NONE;
}

PyObject* refuse_without_rules() {
  PyErr_SetString(PyExc_RuntimeError, "vmap: there are no batching rules before fastgrad.func is imported");
  return nullptr;
}

// _core.batched(values): the first of `values`, which has the shape and memory of all, as a batched tensor.
PyObject* batched(PyObject*, PyObject* values) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(values) || batched_class == nullptr) fail(ErrorKind::type, "batched: expected a Tensor");
    return wrap_as(batched_class, ops::select(self_of(values)->tensor, 0, 0));
  });
}

// _core.lifted(value): the same for a tensor that all samples share.
PyObject* lifted(PyObject*, PyObject* value) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(value) || batched_class == nullptr) fail(ErrorKind::type, "lifted: expected a Tensor");
    return wrap_as(batched_class, Tensor(self_of(value)->tensor));
  });
}

PyObject* is_batched_object(PyObject*, PyObject* object) { return PyBool_FromLong(is_batched(object)); }

// _core.apply_rule(name, args): what the batching rule of a name makes of arguments with tensors inside vmap.
PyObject* apply_rule(PyObject*, PyObject* args) {
  PyObject *name, *given;
  if (!PyArg_ParseTuple(args, "UO!", &name, &PyTuple_Type, &given)) return nullptr;
  return batching_rules == nullptr ? refuse_without_rules() : PyObject_Call(batching_rules, args, nullptr);
}

// _core.is_unrecorded(x): whether the tensor is a step inside an operation, to which no gradient finds its way.
PyObject* is_unrecorded(PyObject*, PyObject* x) { return PyBool_FromLong(is_tensor(x) && self_of(x)->unrecorded); }

// _core.mark_unrecorded(x): says that it is.
PyObject* mark_unrecorded(PyObject*, PyObject* x) {
  if (is_tensor(x)) self_of(x)->requires_grad = self_of(x)->unrecorded = true;
  Py_RETURN_NONE;
}

// _core.set_base(view, of): says that one batched tensor is a view of another, if they share memory.
PyObject* link_base(PyObject*, PyObject* args) {
  PyObject *view, *of;
  if (!PyArg_ParseTuple(args, "O!O!", base_type, &view, base_type, &of)) return nullptr;
  if (self_of(view)->tensor.storage.get() == self_of(of)->tensor.storage.get()) set_base(view, of);
  Py_RETURN_NONE;
}

PyMethodDef module_functions[] = {
    {"register_batching", register_batching, METH_VARARGS, "Names the class of tensors inside vmap, and their rules."},
    {"batched", batched, METH_O, "A tensor inside vmap that stands for the samples along the first dimension."},
    {"lifted", lifted, METH_O, "A tensor inside vmap that all samples share."},
    {"is_batched", is_batched_object, METH_O,
     "Whether a value is a tensor inside vmap, whose numbers are not to be had."},
    {"apply_rule", apply_rule, METH_VARARGS, "Calls the batching rule of a name."},
    {"is_unrecorded", is_unrecorded, METH_O, "Whether a tensor is a step inside an operation, without a node."},
    {"mark_unrecorded", mark_unrecorded, METH_O, "Says that a tensor is one."},
    {"set_base", link_base, METH_VARARGS, "Says that a batched tensor is a view of another."},
    {"register_classes", register_classes, METH_VARARGS, "Names the Python classes that the extension returns."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool grad_enabled() { return grad_mode; }
void set_grad_enabled(bool enabled) { grad_mode = enabled; }

PyTypeObject* tensor_base_type() { return base_type; }

bool is_batched(PyObject* object) { return Py_TYPE(object) == batched_class; }

BatchedArgument::BatchedArgument()
    : Error(ErrorKind::runtime,
            "vmap: this needs the numbers of one sample, but inside vmap a tensor stands for all of them; use "
            "operations on tensors, such as where(), or a loop over the samples") {}

PyObject* batched_call(const char* name, PyObject* const* args, Py_ssize_t count) {
  if (batching_rules == nullptr) return refuse_without_rules();
  PyObject* text = PyUnicode_FromString(name);
  PyObject* given = text == nullptr ? nullptr : PyTuple_New(count);
  PyObject* result = nullptr;
  if (given != nullptr) {
    for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(given, i, Py_NewRef(args[i]));
    result = PyObject_CallFunctionObjArgs(batching_rules, text, given, nullptr);
  }
  Py_XDECREF(text);
  Py_XDECREF(given);
  return result;
}

void add_tensor_type(PyObject* module) {
  base_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (base_type == nullptr ||
      PyModule_AddObjectRef(module, "TensorBase", reinterpret_cast<PyObject*>(base_type)) != 0 ||
      PyModule_AddFunctions(module, module_functions) != 0) {
    throw pybind11::error_already_set();
  }
}

PyObject* wrap_as(PyTypeObject* type, Tensor&& tensor) {
  PyObject* object = type->tp_alloc(type, 0);
  if (object == nullptr) throw PythonError{};
  new (&self_of(object)->tensor) Tensor(std::move(tensor));
  return object;
}

PyObject* wrap_alias(PyObject* tensor) {
  return is_batched(tensor) ? batched_call("detach", &tensor, 1) : wrap(Tensor(self_of(tensor)->tensor));
}

PyObject* wrap(Tensor&& tensor) {
  PyObject* object = pool.take(tensor_class);
  if (object == nullptr) throw PythonError{};
  PyTensor* t = self_of(object);
  new (&t->tensor) Tensor(std::move(tensor));
  t->grad = t->node = t->base = t->dict = t->weakrefs = nullptr;
  t->seen_version = 0;
  t->requires_grad = t->unrecorded = false;
  PyObject_GC_Track(object);
  return object;
}

void set_base(PyObject* view, PyObject* of) {
  PyTensor* t = self_of(view);
  replace(t->base, self_of(of)->base != nullptr ? self_of(of)->base : of);
  t->seen_version = t->tensor.storage->version;
}

bool requires_grad(PyTensor* t) {
  if (t->base != nullptr && t->seen_version != t->tensor.storage->version && self_of(t->base)->requires_grad) {
    const std::uint32_t seen = std::exchange(t->seen_version, t->tensor.storage->version);
    PyObject* done = PyObject_CallOneArg(refresh_view, reinterpret_cast<PyObject*>(t));
    if (done == nullptr) {
      t->seen_version = seen;  // the next to ask fails too
      throw PythonError{};
    }
    Py_DECREF(done);
  }
  return t->requires_grad;
}

void translate_exception() {
  try {
    throw;
  } catch (const PythonError&) {
  } catch (pybind11::error_already_set& error) {
    error.restore();
  } catch (const Error& error) {
    PyObject* const types[] = {PyExc_RuntimeError, PyExc_ValueError,          PyExc_TypeError,   PyExc_IndexError,
                               PyExc_RuntimeError, PyExc_NotImplementedError, PyExc_BufferError, out_of_memory_type()};
    PyErr_SetString(types[static_cast<int>(error.kind())], error.what());
  } catch (const std::bad_alloc&) {
    PyErr_SetString(PyExc_RuntimeError, "out of memory; use smaller tensors or a smaller batch");
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

}  // namespace fastgrad
