// The one tensor object: a C++ tensor and its place in the graph, as a Python type that class Tensor derives from.
#pragma once

#include <Python.h>

#include "core/error.h"
#include "core/tensor.h"

namespace fastgrad {

struct PyTensor {
  PyObject_HEAD Tensor tensor;
  PyObject* grad;  // the accumulated gradient, or null
  PyObject* node;  // the graph node whose result this is, or null: a leaf
  PyObject* base;  // for a view: the tensor at the root of the chain of views
  PyObject* dict;  // attributes that users add; made on demand
  PyObject* weakrefs;
  std::uint32_t seen_version;  // for a view: the storage's version when `node` was set
  bool requires_grad;
  bool unrecorded;  // requires grad because an argument does, and no node has been hung on it so far
};

// The Python exception is set already.
struct PythonError {};

// Whether operations are recorded in this thread.
bool grad_enabled();
void set_grad_enabled(bool enabled);

PyTypeObject* tensor_base_type();
void add_tensor_type(PyObject* module);

inline bool is_tensor(PyObject* object) { return PyObject_TypeCheck(object, tensor_base_type()) != 0; }
// Tensors inside vmap (fastgrad.func): what is read of one is a sample of many.
bool is_batched(PyObject* object);
inline PyTensor* as_py_tensor(PyObject* object) { return reinterpret_cast<PyTensor*>(object); }

// A new Python Tensor. It does not require grad.
PyObject* wrap(Tensor&& tensor);
// The same, as an instance of `type` (Tensor or a class derived from it).
PyObject* wrap_as(PyTypeObject* type, Tensor&& tensor);
// The same memory without a place in the graph, as batched as the tensor is.
PyObject* wrap_alias(PyObject* tensor);
// Makes `view` a view of `of` in the eyes of the graph.
void set_base(PyObject* view, PyObject* of);

// Whether the tensor takes part in the graph. A view whose base was changed in place since the view's node was made
// gets its node anew first.
bool requires_grad(PyTensor* t);

// A torch.Size of the dims.
PyObject* wrap_size(const Dims& dims);

// Thrown where a function meets a tensor inside vmap: it must go to batched_call, or fail.
struct BatchedArgument : Error {
  BatchedArgument();
};

// Hands a call of a _core function with tensors inside vmap to the batching rules.
PyObject* batched_call(const char* name, PyObject* const* args, Py_ssize_t count);

// The exception of a CUDA device without memory, a RuntimeError.
PyObject* out_of_memory_type();
// Sets the Python exception for the C++ exception being handled. For catch (...) blocks.
void translate_exception();

}  // namespace fastgrad
