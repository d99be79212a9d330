// Data in and out: Python numbers, nested lists, and the buffer protocol (which NumPy speaks).
#pragma once

#include <Python.h>

#include <optional>

#include "core/tensor.h"
#include "ops/promotion.h"

namespace fastgrad {

bool is_number(PyObject* object);
Scalar scalar_from(PyObject* object);
PyObject* wrap_scalar(const Scalar& value);

// A new tensor with the content of numbers, nested sequences, tensors or buffers.
Tensor tensor_from(PyObject* data, std::optional<DType> dtype);
// A tensor on the memory of an object with the buffer protocol.
Tensor tensor_on_buffer(PyObject* object);

PyObject* nested_list(const Tensor& t);

int export_buffer(PyObject* self, Py_buffer* view, int flags);
void release_buffer(PyObject* self, Py_buffer* view);

}  // namespace fastgrad
