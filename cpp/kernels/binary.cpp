// Elementwise kernels of two inputs. Plain loops: the compiler makes vectors of them for each instruction set; and
// vector loops for those functions of floats that are computed in vectors of double.
#include "kernels/binary.h"

#include "kernels.h"
#include "kernels/loop.h"
#include "kernels/trigonometry.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// In-place calls have out == a: equal addresses are fine, the ops layer copies inputs that overlap otherwise.
template <class F, class T>
void loop(void* out, const void* left, const void* right, Index n, Index so, Index sa, Index sb) {
  using Result = decltype(F::of(T{}, T{}));
  auto* o = static_cast<Result*>(out);
  const auto* a = static_cast<const T*>(left);
  const auto* b = static_cast<const T*>(right);
  if (so == 1 && sa == 1 && sb == 1) {
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = F::of(a[i], b[i]);
  } else if (so == 1 && sa == 1 && sb == 0) {
    const T y = *b;
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = F::of(a[i], y);
  } else if (so == 1 && sa == 0 && sb == 1) {
    const T x = *a;
    FASTGRAD_INDEPENDENT
    for (Index i = 0; i < n; ++i) o[i] = F::of(x, b[i]);
  } else {
    for (Index i = 0; i < n; ++i) o[i * so] = F::of(a[i * sa], b[i * sb]);
  }
}

// ------------------------------------------------------------------------- floats by way of vectors of double
//
// value() gives a result for ordinary arguments and says which these are; the others ask the scalar function.

struct Partial {
  Vec<double> value;
  decltype(Vec<double>{} < Vec<double>{}) ordinary;
};

// a^b = exp(b log(a)) for a positive base.
struct WidePow : Pow {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    return {exp(b * log(a)),
            (a > 0) & (a < FloatTraits<double>::infinity) & (magnitude(b) < FloatTraits<double>::infinity)};
  }
};

// a - n b is exact in double for floats a and b and n = trunc(a / b) below 2^28.
struct Division {
  Vec<double> quotient, rest;
  decltype(Vec<double>{} < Vec<double>{}) ordinary;
};
FASTGRAD_INLINE Division divided(Vec<double> a, Vec<double> b) {
  using V = Vec<double>;
  const V size = magnitude(a), step = magnitude(b), ratio = size / step, near = round_small(ratio);
  const V n = near > ratio ? near - 1 : near;
  return {n, with_sign(size - n * step, a), (ratio < 0x1p28) & (step < FloatTraits<double>::infinity)};
}

struct WideFmod : Fmod {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    const Division d = divided(a, b);
    return {d.rest, d.ordinary};
  }
};

struct WideRemainder : Remainder {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    const Division d = divided(a, b);
    return {(d.rest != 0) & ((d.rest < 0) != (b < 0)) ? d.rest + b : d.rest, d.ordinary};
  }
};

struct WideFloorDivide : FloorDivide {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    const Division d = divided(a, b);
    const auto negative = (a < 0) != (b < 0);
    const Vec<double> down = -(d.rest != 0 ? d.quotient + 1 : d.quotient);
    return {negative ? down : d.quotient, d.ordinary & (a != 0) & (d.quotient < 0x1p22)};
  }
};

struct WideAtan2 : Atan2 {
  FASTGRAD_INLINE static Partial value(Vec<double> y, Vec<double> x) {
    const Vec<double> slope = magnitude(y) / magnitude(x), angle = atan(slope);
    return {with_sign(x < 0 ? 2 * half_pi - angle : angle, y), slope == slope};
  }
};

struct WideHypot : Hypot {
  FASTGRAD_INLINE static Partial value(Vec<double> a, Vec<double> b) {
    const Vec<double> square = a * a + b * b;
    return {sqrt(square), square < FloatTraits<double>::infinity};
  }
};

constexpr Index wide_block = 256;

template <class F>
FASTGRAD_INLINE void wide_vector(float* out, const float* a, const float* b) {
  const Vec<double> x = load_as<double>(a), y = load_as<double>(b);
  const Partial found = F::value(x, y);
  Vec<double> result = found.value;
  if (any(~found.ordinary)) {
    for (int k = 0; k < lanes<double>; ++k) {
      if (!found.ordinary[k]) result[k] = F::of(static_cast<float>(x[k]), static_cast<float>(y[k]));
    }
  }
  store_as<double>(out, result);
}

template <class F>
void wide_contiguous(float* out, const float* a, const float* b, Index n) {
  constexpr int width = lanes<double>;
  Index i = 0;
  for (; i + width <= n; i += width) wide_vector<F>(out + i, a + i, b + i);
  if (i == n) return;
  const auto bytes = static_cast<std::size_t>(n - i) * sizeof(float);
  float x[width] = {}, y[width] = {};
  __builtin_memcpy(x, a + i, bytes);
  __builtin_memcpy(y, b + i, bytes);
  wide_vector<F>(x, x, y);
  __builtin_memcpy(out + i, x, bytes);
}

// Blocks are gathered into contiguous memory; so is a number that is repeated.
template <class F>
void wide_loop(void* out, const void* left, const void* right, Index n, Index so, Index sa, Index sb) {
  auto* o = static_cast<float*>(out);
  const auto* a = static_cast<const float*>(left);
  const auto* b = static_cast<const float*>(right);
  if (so == 1 && sa == 1 && sb == 1) return wide_contiguous<F>(o, a, b, n);
  float x[wide_block], y[wide_block];
  for (Index begin = 0; begin < n; begin += wide_block) {
    const Index count = n - begin < wide_block ? n - begin : wide_block;
    for (Index i = 0; i < count; ++i) {
      x[i] = a[(begin + i) * sa];
      y[i] = b[(begin + i) * sb];
    }
    wide_contiguous<F>(x, x, y, count);
    for (Index i = 0; i < count; ++i) o[(begin + i) * so] = x[i];
  }
}

template <class F>
void set_wide(Kernels& table, Binary op) {
  table.binary[static_cast<int>(op)][static_cast<int>(DType::float32)] = wide_loop<F>;
}

template <class F>
void set(Kernels& table, Binary op) {
  for_types(typename F::Types{}, [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.binary[static_cast<int>(op)][static_cast<int>(DTypeOf<T>::value)] = loop<F, T>;
  });
}

void fill_wide(Kernels& table) {
  set_wide<WidePow>(table, Binary::pow);
  set_wide<WideFmod>(table, Binary::fmod);
  set_wide<WideRemainder>(table, Binary::remainder);
  set_wide<WideFloorDivide>(table, Binary::floor_divide);
  set_wide<WideAtan2>(table, Binary::atan2);
  set_wide<WideHypot>(table, Binary::hypot);
}

}  // namespace

void fill_binary(Kernels& table) {
  for (int i = 0; i < static_cast<int>(Binary::count); ++i) {
    const auto op = static_cast<Binary>(i);
    visit_function(op, [&](auto function) { set<decltype(function)>(table, op); });
  }
  fill_wide(table);
}

}  // namespace fastgrad::FASTGRAD_ISA
