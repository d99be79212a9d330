// Elements written by index, in the order of the indices: where two name one place, the later one comes second.
#include "kernels.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// Sums and products of integers wrap around; in C++ only unsigned types may.
struct Wrapped {
  template <class T>
  static T add(T a, T b) {
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
  template <class T>
  static T multiply(T a, T b) {
    return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  }
};

struct Rounded {
  template <class T>
  static T add(T a, T b) {
    return a + b;
  }
  template <class T>
  static T multiply(T a, T b) {
    return a * b;
  }
};

struct Logical {
  static bool add(bool a, bool b) { return a | b; }
  static bool multiply(bool a, bool b) { return a & b; }
};

template <Scatter how, class Arithmetic, class T>
T combined(T old, T given) {
  if constexpr (how == Scatter::write) return given;
  if constexpr (how == Scatter::add) return Arithmetic::add(old, given);
  if constexpr (how == Scatter::multiply) return Arithmetic::multiply(old, given);
  // NaN wins.
  if constexpr (how == Scatter::amin) return given < old || given != given ? given : old;
  if constexpr (how == Scatter::amax) return given > old || given != given ? given : old;
}

template <Scatter how, class Arithmetic, class T>
void scatter(void* indexed, const void* from, const Index* index, Index n, const IndexedSteps& steps) {
  auto* out = static_cast<T*>(indexed);
  const auto* in = static_cast<const T*>(from);
  const auto [line, step, index_step, other_step] = steps;
  for (Index i = 0; i < n; ++i) {
    T& target = out[i * line + index[i * index_step] * step];
    target = combined<how, Arithmetic>(target, in[i * other_step]);
  }
}

template <Scatter how>
void fill_way(Kernels& table) {
  ScatterLoop* const row = table.scatter[static_cast<int>(how)];
  row[static_cast<int>(DType::boolean)] = scatter<how, Logical, bool>;
  for_types(Integers{}, [&](auto tag) {
    using T = typename decltype(tag)::type;
    row[static_cast<int>(DTypeOf<T>::value)] = scatter<how, Wrapped, T>;
  });
  for_types(Floats{}, [&](auto tag) {
    using T = typename decltype(tag)::type;
    row[static_cast<int>(DTypeOf<T>::value)] = scatter<how, Rounded, T>;
  });
}

}  // namespace

void fill_scatter(Kernels& table) {
  fill_way<Scatter::write>(table);
  for_types(Types<Float16, BFloat16>{}, [&](auto tag) {  // for which there is nothing to compute
    using T = typename decltype(tag)::type;
    table.scatter[static_cast<int>(Scatter::write)][static_cast<int>(DTypeOf<T>::value)] =
        scatter<Scatter::write, Rounded, T>;
  });
  fill_way<Scatter::add>(table);
  fill_way<Scatter::multiply>(table);
  fill_way<Scatter::amin>(table);
  fill_way<Scatter::amax>(table);
}

}  // namespace fastgrad::FASTGRAD_ISA
