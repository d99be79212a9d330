// DLPack: the exchange of arrays among libraries, as the ABI of its versions 0 and 1 has it.
#include <memory>
#include <type_traits>

#include "accelerator.h"
#include "bindings/exchange.h"
#include "bindings/tensor_type.h"
#include "ops/ops.h"

namespace fastgrad {
namespace {

struct Place {
  std::int32_t type;
  std::int32_t id;
};

struct ElementType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};

struct Array {
  void* data;
  Place place;
  std::int32_t ndim;
  ElementType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null: row-major order
  std::uint64_t byte_offset;
};

struct Managed {
  Array array;
  void* context;
  void (*deleter)(Managed*);
};

struct Version {
  std::uint32_t major;
  std::uint32_t minor;
};

struct ManagedVersioned {
  Version version;
  void* context;
  void (*deleter)(ManagedVersioned*);
  std::uint64_t flags;
  Array array;
};

constexpr std::int32_t cpu = 1, cuda = 2, cuda_pinned = 3;  // types of places
constexpr std::uint64_t read_only_flag = 1;
constexpr std::uint64_t copied_flag = 2;

// A capsule's name while it holds memory, and once that was taken.
template <class M>
constexpr const char* fresh_name = std::is_same_v<M, Managed> ? "dltensor" : "dltensor_versioned";
template <class M>
constexpr const char* used_name = std::is_same_v<M, Managed> ? "used_dltensor" : "used_dltensor_versioned";

constexpr std::uint8_t type_code(DType t) {
  if (t == DType::boolean) return 6;
  if (t == DType::bfloat16) return 4;
  if (is_floating(t)) return 2;
  return is_signed(t) ? 0 : 1;
}

ElementType element_type(DType t) { return {type_code(t), static_cast<std::uint8_t>(8 * item_size(t)), 1}; }

DType dtype_of(const ElementType& type) {
  for (int i = 0; i < dtype_count; ++i) {
    const auto t = static_cast<DType>(i);
    if (type.code == type_code(t) && type.bits == 8 * item_size(t) && type.lanes == 1) return t;
  }
  constexpr const char* kinds[] = {"int", "uint", "float", "opaque handle", "bfloat", "complex", "bool"};
  fail(ErrorKind::buffer, "from_dlpack: no dtype for elements of type ",
       type.code < std::size(kinds) ? kinds[type.code] : "unknown", " with ", static_cast<int>(type.bits), " bits and ",
       type.lanes,
       " lanes; the supported types are: float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8 and "
       "bool");
}

// Export

template <class M>
struct Exported {
  M managed{};
  StorageRef storage;
  Dims sizes;
  Dims strides;
};

// Called by whoever took the memory, in any thread.
template <class M>
void delete_exported(M* managed) {
  delete static_cast<Exported<M>*>(managed->context);
}

// Called for every capsule; one that nobody took still holds the memory.
template <class M>
void free_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, fresh_name<M>)) return;
  delete_exported(static_cast<M*>(PyCapsule_GetPointer(capsule, fresh_name<M>)));
}

template <class M>
PyObject* make_capsule(const Tensor& t, [[maybe_unused]] std::uint64_t flags) {
  auto exported = std::make_unique<Exported<M>>();
  exported->storage = t.storage;
  exported->sizes = t.sizes;
  exported->strides = t.strides;
  M& managed = exported->managed;
  const Device device = t.device();
  const Place place = device.is_cuda() ? Place{cuda, device.index} : Place{cpu, 0};
  managed.array = {
      t.address(), place, t.dim(), element_type(t.dtype), exported->sizes.begin(), exported->strides.begin(), 0};
  managed.context = exported.get();
  managed.deleter = delete_exported<M>;
  if constexpr (std::is_same_v<M, ManagedVersioned>) {
    managed.version = {1, 0};
    managed.flags = flags;
  }
  PyObject* capsule = PyCapsule_New(&managed, fresh_name<M>, free_capsule<M>);
  if (capsule == nullptr) throw PythonError{};
  exported.release();
  return capsule;
}

// Import

void check_array(const Array& array) {
  const std::int32_t type = array.place.type;
  if (type != cpu && type != cuda && type != cuda_pinned) {
    fail(ErrorKind::buffer, "from_dlpack: the memory is on a device of type ", type, " (only the CPU's, type ", cpu,
         ", and CUDA's, type ", cuda, ", can be shared); move it to the CPU first");
  }
  if (type == cuda && accelerator() == nullptr) {
    fail(ErrorKind::buffer, "from_dlpack: the memory is on a device of type ", type,
         ", a CUDA device, and this fastgrad was built without CUDA; move it to the CPU first");
  }
  if (type == cuda) ops::check_cuda(array.place.id);
  if (array.ndim < 0 || array.ndim > Dims::max_size || (array.ndim > 0 && array.shape == nullptr)) {
    fail(ErrorKind::buffer, "from_dlpack: not an array: it has ", array.ndim, " dimensions",
         array.shape == nullptr ? " and no shape" : "", "; expected 0 to ", Dims::max_size);
  }
}

Tensor described(const Array& array, const StorageRef& storage) {
  const DType dtype = dtype_of(array.dtype);
  Dims sizes(array.ndim);
  for (int d = 0; d < array.ndim; ++d) sizes[d] = array.shape[d];
  numel_of(sizes);  // before strides are made from it
  Dims strides = contiguous_strides(sizes);
  for (int d = 0; d < array.ndim && array.strides != nullptr; ++d) strides[d] = array.strides[d];
  return foreign_tensor("array", storage, sizes, strides, dtype);
}

template <class M>
void call_deleter(void* owner) {
  auto* managed = static_cast<M*>(owner);
  if (managed->deleter != nullptr) managed->deleter(managed);
}

template <class M>
Tensor take(PyObject* capsule) {
  auto* managed = static_cast<M*>(PyCapsule_GetPointer(capsule, fresh_name<M>));
  if constexpr (std::is_same_v<M, ManagedVersioned>) {
    if (managed->version.major != 1) {
      fail(ErrorKind::buffer, "from_dlpack: the capsule is of DLPack version ", managed->version.major, ".",
           managed->version.minor, "; expected version 1");
    }
  }
  const Array& array = managed->array;
  check_array(array);
  void* data = array.data == nullptr ? nullptr : static_cast<char*>(array.data) + array.byte_offset;
  // Until all is checked the capsule owns the memory.
  const StorageRef storage = foreign_storage(data, 0, [](void*) {}, managed);
  if (array.place.type == cuda) storage->device = Device{static_cast<std::int8_t>(array.place.id)};
  if constexpr (std::is_same_v<M, ManagedVersioned>) storage->read_only = (managed->flags & read_only_flag) != 0;
  Tensor out = described(array, storage);
  if (PyCapsule_SetName(capsule, used_name<M>) != 0) throw PythonError{};
  storage->release = call_deleter<M>;
  return out;
}

}  // namespace

bool offers_dlpack(PyObject* object) {
  if (PyList_Check(object) || PyTuple_Check(object)) return false;
  PyObject* method = PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(object)), "__dlpack__");
  PyErr_Clear();
  Py_XDECREF(method);
  return method != nullptr;
}

Tensor tensor_on_dlpack(PyObject* object) {
  PyObject* capsule = PyObject_CallMethod(object, "__dlpack__", nullptr);
  if (capsule == nullptr) throw PythonError{};
  try {
    Tensor out = tensor_on_capsule(capsule);
    Py_DECREF(capsule);
    return out;
  } catch (...) {
    Py_DECREF(capsule);
    throw;
  }
}

Tensor tensor_on_capsule(PyObject* capsule) {
  if (!PyCapsule_CheckExact(capsule)) {
    fail(ErrorKind::type,
         "from_dlpack: expected an object with a __dlpack__ method, or the capsule that it gives, got ",
         Py_TYPE(capsule)->tp_name);
  }
  if (PyCapsule_IsValid(capsule, fresh_name<ManagedVersioned>)) return take<ManagedVersioned>(capsule);
  if (PyCapsule_IsValid(capsule, fresh_name<Managed>)) return take<Managed>(capsule);
  const char* name = PyCapsule_GetName(capsule);
  if (name == nullptr) PyErr_Clear();
  fail("from_dlpack received an invalid capsule, named '", name == nullptr ? "" : name,
       "'. Note that DLTensor capsules can be consumed only once, so you might have already constructed a tensor from "
       "it once; call __dlpack__() again");
}

PyObject* capsule_of(const Tensor& t, bool versioned, bool copied) {
  const bool read_only = t.storage->read_only;
  if (versioned) {
    return make_capsule<ManagedVersioned>(t, (read_only ? read_only_flag : 0) | (copied ? copied_flag : 0));
  }
  if (read_only) {
    fail(ErrorKind::buffer,
         "the tensor's memory is read-only, which DLPack before version 1 cannot say; use tensor.clone()");
  }
  return make_capsule<Managed>(t, 0);
}

}  // namespace fastgrad
