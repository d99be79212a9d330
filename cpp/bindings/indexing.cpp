// x[...]: what Python's index expressions mean.
#include <Python.h>

#include <memory>
#include <optional>
#include <vector>

#include "bindings/data.h"
#include "bindings/exchange.h"
#include "bindings/function.h"
#include "bindings/functions.h"
#include "ops/ops.h"

namespace fastgrad {
namespace {

// An index expression taken apart: a view by its basic parts, and index tensors for the dimensions of that view.
struct Parsed {
  Tensor view;
  ops::IndexList indices;    // empty: the view is the result
  Dims axes;                 // for each index, the dimension of x that it is about
  bool is_one_mask = false;  // the only index is a mask with dimensions

  bool is_basic() const { return indices.empty(); }
};

bool is_mask(const Tensor& t) { return t.dtype == DType::boolean || t.dtype == DType::uint8; }

bool is_array(PyObject* object) { return is_tensor(object) || PyObject_CheckBuffer(object); }

bool is_sequence(PyObject* object) {
  return PySequence_Check(object) && !is_array(object) && !PyUnicode_Check(object) && !PyDict_Check(object);
}

struct Decref {
  void operator()(PyObject* object) const { Py_XDECREF(object); }
};
using Owned = std::unique_ptr<PyObject, Decref>;

Owned owned(PyObject* object) {
  if (object == nullptr) throw PythonError{};
  return Owned(object);
}

// PyTorch takes a short list for a tuple when it holds more than numbers: x[[[0, 1], [1, 0]]] is x[[0, 1], [1, 0]].
bool stands_for_tuple(PyObject* index) {
  if (!is_sequence(index) || PySequence_Size(index) >= 32) {
    PyErr_Clear();
    return false;
  }
  const Owned items = owned(PySequence_Fast(index, "index: expected a sequence"));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(items.get(), i);
    if (is_tensor(item) || PySequence_Check(item) || PySlice_Check(item) || item == Py_None || item == Py_Ellipsis) {
      return true;
    }
  }
  return false;
}

// The entries of an index expression, as a tuple.
Owned entries_of(PyObject* index) {
  if (PyTuple_Check(index)) {
    Py_INCREF(index);
    return Owned(index);
  }
  return owned(stands_for_tuple(index) ? PySequence_Tuple(index) : PyTuple_Pack(1, index));
}

// Lists, and arrays of other libraries. An empty list selects nothing.
Tensor index_tensor_from(PyObject* entry) {
  if (!is_sequence(entry) && !PyObject_CheckBuffer(entry)) {
    fail(
        ErrorKind::index,
        "only integers, slices (`:`), ellipsis (`...`), None and long or bool tensors or lists are valid indices (got ",
        Py_TYPE(entry)->tp_name, ")");
  }
  const DeviceGuard guard(host_device);
  Tensor t = tensor_from(entry, std::nullopt);
  const bool is_empty = t.numel() == 0 && is_floating(t.dtype);
  return is_empty || (is_integer(t.dtype) && t.dtype != DType::uint8) ? ops::cast(t, DType::int64) : t;
}

bool is_array_entry(PyObject* entry) {
  return !is_tensor(entry) && !PyBool_Check(entry) && entry != Py_None && entry != Py_Ellipsis &&
         !PySlice_Check(entry) && (PySequence_Check(entry) || !PyIndex_Check(entry));
}

// An index where x is. Those of the host may be anywhere, as in PyTorch.
Tensor index_on(Device device, const Tensor& index) {
  if (index.device() == device || index.dim() == 0) return index;
  if (index.device().is_cuda()) {
    fail("indices should be either on cpu or on the same device as the indexed tensor (", device, "), got ",
         index.device());
  }
  return ops::to_device(index, device, false);
}

class Parser {
 public:
  explicit Parser(const Tensor& x) : x_(x), out_{x, {}, {}} {}

  Parsed parse(PyObject* index) {
    if (PyLong_CheckExact(index)) {
      take_integer(index, 1);
      return std::move(out_);
    }
    const Owned tuple = entries_of(index);
    std::vector<Entry> entries;
    Index total = 0;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple.get()); ++i) {
      entries.push_back(entry_of(PyTuple_GET_ITEM(tuple.get(), i)));
      total += entries.back().consumed;
    }
    for (const Entry& entry : entries) take(entry, total);
    out_.is_one_mask = masks_ == 1 && tensors_ == 1;
    return std::move(out_);
  }

  // A mask that is the whole index expression, in a shape that broadcasts to that of x.
  Tensor parse_mask(const Tensor& mask) const {
    check_mask(mask, mask.dim());
    const Tensor here = index_on(x_.device(), mask);
    Tensor wide = here.dtype == DType::boolean ? here : ops::cast(here, DType::boolean);
    while (wide.dim() < x_.dim()) wide = ops::unsqueeze(wide, wide.dim());
    return wide;
  }

 private:
  // An element of the index expression: as it is, or as a tensor.
  struct Entry {
    PyObject* object;
    std::optional<Tensor> tensor;
    Index consumed;  // how many dimensions of x it stands for
  };

  Entry entry_of(PyObject* object) const {
    if (object == Py_None || object == Py_Ellipsis || PyBool_Check(object)) {
      return {object, std::nullopt, 0};
    }
    std::optional<Tensor> tensor;
    if (is_tensor(object)) {
      Call call;
      tensor = tensor_argument(object, call);
    } else if (is_array_entry(object)) {
      tensor = index_tensor_from(object);
    }
    if (tensor) tensor = index_on(x_.device(), *tensor);
    return {object, tensor, tensor && is_mask(*tensor) ? tensor->dim() : 1};
  }

  void take(const Entry& entry, Index total) {
    if (entry.tensor) {
      take_tensor(*entry.tensor, total);
    } else if (PySlice_Check(entry.object)) {
      take_slice(entry.object, total);
    } else if (entry.object == Py_None) {
      out_.view = ops::unsqueeze(out_.view, at_++);
    } else if (entry.object == Py_Ellipsis) {
      const int skipped = static_cast<int>(x_.dim() - total);
      if (skipped < 0) too_many(total);
      at_ += skipped;
      axis_ += skipped;
    } else if (PyBool_Check(entry.object)) {
      take_bool(entry.object == Py_True);
    } else {
      take_integer(entry.object, total);
    }
  }

  [[noreturn]] void too_many(Index total) const {
    fail(ErrorKind::index, "too many indices for tensor of dimension ", x_.dim(), ": got ", total, " for shape ",
         x_.sizes);
  }

  void check_dimension(Index total) const {
    if (at_ >= out_.view.dim()) too_many(total);
  }

  void take_integer(PyObject* number, Index total) {
    const Owned integer = owned(PyNumber_Index(number));
    int overflow = 0;
    const Index i = PyLong_AsLongLongAndOverflow(integer.get(), &overflow);
    if (overflow == 0) return take_position(i, total);
    const Owned text = owned(PyObject_Str(integer.get()));
    const char* written = PyUnicode_AsUTF8(text.get());
    if (written == nullptr) throw PythonError{};
    check_dimension(total);
    out_of_bounds(written);
  }

  template <class T>
  [[noreturn]] void out_of_bounds(T index) const {
    fail(ErrorKind::index, "index ", index, " is out of bounds for dimension ", axis_, " with size ",
         out_.view.sizes[at_], " (shape ", x_.sizes, ")");
  }

  void take_position(Index i, Index total) {
    if (x_.dim() == 0) {
      fail(ErrorKind::index,
           "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a "
           "Python number");
    }
    check_dimension(total);
    const Index n = out_.view.sizes[at_];
    if (i < -n || i >= n) out_of_bounds(i);
    out_.view = ops::select(out_.view, at_, i);
    ++axis_;
  }

  void take_slice(PyObject* slice, Index total) {
    if (x_.dim() == 0) fail(ErrorKind::index, "slice: a 0-dim tensor cannot be sliced; use .item()");
    check_dimension(total);
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(slice, &start, &stop, &step) < 0) throw PythonError{};
    if (step <= 0) fail(ErrorKind::value, "step must be greater than zero, got ", step, "; use flip() to reverse");
    if (start != 0 || stop < out_.view.sizes[at_] || step != 1) {
      out_.view = ops::slice(out_.view, at_, start, stop, step);
    }
    ++at_;
    ++axis_;
  }

  void take_bool(bool value) {
    out_.view = ops::unsqueeze(out_.view, at_);
    add_index(ops::zeros({value ? 1 : 0}, DType::int64), -1);
  }

  void take_tensor(const Tensor& t, Index total) {
    if (is_mask(t)) {
      if (t.dim() == 0) return take_bool(ops::item(t).integer != 0);
      take_mask(t, total);
    } else if (t.dim() == 0 && is_integer(t.dtype)) {
      take_position(ops::item(t).integer, total);
    } else if (t.dtype == DType::int64 || t.dtype == DType::int32) {
      check_dimension(total);
      add_index(t, axis_++);
    } else {
      fail(ErrorKind::index, "tensors used as indices must be long, int, byte or bool tensors, got ",
           dtype_name(t.dtype), "; convert with .long()");
    }
  }

  void take_mask(const Tensor& mask, Index total) {
    check_mask(mask, total);
    const int end = at_ + mask.dim();
    axis_ += mask.dim() - 1;
    ++masks_;
    if (!is_one_step(at_, end)) {
      const Tensor positions = ops::nonzero(mask);
      tensors_ -= mask.dim() - 1;
      for (int d = 0; d < mask.dim(); ++d) add_index(ops::select(positions, 1, d), axis_);
    } else {  // these dimensions are as good as one
      for (int d = end - 1; d > at_; --d) {
        out_.view.sizes[d - 1] *= out_.view.sizes[d];
        out_.view.strides[d - 1] = out_.view.strides[d];
        out_.view.sizes.erase(d);
        out_.view.strides.erase(d);
      }
      add_index(ops::view(ops::nonzero(ops::reshape(mask, {-1})), {-1}), axis_);
    }
    ++axis_;
  }

  void check_mask(const Tensor& mask, Index total) const {
    for (int d = 0; d < mask.dim(); ++d) {
      if (at_ + d >= out_.view.dim()) too_many(total);
      if (mask.sizes[d] != out_.view.sizes[at_ + d]) {
        fail(ErrorKind::index, "The shape of the mask ", mask.sizes, " at index ", d,
             " does not match the shape of the indexed tensor ", x_.sizes, " at index ", axis_ + d);
      }
    }
  }

  // Whether the elements of these dimensions, in their order, are one step apart from each other.
  bool is_one_step(int begin, int end) const {
    for (int d = begin; d + 1 < end; ++d) {
      if (out_.view.strides[d] != out_.view.sizes[d + 1] * out_.view.strides[d + 1]) return false;
    }
    return true;
  }

  void add_index(Tensor index, int axis) {
    out_.indices.resize(static_cast<std::size_t>(at_));
    out_.indices.emplace_back(std::move(index));
    while (out_.axes.size() < at_) out_.axes.push_back(-1);
    out_.axes.push_back(axis);
    ++at_;
    ++tensors_;
  }

  const Tensor& x_;
  Parsed out_;
  int at_ = 0;    // the dimension of the view that the next entry is about
  int axis_ = 0;  // the dimension of x that it is about, for messages
  int masks_ = 0, tensors_ = 0;
};

// Leading dimensions of size 1 that the target lacks are dropped, as in PyTorch.
Tensor fitted(Tensor value, int dims) {
  while (value.dim() > dims && value.sizes[0] == 1) value = ops::select(value, 0, 0);
  return value;
}

void assign(const Parsed& target, const Tensor& value, bool accumulate) {
  if (!target.is_basic()) {
    ops::index_put_(target.view, target.indices, value, accumulate, target.axes);
  } else if (accumulate) {
    ops::binary_(Binary::add, "add_", target.view, {&value, {}});
  } else {
    ops::transfer_(target.view, fitted(value, target.view.dim()), false);
  }
}

// What is assigned: a tensor, a number, or an array of another library.
Tensor value_tensor(PyObject* value, const Tensor& x, Call& call) {
  if (is_tensor(value)) return tensor_argument(value, call);
  if (is_number(value)) return scalar_tensor(scalar_from(value), x.dtype);
  if (!PyObject_CheckBuffer(value) || PyBytes_Check(value)) {
    fail(ErrorKind::type, "can't assign a ", Py_TYPE(value)->tp_name, " to a tensor of ", dtype_name(x.dtype),
         "; make a tensor of it first");
  }
  const DeviceGuard guard(host_device);
  return ops::cast(tensor_on_buffer(value), x.dtype);
}

// PyTorch moves what is assigned to a view, and single numbers, but nothing else.
Tensor value_for(const Parsed& target, const Tensor& value) {
  const Device device = target.view.device();
  if (target.is_basic() || value.device() == device) return value;
  if (value.dim() > 0) {
    fail("Index put requires the source and destination on one device, got ", device, " for the destination and ",
         value.device(), " for the source; move it with .to(...)");
  }
  return ops::to_device(value, device, false);
}

// PyTorch converts what is assigned to a view, and one number for a mask, but nothing else.
void check_dtypes(const Parsed& target, const Tensor& value, bool may_convert) {
  if (target.is_basic() || value.dtype == target.view.dtype || may_convert) return;
  fail("Index put requires the source and destination dtypes match, got ", dtype_name(target.view.dtype),
       " for the destination and ", dtype_name(value.dtype), " for the source; convert it with .to(...)");
}

template <class F>
PyObject* guarded(const char* name, PyObject* const* args, Py_ssize_t count, Py_ssize_t expected, const F& f) {
  try {
    if (count != expected) fail(ErrorKind::type, "expected ", expected, " positional arguments, got ", count);
    const DeviceGuard guard(is_tensor(args[0]) ? as_py_tensor(args[0])->tensor.device() : host_device);
    return f();
  } catch (const BatchedArgument&) {
    return batched_call(name, args, count);
  } catch (const NoKernel&) {
    PyErr_SetString(PyExc_NotImplementedError, NoKernel(name).what());
    return nullptr;
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

// x[i] for an integer within bounds: what loops over rows ask for, without the Parser's state.
std::optional<Tensor> row_at(const Tensor& x, PyObject* index) {
  if (!PyLong_CheckExact(index) || x.dim() == 0) return std::nullopt;
  int overflow = 0;
  const Index i = PyLong_AsLongLongAndOverflow(index, &overflow);
  if (overflow != 0 || i < -x.sizes[0] || i >= x.sizes[0]) return std::nullopt;
  return ops::select(x, 0, i);
}

// getitem(x, index): a view when the index is basic (integers, slices, None, ...), else a new tensor.
PyObject* getitem(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded("getitem", args, count, 2, [&] {
    Call call;
    const Tensor& x = tensor_argument(args[0], call);
    if (std::optional<Tensor> row = row_at(x, args[1])) return wrap_result(std::move(*row), call, Kind::view, args[0]);
    Parsed parsed = Parser(x).parse(args[1]);
    if (parsed.is_basic()) return wrap_result(std::move(parsed.view), call, Kind::view, args[0]);
    const auto result = [&] {
      const GilRelease gil(call.elements > release_threshold);
      return ops::index(parsed.view, parsed.indices, parsed.axes);
    };
    return wrap_result(result(), call, Kind::differentiable, args[0]);
  });
}

void put(PyObject* const* args, bool accumulate) {
  Call call;
  const Tensor& x = tensor_argument(args[0], call);
  const Tensor value = value_tensor(args[2], x, call);
  if (is_tensor(args[1]) && value.numel() == 1 && !accumulate) {
    const Tensor& mask = tensor_argument(args[1], call);
    if (is_mask(mask) && mask.dim() > 0) {
      const Tensor fill = value.device() == x.device() ? value : ops::to_device(value, x.device(), false);
      return ops::masked_fill_(x, Parser(x).parse_mask(mask), fill);
    }
  }
  const Parsed target = Parser(x).parse(args[1]);
  check_dtypes(target, value, target.is_one_mask && value.numel() == 1 && !accumulate);
  const Tensor here = value_for(target, value);
  const GilRelease gil(call.elements > release_threshold);
  assign(target, here, accumulate);
}

// setitem(x, index, value)
PyObject* setitem(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded("setitem", args, count, 3, [&] {
    put(args, false);
    Py_INCREF(Py_None);
    return Py_None;
  });
}

// index_put_(x, index, value, accumulate): the same, or x[index] += value with every index in turn.
PyObject* index_put_(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded("index_put_", args, count, 4, [&] {
    put(args, args[3] == Py_True);
    Py_INCREF(args[0]);
    return args[0];
  });
}

// getitem_backward(gradient, sizes, index): zeros with the gradient added at the index.
PyObject* getitem_backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded("getitem_backward", args, count, 3, [&] {
    Call call;
    const Tensor& g = tensor_argument(args[0], call);
    Tensor out = ops::zeros(dims_argument(args[1]), g.dtype);
    const Parsed target = Parser(out).parse(args[2]);
    assign(target, g, !target.is_basic());
    out.storage->version = 0;
    return wrap_result(std::move(out), call, Kind::differentiable, nullptr);
  });
}

// An entry of an index expression as what does not change later: numbers, new index tensors, and those of the user,
// whose versions tell of changes.
void freeze(PyObject* entry, std::vector<Owned>& frozen) {
  const bool is_given = is_tensor(entry);
  if (!is_given && !is_array_entry(entry)) {
    Py_INCREF(entry);
    frozen.emplace_back(entry);
    return;
  }
  Call call;
  const Tensor t = is_given ? tensor_argument(entry, call) : index_tensor_from(entry);
  const DeviceGuard guard(t.device());
  if (t.dim() == 0) {
    frozen.push_back(owned(is_mask(t) ? PyBool_FromLong(ops::item(t).integer != 0) : wrap_scalar(ops::item(t))));
  } else if (is_mask(t)) {
    const Tensor positions = ops::nonzero(t);
    for (int d = 0; d < t.dim(); ++d) frozen.push_back(owned(wrap(ops::select(positions, 1, d))));
  } else if (is_given) {
    Py_INCREF(entry);
    frozen.emplace_back(entry);
  } else {
    frozen.push_back(owned(wrap(Tensor(t))));
  }
}

// frozen_index(index): the same index expression as a tuple, in which masks, lists and arrays are index tensors.
PyObject* frozen_index(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded("frozen_index", args, count, 1, [&] {
    const Owned entries = entries_of(args[0]);
    std::vector<Owned> frozen;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(entries.get()); ++i) {
      freeze(PyTuple_GET_ITEM(entries.get(), i), frozen);
    }
    Owned tuple = owned(PyTuple_New(static_cast<Py_ssize_t>(frozen.size())));
    for (std::size_t i = 0; i < frozen.size(); ++i) {
      PyTuple_SET_ITEM(tuple.get(), static_cast<Py_ssize_t>(i), frozen[i].release());
    }
    return tuple.release();
  });
}

// is_basic_index(x, index): whether x[index] is a view.
PyObject* is_basic_index(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded("is_basic_index", args, count, 2, [&] {
    Call call;
    return PyBool_FromLong(Parser(tensor_argument(args[0], call)).parse(args[1]).is_basic());
  });
}

template <class F>
PyCFunction as_function(F* f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

PyMethodDef functions[] = {
    {"getitem", as_function(getitem), METH_FASTCALL, "x[index]"},
    {"setitem", as_function(setitem), METH_FASTCALL, "x[index] = value"},
    {"index_put_", as_function(index_put_), METH_FASTCALL, "x[index] = value, or every value added in turn."},
    {"getitem_backward", as_function(getitem_backward), METH_FASTCALL, "Zeros with a gradient added at an index."},
    {"frozen_index", as_function(frozen_index), METH_FASTCALL, "An index expression that does not change later."},
    {"is_basic_index", as_function(is_basic_index), METH_FASTCALL, "Whether x[index] is a view."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void add_indexing(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) != 0) throw PythonError{};
}

}  // namespace fastgrad
