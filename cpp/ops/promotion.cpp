#include "ops/promotion.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "accelerator.h"

namespace fastgrad {
namespace {

std::atomic<DType> default_setting{DType::float32};

int category(DType t) { return t == DType::boolean ? 0 : is_integer(t) ? 1 : 2; }

int rank(const Operand& x) { return x.tensor == nullptr ? 0 : x.tensor->dim() == 0 ? 1 : 2; }

}  // namespace

DType default_dtype() { return default_setting.load(std::memory_order_relaxed); }

void set_default_dtype(DType t) {
  if (!is_floating(t))
    fail(ErrorKind::type, "set_default_dtype: only floating-point types are supported as the default");
  default_setting.store(t, std::memory_order_relaxed);
}

DType scalar_dtype(const Scalar& s) {
  switch (s.kind) {
    case Scalar::Kind::boolean:
      return DType::boolean;
    case Scalar::Kind::integer:
      return DType::int64;
    default:
      return default_dtype();
  }
}

DType own_dtype(const Operand& x) { return x.tensor == nullptr ? scalar_dtype(x.scalar) : x.tensor->dtype; }

DType promote_types(DType a, DType b) {
  const DType low = std::min(a, b), high = std::max(a, b);
  if (low == DType::uint8 && high == DType::int8) return DType::int16;
  if (low == DType::float16 && high == DType::bfloat16) return DType::float32;
  return high;  // in the order of the enum it holds both
}

DType result_type(const Operand& a, const Operand& b) {
  const DType ta = own_dtype(a), tb = own_dtype(b);
  const int ra = rank(a), rb = rank(b);
  if (ra == rb) return promote_types(ta, tb);
  const DType high = ra > rb ? ta : tb, low = ra > rb ? tb : ta;
  return category(low) > category(high) ? low : high;
}

DType result_type(const Operand& a, const Operand& b, const Operand& c) {
  DType widest[3] = {DType::boolean, DType::boolean, DType::boolean};  // of the operands of each rank
  for (const Operand* x : {&a, &b, &c}) widest[rank(*x)] = promote_types(widest[rank(*x)], own_dtype(*x));
  const DType lower = category(widest[0]) > category(widest[1]) ? widest[0] : widest[1];
  return category(lower) > category(widest[2]) ? lower : widest[2];
}

void write_scalar(const Scalar& value, DType t, void* to) {
  visit_every_dtype(t, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, bool>) {
      *static_cast<T*>(to) = value.floating != 0;
    } else if constexpr (std::is_integral_v<T>) {
      const bool is_float = value.kind == Scalar::Kind::floating;
      if (is_float && !(value.floating >= -0x1p63 && value.floating < 0x1p63)) {
        fail("value ", value.floating, " cannot be converted to type ", dtype_name(t), " without overflow");
      }
      const Index wide = is_float ? static_cast<Index>(value.floating) : value.integer;
      // A negative number in an unsigned type wraps around, as in PyTorch; beyond the range is an error.
      const Index low = std::is_unsigned_v<T> ? -static_cast<Index>(std::numeric_limits<T>::max())
                                              : static_cast<Index>(std::numeric_limits<T>::min());
      if (wide < low || wide > static_cast<Index>(std::numeric_limits<T>::max())) {
        fail("value ", wide, " cannot be converted to type ", dtype_name(t),
             " without overflow; use a smaller number or a wider dtype");
      }
      *static_cast<T*>(to) = static_cast<T>(wide);
    } else {
      *static_cast<T*>(to) = rounded_to<T>(value.floating);
    }
  });
}

Tensor scalar_tensor(const Scalar& value, DType t) {
  Tensor out = empty({}, t);
  if (const Accelerator* cuda = accelerator_of(out)) {
    alignas(8) unsigned char number[8];
    write_scalar(value, t, number);
    cuda->fill(out, number);
  } else {
    write_scalar(value, t, out.raw());
  }
  return out;
}

void check_can_cast(const char* op, DType from, DType to) {
  if (category(from) > category(to)) {
    fail(op, ": result type ", dtype_name(from), " can't be cast to the desired output type ", dtype_name(to),
         "; convert the tensor first, e.g. with .to(", dtype_name(from), ")");
  }
}

}  // namespace fastgrad
