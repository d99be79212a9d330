// Data in and out: Python numbers, nested lists, and arrays of other libraries.
#pragma once

#include <Python.h>

#include <optional>

#include "core/tensor.h"
#include "ops/promotion.h"

namespace fastgrad {

bool is_number(PyObject* object);
Scalar scalar_from(PyObject* object);
PyObject* wrap_scalar(const Scalar& value);

// A new tensor with the content of numbers, nested sequences, tensors or arrays.
Tensor tensor_from(PyObject* data, std::optional<DType> dtype);

PyObject* nested_list(Tensor t);

}  // namespace fastgrad
