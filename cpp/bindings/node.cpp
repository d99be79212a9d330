#include "bindings/node.h"

#include <structmember.h>

#include <algorithm>
#include <new>
#include <unordered_set>
#include <vector>

#include "bindings/dtype.h"
#include "bindings/object_pool.h"
#include "bindings/tensor_type.h"

namespace fastgrad {
namespace {

PyTypeObject* base_type = nullptr;   // _core.NodeBase
PyTypeObject* node_class = nullptr;  // fastgrad.autograd.graph.Node
PyObject* warn_of_growth = nullptr;  // called when a graph has come to span many epochs
// Guarded by the GIL:
std::uint64_t next_number = 0;
std::uint32_t epoch = 0;  // backward passes so far

ObjectPool pool;

constexpr std::uint32_t suspicious_span = 50;

thread_local PyObject* watcher = nullptr;  // called with each new node

PyObject* new_ref(PyObject* object) {
  Py_INCREF(object);
  return object;
}

// Lifetime

int traverse(PyObject* self, visitproc visit, void* arg) {
  const PyNode* n = as_py_node(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(n->vjp);
  Py_VISIT(n->edges);
  Py_VISIT(n->saved);
  return 0;
}

int clear(PyObject* self) {
  PyNode* n = as_py_node(self);
  Py_CLEAR(n->vjp);
  Py_CLEAR(n->edges);
  Py_CLEAR(n->saved);
  return 0;
}

void free_versions(PyNode* n) {
  if (n->versions != n->few_versions) delete[] n->versions;
  n->versions = nullptr;
}

// A node may be the first of a long chain, which the "trashcan" frees without recursion. Nobody derives from Node
// (DISALLOW_INSTANTIATION), so this is the class's own.
void dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, dealloc);
  PyNode* n = as_py_node(self);
  if (n->weakrefs != nullptr) PyObject_ClearWeakRefs(self);
  clear(self);
  free_versions(n);
  n->shape.~Dims();
  pool.give(self);
  Py_TRASHCAN_END
}

// What is saved

std::uint32_t version_of(PyObject* value) {
  return is_tensor(value) ? as_py_tensor(value)->tensor.storage->version : 0;
}

void note_versions(PyNode* n) {
  PyObject* const* values = &PyTuple_GET_ITEM(n->saved, 0);
  const Py_ssize_t count = PyTuple_GET_SIZE(n->saved);
  n->saves_tensors = std::any_of(values, values + count, is_tensor);
  free_versions(n);
  if (!n->saves_tensors) return;
  n->versions = count <= PyNode::few ? n->few_versions : new std::uint32_t[static_cast<std::size_t>(count)];
  std::transform(values, values + count, n->versions, version_of);
}

// The place of the first saved tensor that was changed since; -1 where there is none.
Py_ssize_t first_changed(const PyNode* n) {
  if (n->saved == nullptr || !n->saves_tensors) return -1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(n->saved); ++i) {
    if (version_of(PyTuple_GET_ITEM(n->saved, i)) != n->versions[i]) return i;
  }
  return -1;
}

PyObject* changed(PyObject* self, PyObject*) {
  const PyNode* n = as_py_node(self);
  const Py_ssize_t i = first_changed(n);
  if (i < 0) Py_RETURN_NONE;
  return Py_BuildValue("nII", i, n->versions[i], version_of(PyTuple_GET_ITEM(n->saved, i)));
}

// Attributes

PyObject* get_saved(PyObject* self, void*) {
  PyObject* saved = as_py_node(self)->saved;
  return new_ref(saved == nullptr ? Py_None : saved);
}

int set_saved(PyObject* self, PyObject* value, void*) {
  PyNode* n = as_py_node(self);
  if (value == nullptr || (value != Py_None && !PyTuple_Check(value))) {
    PyErr_SetString(PyExc_TypeError, "saved: expected a tuple or None");
    return -1;
  }
  PyObject* before = n->saved;
  n->saved = value == Py_None ? nullptr : new_ref(value);
  if (n->saved != nullptr) note_versions(n);
  Py_XDECREF(before);
  return 0;
}

// In one piece, because backward asks every node for all three.
PyObject* get_rule(PyObject* self, void*) {
  const PyNode* n = as_py_node(self);
  return PyTuple_Pack(3, n->vjp, n->saved == nullptr ? Py_None : n->saved, n->edges);
}

// free_saved(): forgets the tensors that were saved. What saves none can be used again.
PyObject* free_saved(PyObject* self, PyObject*) {
  if (as_py_node(self)->saves_tensors) Py_CLEAR(as_py_node(self)->saved);
  Py_RETURN_NONE;
}

PyObject* get_shape(PyObject* self, void*) { return wrap_size(as_py_node(self)->shape); }
PyObject* get_dtype(PyObject* self, void*) { return new_ref(dtype_object(as_py_node(self)->dtype)); }

PyObject* get_device(PyObject* self, PyObject*) { return PyLong_FromLong(as_py_node(self)->device.index); }

PyGetSetDef attributes[] = {
    {"saved", get_saved, set_saved, "What the vjp is given; None once backward has used and freed it.", nullptr},
    {"rule", get_rule, nullptr, "The vjp, what was saved for it, and the edges.", nullptr},
    {"shape", get_shape, nullptr, "The shape of the result.", nullptr},
    {"dtype", get_dtype, nullptr, "The dtype of the result.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef members[] = {
    {"vjp", T_OBJECT, offsetof(PyNode, vjp), READONLY, "Turns the gradient of the result into those of the inputs."},
    {"edges", T_OBJECT, offsetof(PyNode, edges), READONLY, "For each input a Node, a leaf, or None."},
    {"number", T_ULONGLONG, offsetof(PyNode, number), READONLY, "Nodes are numbered as they are made."},
    {"saves_result", T_BOOL, offsetof(PyNode, saves_result), READONLY, "The last of `saved` is the result."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(PyNode, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

PyMethodDef methods[] = {
    {"get_device", get_device, METH_NOARGS, "The number of the CUDA device that the result lies on; -1: the CPU."},
    {"free_saved", free_saved, METH_NOARGS, "Forgets the tensors that were saved: the graph is used up."},
    {"changed", changed, METH_NOARGS,
     "The place, the version then and the version now of the first saved tensor that was changed; or None."},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char*>("What a graph node keeps; made by record().")},
    {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
    {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
    {Py_tp_clear, reinterpret_cast<void*>(clear)},
    {Py_tp_getset, attributes},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {0, nullptr},
};

PyType_Spec spec = {"fastgrad._core.NodeBase", sizeof(PyNode), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                    slots};

// Functions of the module

// The arguments of the two functions below: a tensor, a vjp, the edges, and perhaps what to save.
bool are_recordable(PyObject* const* args, Py_ssize_t count) {
  const bool fit = (count == 3 || (count == 4 && PyTuple_Check(args[3]))) && is_tensor(args[0]) &&
                   PyCallable_Check(args[1]) && PyTuple_Check(args[2]);
  if (!fit) PyErr_SetString(PyExc_TypeError, "expected a Tensor, a function, a tuple of edges, and a tuple to save");
  return fit;
}

PyObject* saved_of(PyObject* const* args, Py_ssize_t count) { return count == 4 ? new_ref(args[3]) : PyTuple_New(0); }

// A graph that grows from one backward pass to the next is most likely kept alive by mistake (total += loss).
std::uint32_t span_of(PyObject* edges) {
  std::uint32_t span = 0;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(edges); ++i) {
    PyObject* edge = PyTuple_GET_ITEM(edges, i);
    if (Py_TYPE(edge) != node_class) continue;
    const PyNode* input = as_py_node(edge);
    span = std::max(span, input->span + (input->epoch != epoch));
  }
  return span;
}

PyObject* told(PyObject* listener, PyObject* const* args, std::size_t count) {
  PyObject* done = PyObject_Vectorcall(listener, args, count, nullptr);
  if (done == nullptr) return nullptr;
  Py_DECREF(done);
  Py_RETURN_NONE;
}

bool is_inference(PyObject* value) { return is_tensor(value) && as_py_tensor(value)->tensor.storage->inference; }

// Hangs a node on the tensor; takes over `saved`.
PyObject* hang_node(PyObject* const* args, PyObject* saved, bool saves_result) {
  if (saved == nullptr) return nullptr;
  PyObject* const* values = &PyTuple_GET_ITEM(saved, 0);
  if (std::any_of(values, values + PyTuple_GET_SIZE(saved), is_inference)) {
    PyErr_SetString(PyExc_RuntimeError,
                    "Inference tensors cannot be saved for backward. To work around you can make a clone to get a "
                    "normal tensor and use it in autograd.");
    Py_DECREF(saved);
    return nullptr;
  }
  PyObject* node = pool.take(node_class);
  if (node == nullptr) {
    Py_DECREF(saved);
    return nullptr;
  }
  PyNode* n = as_py_node(node);
  PyTensor* out = as_py_tensor(args[0]);
  new (&n->shape) Dims(out->tensor.sizes);
  n->weakrefs = nullptr;
  n->versions = nullptr;
  n->vjp = new_ref(args[1]);
  n->edges = new_ref(args[2]);
  n->saved = saved;
  n->dtype = out->tensor.dtype;
  n->device = out->tensor.device();
  n->saves_result = saves_result;
  n->number = next_number++;
  n->epoch = epoch;
  n->span = span_of(n->edges);
  note_versions(n);
  PyObject_GC_Track(node);
  PyObject* before = out->node;
  out->node = node;
  out->requires_grad = true;
  out->unrecorded = false;
  out->seen_version = out->tensor.storage->version;
  Py_XDECREF(before);
  PyObject* news[] = {node, args[0]};
  if (watcher != nullptr) return told(watcher, news, 2);
  if (n->span == suspicious_span && warn_of_growth != nullptr) return told(warn_of_growth, news, 1);
  Py_RETURN_NONE;
}

// record(out, vjp, edges, saved=()): hangs a node on `out`.
PyObject* record(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return are_recordable(args, count) ? hang_node(args, saved_of(args, count), false) : nullptr;
}

// record_result(out, vjp, edges, saved=()): the same with the result's memory as the last of what is saved; not the
// result itself, which its own node would keep alive.
PyObject* record_result(PyObject*, PyObject* const* args, Py_ssize_t count) {
  if (!are_recordable(args, count)) return nullptr;
  PyObject* given = saved_of(args, count);
  if (given == nullptr) return nullptr;
  const Py_ssize_t n = PyTuple_GET_SIZE(given);
  PyObject* saved = PyTuple_New(n + 1);
  PyObject* result = saved == nullptr ? nullptr : wrap_alias(args[0]);
  if (result == nullptr) Py_CLEAR(saved);
  for (Py_ssize_t i = 0; saved != nullptr && i < n; ++i)
    PyTuple_SET_ITEM(saved, i, new_ref(PyTuple_GET_ITEM(given, i)));
  if (saved != nullptr) PyTuple_SET_ITEM(saved, n, result);
  Py_DECREF(given);
  return hang_node(args, saved, true);
}

// register_node(type, warn_of_growth), called once by the package.
PyObject* register_node(PyObject*, PyObject* args) {
  PyObject *type, *warn;
  if (!PyArg_ParseTuple(args, "O!O", &PyType_Type, &type, &warn)) return nullptr;
  node_class = reinterpret_cast<PyTypeObject*>(new_ref(type));
  node_class->tp_dealloc = dealloc;
  warn_of_growth = new_ref(warn);
  Py_RETURN_NONE;
}

// watch_nodes(function): the function, or None, is called with every node that this thread records from now on, and
// the result that it hangs on; returns the one before.
PyObject* watch_nodes(PyObject*, PyObject* function) {
  PyObject* before = watcher == nullptr ? new_ref(Py_None) : watcher;
  watcher = function == Py_None ? nullptr : new_ref(function);
  return before;
}

// reachable(nodes): these nodes and all that their gradients can reach, newest first. Without recursion, however deep.
PyObject* reachable(PyObject*, PyObject* roots) {
  if (!PyList_Check(roots)) {
    PyErr_SetString(PyExc_TypeError, "reachable: expected a list of nodes");
    return nullptr;
  }
  std::unordered_set<PyObject*> seen;
  std::vector<PyObject*> found;
  const auto meet = [&](PyObject* object) {
    if (Py_TYPE(object) == node_class && seen.insert(object).second) found.push_back(object);
  };
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(roots); ++i) meet(PyList_GET_ITEM(roots, i));
  for (std::size_t i = 0; i < found.size(); ++i) {
    PyObject* edges = as_py_node(found[i])->edges;
    for (Py_ssize_t e = 0; e < PyTuple_GET_SIZE(edges); ++e) meet(PyTuple_GET_ITEM(edges, e));
  }
  std::sort(found.begin(), found.end(),
            [](PyObject* a, PyObject* b) { return as_py_node(a)->number > as_py_node(b)->number; });
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(found.size()));
  for (std::size_t i = 0; list != nullptr && i < found.size(); ++i) {
    PyList_SET_ITEM(list, static_cast<Py_ssize_t>(i), new_ref(found[i]));
  }
  return list;
}

// begin_backward(nodes): says that a backward pass begins; whether what the nodes saved is all there, and unchanged.
PyObject* begin_backward(PyObject*, PyObject* nodes) {
  if (!PyList_Check(nodes)) {
    PyErr_SetString(PyExc_TypeError, "begin_backward: expected a list of nodes");
    return nullptr;
  }
  ++epoch;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(nodes); ++i) {
    PyObject* node = PyList_GET_ITEM(nodes, i);
    if (!is_node(node) || as_py_node(node)->saved == nullptr || first_changed(as_py_node(node)) >= 0) Py_RETURN_FALSE;
  }
  Py_RETURN_TRUE;
}

PyMethodDef functions[] = {
    {"record", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(record)), METH_FASTCALL,
     "Hangs a node on the result of an operation."},
    {"record_result", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(record_result)), METH_FASTCALL,
     "The same, with the result as the last of what is saved."},
    {"register_node", register_node, METH_VARARGS, "Names the Python class of nodes, and who warns of growing graphs."},
    {"watch_nodes", watch_nodes, METH_O, "Calls a function with each node that this thread records, and its result."},
    {"reachable", reachable, METH_O, "All nodes that gradients can reach, newest first."},
    {"begin_backward", begin_backward, METH_O, "Says that a backward pass begins; whether what was saved is sound."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

bool is_node(PyObject* object) { return PyObject_TypeCheck(object, base_type) != 0; }

void add_node_type(PyObject* module) {
  base_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (base_type == nullptr || PyModule_AddObjectRef(module, "NodeBase", reinterpret_cast<PyObject*>(base_type)) != 0 ||
      PyModule_AddFunctions(module, functions) != 0) {
    throw PythonError{};
  }
}

}  // namespace fastgrad
