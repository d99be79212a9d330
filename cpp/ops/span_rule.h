// Which places the windows of a pool have: the formulas, for the host and for the kernels of a CUDA device.
#pragma once

#include "core/host_device.h"
#include "kernels.h"

namespace fastgrad {

// A Span (kernels.h) with indices of type I.
template <class I>
struct SpanOf {
  I begin, end, size;
};

// Which spans the windows of one dimension have.
template <class I>
struct SpanRule {
  I in = 1, out = 1;  // sizes of the image and of the result
  // Window i begins at i * stride - padding and ends so many places on; stride 0: windows that share the dimension
  // among them.
  I stride = 1, padding = 0, extent = 1, dilation = 1;
  bool count_padding = false;  // an average over the padding, too, divides by the elements of both
  I divisor = 0;               // what the size of every span is, if not 0
  bool has_empty = false;      // some windows lie beside the image

  FASTGRAD_HOST_DEVICE SpanOf<I> operator[](I i) const {
    if (stride == 0) {
      const I begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
      return {begin, end, end - begin};
    }
    const I start = i * stride - padding, furthest = start + extent;
    const I limit = furthest < in + padding ? furthest : in + padding, end = limit < in ? limit : in;
    const I begin = start < 0 ? start + (dilation - 1 - start) / dilation * dilation : start;
    if (begin >= end) return {in - 1, in - 1, divisor != 0 ? divisor : 1};
    return {begin, end, divisor != 0 ? divisor : count_padding ? limit - start : end - begin};
  }

  // The first window that may have a place, and the first behind those.
  FASTGRAD_HOST_DEVICE SpanOf<I> windows_at(I place) const {
    if (out == 1 || (has_empty && place == in - 1)) return {0, out, 0};
    if (stride == 0) return {place * out / in, ((place + 1) * out + in - 1) / in, 0};
    const I before = place + padding - extent + 1, first = before > 0 ? (before + stride - 1) / stride : 0;
    const I end = (place + padding) / stride + 1;
    return {first, end < out ? end : out, 0};
  }

  template <class J>
  SpanRule<J> with_index() const {
    const auto as = [](I i) { return static_cast<J>(i); };
    return {as(in), as(out), as(stride), as(padding), as(extent), as(dilation), count_padding, as(divisor), has_empty};
  }
};
struct SpanRules {
  SpanRule<Index> along[3];
  Index reach[3];  // as in Spans
};

}  // namespace fastgrad
