// Matrix products of tensors, on the engine in gemm.h.
#include <algorithm>

#include "accelerator.h"
#include "ops/gemm.h"
#include "ops/iterate.h"
#include "ops/ops.h"

namespace fastgrad::ops {
namespace {

void check_same_dtype(const char* op, const Tensor& a, const Tensor& b) {
  if (a.dtype != b.dtype) {
    fail(op, ": expected m1 and m2 to have the same dtype, but got: ", dtype_name(a.dtype), " != ", dtype_name(b.dtype),
         "; convert one of them with .to(...)");
  }
  if (a.dtype == DType::boolean)
    fail(ErrorKind::not_implemented, op, ": not implemented for bool tensors; convert them with .int() or .float()");
}

template <class T>
MatrixView<T> matrix_at(const Tensor& t) {
  return {t.data<T>(), t.strides[t.dim() - 2], t.strides[t.dim() - 1]};
}

// The product of two tensors of at least two dimensions, into `out` (contiguous).
void batched_product(const Tensor& a, const Tensor& b, const Tensor& out) {
  const Index m = a.sizes[a.dim() - 2], k = a.sizes.back(), n = b.sizes.back();
  Dims batch = out.sizes;
  batch.erase(batch.size() - 1);
  batch.erase(batch.size() - 1);
  const auto batch_strides = [&](const Tensor& t) {
    Tensor front = t;
    for (Dims* dims : {&front.sizes, &front.strides}) {
      dims->erase(dims->size() - 1);
      dims->erase(dims->size() - 1);
    }
    return broadcast_strides(front, batch);
  };
  if (out.numel() == 0) return;
  if (const Accelerator* cuda = accelerator_of(out)) return cuda->matmul(out, a, b, nullptr);
  const Walk<2> walk(batch, {batch_strides(a), batch_strides(b)});
  const Index inner = walk.inner(), products = walk.outer() * inner;
  const auto offsets = [&](Index i) {
    const auto at = walk.offsets(i / inner);
    return ProductOffsets{at[0] + (i % inner) * walk.strides[0].back(), at[1] + (i % inner) * walk.strides[1].back(),
                          i * m * n};
  };
  visit_dtype(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      gemm_batched<T>(products, m, n, k, matrix_at<T>(a), matrix_at<T>(b), out.data<T>(), n, false, offsets);
    } else if constexpr (!std::is_same_v<T, bool>) {
      for (Index i = 0; i < products; ++i) {
        const ProductOffsets at = offsets(i);
        MatrixView<T> left = matrix_at<T>(a), right = matrix_at<T>(b);
        left.data += at.a;
        right.data += at.b;
        matmul_reference<T>(m, n, k, left, right, out.data<T>() + at.c, n);
      }
    }
  });
}

// The product of all sizes but the last: the rows of a tensor read as a matrix.
Index rows_of(const Tensor& x) {
  Index rows = 1;
  for (int d = 0; d + 1 < x.dim(); ++d) rows *= x.sizes[d];
  return rows;
}

// The product of two matrices of floats: what most calls are.
Tensor matrix_product(const Tensor& a, const Tensor& b) {
  const Index m = a.sizes[0], n = b.sizes[1];
  Tensor out = empty({m, n}, a.dtype);
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->matmul(out, a, b, nullptr);
    return out;
  }
  visit_dtype(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      gemm<T>(m, n, a.sizes[1], matrix_at<T>(a), matrix_at<T>(b), out.data<T>(), n, false);
    }
  });
  return out;
}

// Products of 16-bit floats on the host are those of float32, rounded; the device has its own.
bool computes_in_float32(const Tensor& x) { return is_half(x.dtype) && !x.device().is_cuda(); }

Tensor widened(const Tensor& x) { return cast(x, DType::float32); }

// [..., m, k] read as [prod(...) * m, k] when that needs no copy: one large product instead of many.
bool folds(const Tensor& a, const Tensor& b) { return b.dim() == 2 && a.dim() > 2 && a.is_contiguous(); }

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_same_dtype("matmul", a, b);
  if (computes_in_float32(a)) return cast(matmul(widened(a), widened(b)), a.dtype);
  if (a.dim() == 2 && b.dim() == 2 && a.sizes[1] == b.sizes[0] && is_floating(a.dtype)) return matrix_product(a, b);
  if (a.dim() == 0 || b.dim() == 0) {
    fail("matmul: both arguments need to be at least 1D, but they are ", a.dim(), "D and ", b.dim(),
         "D; use * for a number");
  }
  const Tensor left = a.dim() == 1 ? unsqueeze(a, 0) : a, right = b.dim() == 1 ? unsqueeze(b, 1) : b;
  const Index m = left.sizes[left.dim() - 2], k = left.sizes.back(), n = right.sizes.back();
  if (right.sizes[right.dim() - 2] != k) {
    fail("matmul: mat1 and mat2 shapes cannot be multiplied (", m, "x", k, " and ", right.sizes[right.dim() - 2], "x",
         n, "): the inner sizes ", k, " and ", right.sizes[right.dim() - 2], " must be equal; the shapes are ", a.sizes,
         " and ", b.sizes);
  }
  Dims left_batch = left.sizes, right_batch = right.sizes;
  for (Dims* dims : {&left_batch, &right_batch}) {
    dims->erase(dims->size() - 1);
    dims->erase(dims->size() - 1);
  }
  Dims shape = broadcast_shapes("matmul", left_batch, right_batch);
  Dims result = shape;
  shape.push_back(m);
  shape.push_back(n);
  const Tensor out = empty(shape, a.dtype);
  if (folds(left, right)) {
    batched_product(view(left, {rows_of(left), k}), right, view(out, {rows_of(left), n}));
  } else {
    batched_product(left, right, out);
  }
  if (a.dim() > 1) result.push_back(m);
  if (b.dim() > 1) result.push_back(n);
  return view(out, result);
}

Tensor linear(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
  check_same_dtype("linear", x, weight);
  if (weight.dim() != 2 || x.dim() == 0) {
    fail("linear: expected an input of at least one dimension and a 2-d weight (out_features, in_features), got ",
         x.sizes, " and ", weight.sizes);
  }
  const Index k = weight.sizes[1], n = weight.sizes[0];
  if (x.sizes.back() != k) {
    fail("linear: the input's last dimension is ", x.sizes.back(), " (shape ", x.sizes, "), but the weight ",
         weight.sizes, " expects ", k, " features; flatten or reshape the input, or change in_features");
  }
  if (bias) check_same_dtype("linear", x, *bias);
  if (bias && !(bias->sizes == Dims{n})) {
    fail("linear: expected a bias of shape [", n, "], one number per output feature, got ", bias->sizes);
  }
  if (!is_floating(x.dtype)) {  // no fused product for integers
    const Tensor product = matmul(x, transpose(weight, 0, 1));
    return bias ? binary(Binary::add, "linear", {&product, {}}, {&*bias, {}}) : product;
  }
  if (computes_in_float32(x)) {
    const OptionalTensor offset = bias ? OptionalTensor(widened(*bias)) : OptionalTensor();
    return cast(linear(widened(x), widened(weight), offset), x.dtype);
  }
  Dims shape = x.sizes;
  shape[shape.size() - 1] = n;
  const Tensor out = empty(shape, x.dtype);
  const Tensor rows = x.dim() == 2 ? x : reshape(x, {rows_of(x), k});
  if (out.numel() == 0) return out;
  if (const Accelerator* cuda = accelerator_of(out)) {
    cuda->matmul(view(out, {rows.sizes[0], n}), rows, transpose(weight, 0, 1), bias ? &*bias : nullptr);
    return out;
  }
  visit_dtype(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const Tensor offset = bias ? contiguous(*bias) : Tensor{};
      gemm<T>(rows.sizes[0], n, k, matrix_at<T>(rows), {weight.data<T>(), weight.strides[1], weight.strides[0]},
              out.data<T>(), n, false, bias ? Bias<T>{offset.data<T>()} : Bias<T>{});
    }
  });
  return out;
}

}  // namespace fastgrad::ops
