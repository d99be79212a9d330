// Memory shared with other libraries, in both directions: the buffer protocol (which NumPy speaks) and DLPack.
#pragma once

#include <Python.h>

#include "core/tensor.h"

namespace fastgrad {

// A tensor on memory that somebody else owns, who says how it is laid out (strides in elements): ValueError when a
// tensor cannot lie like that. `source` is what an error calls the owner.
Tensor foreign_tensor(const char* source, const StorageRef& storage, const Dims& sizes, const Dims& strides,
                      DType dtype);

// Memory that a Python object keeps.
StorageRef kept_memory(void* data, PyObject* owner);

// All the memory behind a tensor, as bytes.
Tensor storage_bytes(const Tensor& t);
// A row of bytes as elements of a dtype: the same memory.
Tensor reinterpreted(const Tensor& bytes, DType dtype);

// A tensor on the memory of an object with the buffer protocol.
Tensor tensor_on_buffer(PyObject* object);
// The same, as the bytes that lie there, whatever they mean.
Tensor bytes_of_buffer(PyObject* object);

int export_buffer(PyObject* self, Py_buffer* view, int flags);
void release_buffer(PyObject* self, Py_buffer* view);

// Whether an object can give a DLPack capsule, and a tensor on the memory of what it gives.
bool offers_dlpack(PyObject* object);
Tensor tensor_on_dlpack(PyObject* object);
// A tensor on the memory that a capsule holds, which is used up.
Tensor tensor_on_capsule(PyObject* capsule);
// A capsule that keeps the memory of a tensor: of DLPack 1 ("dltensor_versioned") or of what came before ("dltensor").
PyObject* capsule_of(const Tensor& t, bool versioned, bool copied);

}  // namespace fastgrad
