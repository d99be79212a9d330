// Products through cuBLAS, where it is installed: it is looked for when the first product comes, and never needed. Its
// functions are declared here, so that building needs no header of it.
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "core/buffer.h"
#include "cuda/families.h"
#include "cuda/gemm.h"
#include "cuda/launch.cuh"

namespace fastgrad::cuda {
namespace {

// ------------------------------------------------------------------------------------- what cuBLAS's headers say

using Context = void*;
using Status = int;  // 0: success
enum Operation { as_it_is = 0, transpose = 1 };
enum DataType { real_32 = 0, real_64 = 1, real_16 = 2, brain_16 = 14 };
enum ComputeType { in_32 = 68, in_64 = 70, in_tf32 = 77 };
constexpr int default_algorithm = -1;

struct Functions {
  Status (*create)(Context*);
  Status (*set_stream)(Context, cudaStream_t);
  Status (*set_workspace)(Context, void*, std::size_t);
  Status (*gemm)(Context, Operation, Operation, int m, int n, int k, const void* alpha, const void* a, DataType,
                 int lda, const void* b, DataType, int ldb, const void* beta, void* c, DataType, int ldc, ComputeType,
                 int algorithm);
  Status (*gemm_batched)(Context, Operation, Operation, int m, int n, int k, const void* alpha, const void* a, DataType,
                         int lda, long long a_stride, const void* b, DataType, int ldb, long long b_stride,
                         const void* beta, void* c, DataType, int ldc, long long c_stride, int count, ComputeType,
                         int algorithm);
};

// ------------------------------------------------------------------------------------------------ finding it

// The folders that FASTGRAD_CUBLAS names, and no others; or the system's, and those of the PyPI packages beside ours.
std::vector<std::string> folders() {
  std::vector<std::string> all;
  if (const char* const given = std::getenv("FASTGRAD_CUBLAS")) {
    std::istringstream list(given);
    for (std::string folder; std::getline(list, folder, ':');) all.push_back(folder + "/");
    return all;
  }
  all.emplace_back();
  Dl_info ours;
  if (dladdr(reinterpret_cast<const void*>(&folders), &ours) != 0) {
    const std::string path = ours.dli_fname;
    const std::string package = path.substr(0, path.rfind('/'));
    const std::string packages = package.substr(0, package.rfind('/'));
    for (const char* const there : {"/nvidia/cu13/lib/", "/nvidia/cublas/lib/"}) all.push_back(packages + there);
  }
  return all;
}

void* find_library() {
#ifndef FASTGRAD_CUDA_EMULATED
  for (const std::string& folder : folders()) {
    for (const char* const name : {"libcublas.so.13", "libcublas.so.12"}) {
      if (void* const library = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    }
  }
#endif
  return nullptr;
}

std::optional<Functions> find_functions() {
  void* const library = find_library();
  if (library == nullptr) return std::nullopt;
  Functions found;
  bool complete = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
    complete = complete && function != nullptr;
  };
  find(found.create, "cublasCreate_v2");
  find(found.set_stream, "cublasSetStream_v2");
  find(found.set_workspace, "cublasSetWorkspace_v2");
  find(found.gemm, "cublasGemmEx");
  find(found.gemm_batched, "cublasGemmStridedBatchedEx");
  return complete ? std::optional(found) : std::nullopt;
}

const std::optional<Functions>& functions() {
  static const std::optional<Functions> all = find_functions();
  return all;
}

void check_blas(Status status) {
  if (status != 0) fail("CUDA error: cuBLAS failed with status ", status);
}

// --------------------------------------------------------------------------------------------------- contexts

// cuBLAS's state on a device and a stream, with memory of its own: what it would allocate by itself cannot be part of a
// graph. The work of a stream is ordered, so its memory can be shared by the threads that use the stream.
class Connection {
 public:
  // f(context) while no other thread uses it.
  template <class F>
  static void use(const F& f) {
    static auto* const mutex = new std::mutex;  // never destroyed: CUDA may be gone by then
    static auto* const all = new std::map<std::pair<int, cudaStream_t>, Connection>;
    const std::lock_guard lock(*mutex);
    Connection& one = (*all)[{current_device(), current_stream()}];
    one.prepare();
    f(one.context_);
  }

 private:
  static constexpr std::size_t workspace_bytes = std::size_t{32} << 20;

  void prepare() {
    if (context_ == nullptr) {
      workspace_ = allocate_storage(workspace_bytes);
      check_blas(functions()->create(&context_));
    }
    check_blas(functions()->set_stream(context_, current_stream()));  // takes the memory away
    check_blas(functions()->set_workspace(context_, workspace_->data, workspace_bytes));
  }

  Context context_ = nullptr;
  StorageRef workspace_;
};

// --------------------------------------------------------------------------------------------------- products

std::optional<DataType> type_of(DType dtype) {
  switch (dtype) {
    case DType::float16:
      return real_16;
    case DType::bfloat16:
      return brain_16;
    case DType::float32:
      return real_32;
    case DType::float64:
      return real_64;
    default:
      return std::nullopt;
  }
}

// A matrix as cuBLAS reads it, which is by columns: ours as it is has our rows for columns.
struct Layout {
  Operation operation;
  Index pitch;
};

std::optional<Layout> layout_of(Index rows, Index columns, const Factor& f) {
  if (f.column == 1 || columns == 1) {
    if (rows == 1) return Layout{as_it_is, columns};
    if (f.row >= columns) return Layout{as_it_is, f.row};
  }
  if (f.row == 1 || rows == 1) {
    if (columns == 1) return Layout{transpose, rows};
    if (f.column >= rows) return Layout{transpose, f.column};
  }
  return std::nullopt;
}

// Products that are one stride apart, and how many such stacks there are.
struct Batches {
  Index loops, count;
  bool along_inner;  // a stack is along `inner`
};

Batches batches_of(const Product& p) {
  const auto joins = [&](Index outer, Index inner) { return outer == p.inner * inner; };
  if (joins(p.a.outer, p.a.inner) && joins(p.b.outer, p.b.inner) && joins(p.c_outer, p.c_inner)) {
    return {1, p.count(), true};
  }
  if (p.inner >= p.outer) return {p.outer, p.inner, true};
  return {p.inner, p.outer, false};
}

bool fits(std::initializer_list<Index> sizes) {
  return std::all_of(sizes.begin(), sizes.end(), [](Index n) { return n <= std::numeric_limits<int>::max(); });
}

template <class Number>
void run(Context context, const Product& p, DataType type, ComputeType compute, const Layout& a, const Layout& b) {
  const Number one = 1, beta = p.accumulate ? 1 : 0;
  const Batches batches = batches_of(p);
  const auto size = static_cast<Index>(item_size(p.dtype));
  const auto narrow = [](Index n) { return static_cast<int>(n); };
  const auto stride = [&](Index outer, Index inner) { return batches.along_inner ? inner : outer; };
  const auto loop_stride = [&](Index outer, Index inner) { return (batches.along_inner ? outer : inner) * size; };
  for (Index i = 0; i < batches.loops; ++i) {
    // By columns C is its transpose, B' A'.
    const void* const left = static_cast<const char*>(p.b.data) + i * loop_stride(p.b.outer, p.b.inner);
    const void* const right = static_cast<const char*>(p.a.data) + i * loop_stride(p.a.outer, p.a.inner);
    void* const c = static_cast<char*>(p.c) + i * loop_stride(p.c_outer, p.c_inner);
    if (batches.count == 1) {
      check_blas(functions()->gemm(context, b.operation, a.operation, narrow(p.n), narrow(p.m), narrow(p.k), &one, left,
                                   type, narrow(b.pitch), right, type, narrow(a.pitch), &beta, c, type, narrow(p.c_row),
                                   compute, default_algorithm));
    } else {
      check_blas(functions()->gemm_batched(
          context, b.operation, a.operation, narrow(p.n), narrow(p.m), narrow(p.k), &one, left, type, narrow(b.pitch),
          stride(p.b.outer, p.b.inner), right, type, narrow(a.pitch), stride(p.a.outer, p.a.inner), &beta, c, type,
          narrow(p.c_row), stride(p.c_outer, p.c_inner), narrow(batches.count), compute, default_algorithm));
    }
  }
}

}  // namespace

bool blas_is_available() { return functions().has_value(); }

bool is_readable_by_blas(Index rows, Index columns, const Factor& matrix) {
  return layout_of(rows, columns, matrix).has_value();
}

bool multiply_by_blas(const Product& p) {
  const std::optional<DataType> type = type_of(p.dtype);
  if (!type || p.k == 0 || !blas_is_available()) return false;
  const auto a = layout_of(p.m, p.k, p.a), b = layout_of(p.k, p.n, p.b);
  if (!a || !b || !fits({p.m, p.n, p.k, a->pitch, b->pitch, p.c_row, p.count()})) return false;
  Connection::use([&](Context context) {
    if (p.dtype == DType::float64) return run<double>(context, p, *type, in_64, *a, *b);
    run<float>(context, p, *type, p.dtype == DType::float32 && tf32_is_allowed() ? in_tf32 : in_32, *a, *b);
  });
  return true;
}

}  // namespace fastgrad::cuda
