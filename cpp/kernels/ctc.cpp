// Sums over all alignments of a target with a sequence, in logarithms, one step of the sequence at a time.
#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

// log(e^a + e^b + e^c), where all three may be -infinity.
template <class V>
FASTGRAD_INLINE V log_of_sum(V a, V b, V c) {
  const V largest = max(max(a, b), c);
  const V shift = largest == -Traits<V>::infinity ? V{} : largest;
  return log(exp_negative(a - shift) + exp_negative(b - shift) + exp_negative(c - shift)) + shift;
}

template <class T>
void alpha(T* next, const T* before, const T* skip, const T* emitted, Index states) {
  constexpr T none = -FloatTraits<T>::infinity;
  for_pieces<T>(states, [&](Index s, auto piece) {
    const Vec<T> skipped = piece.load(before + s - 2, none) + piece.load(skip + s, none);
    const Vec<T> sum = log_of_sum(piece.load(before + s, none), piece.load(before + s - 1, none), skipped);
    piece.store(next + s, sum + piece.load(emitted + s, 0));
  });
}

template <class T>
void beta(T* next, const T* after, const T* skip, const T* emitted, Index states) {
  constexpr T none = -FloatTraits<T>::infinity;
  for_pieces<T>(states, [&](Index s, auto piece) {
    const Vec<T> skipped = piece.load(after + s + 2, none) + piece.load(skip + s + 2, none);
    const Vec<T> sum = log_of_sum(piece.load(after + s, none), piece.load(after + s + 1, none), skipped);
    piece.store(next + s, sum + piece.load(emitted + s, 0));
  });
}

template <class T>
void posterior(T* x, const T* alpha, const T* beta, const T* emitted, T shift, Index states) {
  constexpr T none = -FloatTraits<T>::infinity;
  for_pieces<T>(states, [&](Index s, auto piece) {
    const Vec<T> both = piece.load(alpha + s, none) + piece.load(beta + s, none);
    // What cannot be emitted is -infinity - -infinity, and no part of any path.
    piece.store(x + s, both == none ? Vec<T>{} : exp(both + shift - piece.load(emitted + s, 0)));
  });
}

template <class T>
void gradient(T* dx, const T* x, T scale, Index classes) {
  for_pieces<T>(classes, [&](Index c, auto piece) {
    piece.store(dx + c, (exp(piece.load(x + c, 0)) - piece.load(dx + c, 0)) * scale);
  });
}

template <class T>
constexpr CtcKernels<T> ctc_kernels = {alpha<T>, beta<T>, posterior<T>, gradient<T>};

}  // namespace

void fill_ctc(Kernels& table) {
  table.float32.ctc = ctc_kernels<float>;
  table.float64.ctc = ctc_kernels<double>;
}

}  // namespace fastgrad::FASTGRAD_ISA
