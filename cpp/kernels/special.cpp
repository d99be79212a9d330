// The special functions, element by element.
#include "kernels/special.h"

#include "kernels.h"
#include "kernels/loop.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class T, double (*function)(double)>
void unary_loop(void* out, const void* in, Index n, Index out_stride, Index in_stride) {
  auto* to = static_cast<T*>(out);
  const auto* from = static_cast<const T*>(in);
  for (Index i = 0; i < n; ++i) to[i * out_stride] = static_cast<T>(function(from[i * in_stride]));
}

template <class T, double (*function)(double, double)>
void binary_loop(void* out, const void* left, const void* right, Index n, Index so, Index sa, Index sb) {
  auto* o = static_cast<T*>(out);
  const auto* a = static_cast<const T*>(left);
  const auto* b = static_cast<const T*>(right);
  for (Index i = 0; i < n; ++i) o[i * so] = static_cast<T>(function(a[i * sa], b[i * sb]));
}

template <double (*function)(double)>
void set(Kernels& table, Unary op) {
  for_types(Floats{}, [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.unary[static_cast<int>(op)][static_cast<int>(DTypeOf<T>::value)] = unary_loop<T, function>;
  });
}

template <double (*function)(double, double)>
void set(Kernels& table, Binary op) {
  for_types(Floats{}, [&](auto tag) {
    using T = typename decltype(tag)::type;
    table.binary[static_cast<int>(op)][static_cast<int>(DTypeOf<T>::value)] = binary_loop<T, function>;
  });
}

}  // namespace

void fill_special(Kernels& table) {
  set<erfcx>(table, Unary::erfcx);
  set<erfinv>(table, Unary::erfinv);
  set<ndtri>(table, Unary::ndtri);
  set<log_gamma>(table, Unary::lgamma);
  set<digamma>(table, Unary::digamma);
  set<i0>(table, Unary::i0);
  set<i0e>(table, Unary::i0e);
  set<i1>(table, Unary::i1);
  set<i1e>(table, Unary::i1e);
  set<mantissa>(table, Unary::mantissa);
  set<exponent>(table, Unary::exponent);
  set<logaddexp>(table, Binary::logaddexp);
  set<logaddexp2>(table, Binary::logaddexp2);
  set<scaled>(table, Binary::ldexp);
  set<xlogy>(table, Binary::xlogy);
  set<xlog1py>(table, Binary::xlog1py);
  set<zeta>(table, Binary::zeta);
}

}  // namespace fastgrad::FASTGRAD_ISA
