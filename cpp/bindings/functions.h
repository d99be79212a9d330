#pragma once

#include <Python.h>

namespace fastgrad {

// Each throws PythonError when Python refuses.
void add_functions(PyObject* module);    // the operations
void add_generator(PyObject* module);    // class Generator and the default one
void add_indexing(PyObject* module);     // getitem, setitem and getitem_backward
void add_geometry(PyObject* module);     // in-place changes of shape
void add_direct(PyObject* module);       // operations whose plain calls leave Python out
void add_accelerator(PyObject* module);  // submodule accelerator
void add_graph(PyObject* module);        // what the autograd engine asks of tensors

}  // namespace fastgrad
