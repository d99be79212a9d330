// Shapes and strides as Python sees them.
#pragma once

#include <Python.h>

#include "core/dims.h"

namespace fastgrad {

// fastgrad.Size, once the package has named it.
PyTypeObject* size_class();
void register_size_class(PyTypeObject* type);

// What size(dim=None) and stride(dim=None) return: a tuple of the given type (tuple or Size), or one of its numbers.
PyObject* one_of(const Dims& dims, PyObject* const* args, Py_ssize_t count, PyObject* keywords, const char* name,
                 PyTypeObject* type);

}  // namespace fastgrad
