// The steps of recurrent layers: what comes after a step's matrix product, and before it in the gradient. One pass over
// the memory each.
#include "kernels.h"
#include "kernels/rows.h"

namespace fastgrad::FASTGRAD_ISA {
namespace {

template <class T>
void plain(T* h, const T* a, Index rows, Index units, bool relu) {
  const Index n = rows * units;
  if (relu) {
    for_pieces<T>(n, [&](Index i, auto piece) {
      const Vec<T> x = piece.load(a + i, 0);
      piece.store(h + i, x < 0 ? Vec<T>{} : x);  // NaN stays
    });
  } else {
    for_pieces<T>(n, [&](Index i, auto piece) { piece.store(h + i, tanh(piece.load(a + i, 0))); });
  }
}

template <class T>
void plain_backward(T* da, const T* dh, const T* h, Index rows, Index units, bool relu) {
  for_pieces<T>(rows * units, [&](Index i, auto piece) {
    const Vec<T> g = piece.load(dh + i, 0), y = piece.load(h + i, 0);
    piece.store(da + i, relu ? (y > 0 ? g : Vec<T>{}) : g * (1 - y * y));
  });
}

template <class T>
FASTGRAD_INLINE void lstm_row(T* gates, T* c, T* h, const T* c_before, Index units) {
  for_pieces<T>(units, [&](Index u, auto piece) {
    T* const at = gates + u;
    const Vec<T> i = sigmoid(piece.load(at, 0)), f = sigmoid(piece.load(at + units, 0));
    const Vec<T> g = tanh(piece.load(at + 2 * units, 0)), o = sigmoid(piece.load(at + 3 * units, 0));
    const Vec<T> state = f * piece.load(c_before + u, 0) + i * g;
    piece.store(at, i);
    piece.store(at + units, f);
    piece.store(at + 2 * units, g);
    piece.store(at + 3 * units, o);
    piece.store(c + u, state);
    piece.store(h + u, o * tanh(state));
  });
}

template <class T>
void lstm(T* gates, T* c, T* h, const T* c_before, Index rows, Index units) {
  for (Index r = 0; r < rows; ++r) {
    lstm_row(gates + 4 * r * units, c + r * units, h + r * units, c_before + r * units, units);
  }
}

template <class T>
FASTGRAD_INLINE void lstm_backward_row(T* dgates, T* dc, const T* dh, const T* gates, const T* c, const T* c_before,
                                       Index units) {
  for_pieces<T>(units, [&](Index u, auto piece) {
    const T* const at = gates + u;
    const Vec<T> i = piece.load(at, 0), f = piece.load(at + units, 0);
    const Vec<T> g = piece.load(at + 2 * units, 0), o = piece.load(at + 3 * units, 0);
    const Vec<T> squashed = tanh(piece.load(c + u, 0)), upstream = piece.load(dh + u, 0);
    const Vec<T> d = piece.load(dc + u, 0) + upstream * o * (1 - squashed * squashed);
    T* const to = dgates + u;
    piece.store(to, d * g * (i * (1 - i)));
    piece.store(to + units, d * piece.load(c_before + u, 0) * (f * (1 - f)));
    piece.store(to + 2 * units, d * i * (1 - g * g));
    piece.store(to + 3 * units, upstream * squashed * (o * (1 - o)));
    piece.store(dc + u, d * f);
  });
}

template <class T>
void lstm_backward(T* dgates, T* dc, const T* dh, const T* gates, const T* c, const T* c_before, Index rows,
                   Index units) {
  for (Index r = 0; r < rows; ++r) {
    const Index at = r * units;
    lstm_backward_row(dgates + 4 * at, dc + at, dh + at, gates + 4 * at, c + at, c_before + at, units);
  }
}

template <class T>
FASTGRAD_INLINE void gru_row(T* gates, T* h, const T* a, const T* b, const T* h_before, Index units) {
  for_pieces<T>(units, [&](Index u, auto piece) {
    const Vec<T> r = sigmoid(piece.load(a + u, 0) + piece.load(b + u, 0));
    const Vec<T> z = sigmoid(piece.load(a + units + u, 0) + piece.load(b + units + u, 0));
    const Vec<T> hidden = piece.load(b + 2 * units + u, 0);
    const Vec<T> n = tanh(piece.load(a + 2 * units + u, 0) + r * hidden);
    T* const at = gates + u;
    piece.store(at, r);
    piece.store(at + units, z);
    piece.store(at + 2 * units, n);
    piece.store(at + 3 * units, hidden);
    piece.store(h + u, n + z * (piece.load(h_before + u, 0) - n));
  });
}

template <class T>
void gru(T* gates, T* h, const T* a, const T* b, const T* h_before, Index rows, Index units) {
  for (Index r = 0; r < rows; ++r) {
    const Index at = r * units;
    gru_row(gates + 4 * at, h + at, a + 3 * at, b + 3 * at, h_before + at, units);
  }
}

template <class T>
FASTGRAD_INLINE void gru_backward_row(T* da, T* db, T* dh_before, const T* dh, const T* gates, const T* h_before,
                                      Index units) {
  for_pieces<T>(units, [&](Index u, auto piece) {
    const T* const at = gates + u;
    const Vec<T> r = piece.load(at, 0), z = piece.load(at + units, 0);
    const Vec<T> n = piece.load(at + 2 * units, 0), hidden = piece.load(at + 3 * units, 0);
    const Vec<T> d = piece.load(dh + u, 0);
    const Vec<T> dn = d * (1 - z) * (1 - n * n);
    const Vec<T> dr = dn * hidden * (r * (1 - r));
    const Vec<T> dz = d * (piece.load(h_before + u, 0) - n) * (z * (1 - z));
    piece.store(da + u, dr);
    piece.store(da + units + u, dz);
    piece.store(da + 2 * units + u, dn);
    piece.store(db + u, dr);
    piece.store(db + units + u, dz);
    piece.store(db + 2 * units + u, dn * r);
    piece.store(dh_before + u, d * z);
  });
}

template <class T>
void gru_backward(T* da, T* db, T* dh_before, const T* dh, const T* gates, const T* h_before, Index rows, Index units) {
  for (Index r = 0; r < rows; ++r) {
    const Index at = r * units;
    gru_backward_row(da + 3 * at, db + 3 * at, dh_before + at, dh + at, gates + 4 * at, h_before + at, units);
  }
}

template <class T>
constexpr RecurrentKernels<T> recurrent_kernels = {plain<T>, plain_backward<T>, lstm<T>, lstm_backward<T>,
                                                   gru<T>,   gru_backward<T>};

}  // namespace

void fill_recurrent(Kernels& table) {
  table.float32.recurrent = recurrent_kernels<float>;
  table.float64.recurrent = recurrent_kernels<double>;
}

}  // namespace fastgrad::FASTGRAD_ISA
