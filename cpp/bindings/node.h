// What a graph node keeps, as a Python type that class Node derives from: filled in and checked in single calls,
// because every recorded operation makes one.
#pragma once

#include <Python.h>

#include "core/tensor.h"

namespace fastgrad {

struct PyNode {
  static constexpr Py_ssize_t few = 6;
  PyObject_HEAD PyObject* vjp;
  PyObject* edges;  // for each input: a node, a leaf tensor that requires grad, or None
  PyObject* saved;  // a tuple; null once backward has freed it
  PyObject* weakrefs;
  std::uint32_t* versions;  // of the saved tensors when they were saved; null where there are none
  std::uint32_t few_versions[few];
  Dims shape;            // of the result, and so of the gradient that arrives here
  std::uint64_t number;  // nodes are numbered as they are made
  std::uint32_t epoch;   // how many backward passes had been run when it was made
  std::uint32_t span;    // the number of epochs along its longest path
  DType dtype;
  Device device;
  bool saves_result;  // the last of `saved` is the result, without its link to this node
  bool saves_tensors;
};

bool is_node(PyObject* object);
inline PyNode* as_py_node(PyObject* object) { return reinterpret_cast<PyNode*>(object); }
void add_node_type(PyObject* module);

}  // namespace fastgrad
