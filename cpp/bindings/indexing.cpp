// x[...]: what Python's index expressions mean.
#include <Python.h>

#include "bindings/data.h"
#include "bindings/function.h"
#include "bindings/functions.h"
#include "ops/ops.h"

namespace fastgrad {
namespace {

// An index expression taken apart: a view by its basic parts, and index tensors for the dimensions of that view.
struct Parsed {
  Tensor view;
  ops::IndexList indices;  // empty: the view is the result

  bool is_basic() const { return indices.empty(); }
};

bool is_mask(const Tensor& t) { return t.dtype == DType::boolean || t.dtype == DType::uint8; }

class Parser {
 public:
  explicit Parser(const Tensor& x) : x_(x), out_{x, {}} {}

  Parsed parse(PyObject* index) {
    if (!PyTuple_Check(index)) {
      take(index, consumed(index));
    } else {
      Index total = 0;
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(index); ++i) total += consumed(PyTuple_GET_ITEM(index, i));
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(index); ++i) take(PyTuple_GET_ITEM(index, i), total);
    }
    return std::move(out_);
  }

 private:
  // How many dimensions of x an entry stands for.
  static Index consumed(PyObject* entry) {
    if (entry == Py_None || entry == Py_Ellipsis || PyBool_Check(entry)) return 0;
    if (is_tensor(entry)) {
      const Tensor& t = as_py_tensor(entry)->tensor;
      return is_mask(t) ? t.dim() : 1;
    }
    if (!PyLong_Check(entry) && !PySlice_Check(entry) && !PyIndex_Check(entry)) {
      const Tensor t = tensor_from(entry, std::nullopt);
      return is_mask(t) ? t.dim() : 1;
    }
    return 1;
  }

  void take(PyObject* entry, Index total) {
    if (PySlice_Check(entry)) {
      take_slice(entry);
    } else if (entry == Py_None) {
      out_.view = ops::unsqueeze(out_.view, at_++);
    } else if (entry == Py_Ellipsis) {
      const int skipped = static_cast<int>(x_.dim() - total);
      if (skipped < 0) too_many(total);
      at_ += skipped;
      axis_ += skipped;
    } else if (PyBool_Check(entry)) {
      take_bool(entry == Py_True);
    } else if (is_tensor(entry)) {
      take_tensor(as_py_tensor(entry)->tensor, total);
    } else if (PyIndex_Check(entry)) {
      take_integer(Argument<Index>(entry, call_).get(), total);
    } else {
      take_tensor(index_tensor_from(entry), total);
    }
  }

  // Lists, and arrays of other libraries. An empty list selects nothing.
  static Tensor index_tensor_from(PyObject* entry) {
    if (PyFloat_Check(entry) || PyUnicode_Check(entry) || PyDict_Check(entry)) {
      fail(ErrorKind::index,
           "only integers, slices (`:`), ellipsis (`...`), None and long or bool tensors or lists are ",
           "valid indices (got ", Py_TYPE(entry)->tp_name, ")");
    }
    const Tensor t = tensor_from(entry, std::nullopt);
    return t.numel() == 0 && is_floating(t.dtype) ? ops::cast(t, DType::int64) : t;
  }

  [[noreturn]] void too_many(Index total) const {
    fail(ErrorKind::index, "too many indices for tensor of dimension ", x_.dim(), ": got ", total, " for shape ",
         x_.sizes);
  }

  void check_dimension(Index total) const {
    if (at_ >= out_.view.dim()) too_many(total);
  }

  void take_integer(Index i, Index total) {
    if (x_.dim() == 0) {
      fail(ErrorKind::index,
           "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a "
           "Python number");
    }
    check_dimension(total);
    const Index n = out_.view.sizes[at_];
    if (i < -n || i >= n) {
      fail(ErrorKind::index, "index ", i, " is out of bounds for dimension ", axis_, " with size ", n, " (shape ",
           x_.sizes, ")");
    }
    out_.view = ops::select(out_.view, at_, i);
    ++axis_;
  }

  void take_slice(PyObject* entry) {
    if (at_ >= out_.view.dim()) {
      fail(ErrorKind::index,
           x_.dim() == 0 ? "a 0-dim tensor cannot be sliced; use .item()" : "too many indices for tensor of dimension ",
           x_.dim() == 0 ? "" : std::to_string(x_.dim()));
    }
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(entry, &start, &stop, &step) < 0) throw PythonError{};
    if (step <= 0) fail(ErrorKind::value, "step must be greater than zero, got ", step, "; use flip() to reverse");
    if (start != 0 || stop < out_.view.sizes[at_] || step != 1) {
      out_.view = ops::slice(out_.view, at_, start, stop, step);
    }
    ++at_;
    ++axis_;
  }

  void take_bool(bool value) {
    out_.view = ops::unsqueeze(out_.view, at_);
    add_index(ops::zeros({value ? 1 : 0}, DType::int64));
  }

  void take_tensor(const Tensor& t, Index total) {
    if (is_mask(t)) {
      if (t.dim() == 0) return take_bool(ops::item(t).integer != 0);
      take_mask(t, total);
    } else if (t.dim() == 0 && is_integer(t.dtype)) {
      take_integer(ops::item(t).integer, total);
    } else if (is_integer(t.dtype)) {
      check_dimension(total);
      ++axis_;
      add_index(t.dtype == DType::int64 ? t : ops::cast(t, DType::int64));
    } else {
      fail(ErrorKind::index, "tensors used as indices must be long, int, byte or bool tensors, got ",
           dtype_name(t.dtype));
    }
  }

  void take_mask(const Tensor& mask, Index total) {
    for (int d = 0; d < mask.dim(); ++d) {
      if (at_ + d >= out_.view.dim()) too_many(total);
      if (mask.sizes[d] != out_.view.sizes[at_ + d]) {
        fail(ErrorKind::index, "The shape of the mask ", mask.sizes, " at index ", d,
             " does not match the shape of the indexed tensor ", x_.sizes, " at index ", axis_ + d);
      }
    }
    const Tensor positions = ops::nonzero(mask);
    for (int d = 0; d < mask.dim(); ++d) add_index(ops::select(positions, 1, d));
    axis_ += mask.dim();
  }

  void add_index(Tensor index) {
    out_.indices.resize(static_cast<std::size_t>(at_));
    out_.indices.emplace_back(std::move(index));
    ++at_;
  }

  const Tensor& x_;
  Parsed out_;
  Call call_;
  int at_ = 0;    // the dimension of the view that the next entry is about
  int axis_ = 0;  // the dimension of x that it is about, for messages
};

// Leading dimensions of size 1 that the target lacks are dropped, as in PyTorch.
Tensor fitted(Tensor value, int dims) {
  while (value.dim() > dims && value.sizes[0] == 1) value = ops::select(value, 0, 0);
  return value;
}

void assign(const Parsed& target, const Tensor& value, bool accumulate) {
  if (!target.is_basic()) {
    ops::index_put_(target.view, target.indices, value, accumulate);
  } else if (accumulate) {
    ops::binary_(Binary::add, "add_", target.view, {&value, {}});
  } else {
    ops::copy_(target.view, fitted(value, target.view.dim()));
  }
}

Tensor value_tensor(PyObject* value, DType dtype, Call& call) {
  if (is_tensor(value)) return tensor_argument(value, call);
  return is_number(value) ? scalar_tensor(scalar_from(value), dtype) : tensor_from(value, dtype);
}

template <class F>
PyObject* guarded(Py_ssize_t count, Py_ssize_t expected, const F& f) {
  try {
    if (count != expected) fail(ErrorKind::type, "expected ", expected, " positional arguments, got ", count);
    return f();
  } catch (...) {
    translate_exception();
    return nullptr;
  }
}

// getitem(x, index): a view when the index is basic (integers, slices, None, ...), else a new tensor.
PyObject* getitem(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded(count, 2, [&] {
    Call call;
    const Tensor& x = tensor_argument(args[0], call);
    Parsed parsed = Parser(x).parse(args[1]);
    if (parsed.is_basic()) return wrap_result(std::move(parsed.view), call, Kind::view, args[0]);
    const auto result = [&] {
      const GilRelease gil(call.elements > release_threshold);
      return ops::index(parsed.view, parsed.indices);
    };
    return wrap_result(result(), call, Kind::differentiable, args[0]);
  });
}

// setitem(x, index, value)
PyObject* setitem(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded(count, 3, [&] {
    Call call;
    const Tensor& x = tensor_argument(args[0], call);
    const Tensor value = value_tensor(args[2], x.dtype, call);
    assign(Parser(x).parse(args[1]), value, false);
    Py_INCREF(Py_None);
    return Py_None;
  });
}

// getitem_backward(gradient, sizes, index): zeros with the gradient added at the index.
PyObject* getitem_backward(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded(count, 3, [&] {
    Call call;
    const Tensor& g = tensor_argument(args[0], call);
    Tensor out = ops::zeros(dims_argument(args[1]), g.dtype);
    const Parsed target = Parser(out).parse(args[2]);
    assign(target, g, !target.is_basic());
    out.storage->version = 0;
    return wrap_result(std::move(out), call, Kind::differentiable, nullptr);
  });
}

// is_basic_index(x, index): whether x[index] is a view.
PyObject* is_basic_index(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded(count, 2, [&] {
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
    {"getitem_backward", as_function(getitem_backward), METH_FASTCALL, "Zeros with a gradient added at an index."},
    {"is_basic_index", as_function(is_basic_index), METH_FASTCALL, "Whether x[index] is a view."},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace

void add_indexing(PyObject* module) {
  if (PyModule_AddFunctions(module, functions) != 0) throw PythonError{};
}

}  // namespace fastgrad
