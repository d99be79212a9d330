// The dtype objects (fastgrad.float32 and so on): one for each element type, compared by identity.
#pragma once

#include <Python.h>
#include <pybind11/pybind11.h>

#include "core/dtype.h"

namespace fastgrad {

// Borrowed.
PyObject* dtype_object(DType t);
bool is_dtype(PyObject* object);
// From a dtype object, or from one of Python's bool, int and float. TypeError otherwise.
DType dtype_from(PyObject* object);
void add_dtypes(pybind11::module_& module);

}  // namespace fastgrad
