// What the emulation promises, checked with kernels and calls as they are in cpp/cuda.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <utility>
#include <vector>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime.h"
#include "mma.h"

namespace {

struct Failed {
  const char* what;
};

void expect(bool condition, const char* what) {
  if (!condition) throw Failed{what};
}
void expect(cudaError_t error) { expect(error == cudaSuccess, cudaGetErrorName(error)); }
// The error is the last one, too, which this clears.
void expect_error(cudaError_t error, cudaError_t expected, const char* what) {
  expect(error == expected && cudaGetLastError() == expected && cudaGetLastError() == cudaSuccess, what);
}

template <class T>
struct OnDevice {
  explicit OnDevice(std::size_t n) : n(n) { expect(cudaMalloc(&data, n * sizeof(T))); }
  explicit OnDevice(const std::vector<T>& values) : OnDevice(values.size()) {
    expect(cudaMemcpy(data, values.data(), n * sizeof(T), cudaMemcpyHostToDevice));
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { cudaFree(data); }

  std::vector<T> values() const {
    std::vector<T> result(n);
    expect(cudaMemcpy(result.data(), data, n * sizeof(T), cudaMemcpyDeviceToHost));
    return result;
  }

  std::size_t n;
  T* data = nullptr;
};

struct Stream {
  explicit Stream(unsigned flags = cudaStreamNonBlocking) { expect(cudaStreamCreateWithFlags(&handle, flags)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cudaStreamDestroy(handle); }
  operator cudaStream_t() const { return handle; }

  cudaStream_t handle = nullptr;
};

struct Event {
  explicit Event(unsigned flags = cudaEventDefault) { expect(cudaEventCreateWithFlags(&handle, flags)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(handle); }
  operator cudaEvent_t() const { return handle; }

  cudaEvent_t handle = nullptr;
};

template <class... Parameters, class... Arguments>
cudaError_t try_launch(dim3 grid, dim3 block, std::size_t shared, cudaStream_t stream, void (*kernel)(Parameters...),
                       Arguments&&... arguments) {
  const cudaLaunchConfig_t config{grid, block, shared, stream, nullptr, 0};
  return cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
}

__global__ void fill(int* out, int n, int value) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] = value;
}

__global__ void add_to(int* out, const int* in) { out[threadIdx.x] += in[threadIdx.x]; }

// Reverses its block through shared memory; threads beyond n end before the barrier.
__global__ void reverse(int* values, int n) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= n) return;
  int* shared = static_cast<int*>(emulated_dynamic_shared());
  shared[i] = values[blockIdx.x * n + i];
  __syncthreads();
  values[blockIdx.x * n + i] = shared[n - 1 - i];
}

__global__ void count_even(int* out) {
  __shared__ int total;
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
  const bool even = threadIdx.x % 2 == 0;
  if (even) atomicAdd(&total, 1);
  const int counted = __syncthreads_count(even), any = __syncthreads_or(even), every = __syncthreads_and(even);
  out[threadIdx.x] = counted == total && any && !every ? counted : -1;
}

// The first thread waits for the last one, as long as that takes.
__global__ void spin(volatile int* flags) {
  if (threadIdx.x == blockDim.x - 1) flags[1] = 1;
  while (threadIdx.x == 0 && flags[1] == 0) __nanosleep(10);
  if (threadIdx.x == 0) flags[0] = 1;
}

void check_barriers() {
  std::vector<int> values(3 * 100), expected(3 * 100);
  for (int i = 0; i < 300; ++i) values[i] = i, expected[i] = i / 100 * 100 + 99 - i % 100;
  OnDevice<int> data(values);
  expect(try_launch(3, 128, 100 * sizeof(int), nullptr, reverse, data.data, 100));
  expect(data.values() == expected, "a barrier of the block");
  OnDevice<int> counts(1023);
  expect(try_launch(1, dim3(11, 31, 3), 0, nullptr, count_even, counts.data));
  const std::vector<int> counted = counts.values();
  for (int i = 0; i < 11; ++i) expect(counted[i] == 6 * 31 * 3, "a barrier that counts");
  OnDevice<int> flags(std::vector<int>(2, 0));
  expect(try_launch(1, 64, 0, nullptr, spin, flags.data));
  expect(flags.values() == std::vector<int>(2, 1), "a thread that sleeps lets others go on");
}

__global__ void shuffles(double* out, int n) {
  const int lane = static_cast<int>(threadIdx.x) % warpSize;
  double sum = threadIdx.x;
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0U, sum, step);
  out[threadIdx.x] = sum;
  if (lane >= n) return;  // what follows is for the first lanes only
  const unsigned mask = (1U << n) - 1;
  out[threadIdx.x] += __shfl_sync(mask, lane, n - 1) + __shfl_up_sync(mask, 2LL * lane, 1, 4) +
                      __shfl_down_sync(mask, 3.0f * lane, 1, 4);
  const bool odd = lane % 2 == 1;
  if (__ballot_sync(mask, odd) != (0xaaaaaaaaU & mask)) out[threadIdx.x] = -1;
  if (!__any_sync(mask, odd) || __all_sync(mask, odd) || !__all_sync(mask, lane < n)) out[threadIdx.x] = -2;
  // Both halves of a branch may wait for their own lanes.
  const int partner = odd ? __shfl_xor_sync(0xaaaaaaaaU & mask, lane, 2) : __shfl_xor_sync(0x55555555U & mask, lane, 2);
  if (partner != (lane ^ 2)) out[threadIdx.x] = -3;
}

void check_warps() {
  constexpr int n = 20;
  OnDevice<double> data(64);
  expect(try_launch(1, 64, 0, nullptr, shuffles, data.data, n));
  const std::vector<double> values = data.values();
  for (int i = 0; i < 64; ++i) {
    const int lane = i % 32, up = lane % 4 == 0 ? lane : lane - 1, down = lane % 4 == 3 ? lane : lane + 1;
    const double sum = i < 32 ? 496 : 496 + 1024;
    expect(values[i] == (lane < n ? sum + n - 1 + 2 * up + 3 * down : sum), "an exchange of a warp");
  }
}

void check_streams() {
  Stream first, second;
  Event filled, timed;
  OnDevice<int> a(32), b(32);
  expect(try_launch(1, 32, 0, first, fill, b.data, 32, 0));
  expect(cudaEventRecord(filled, first));
  expect(cudaStreamWaitEvent(second, filled));
  expect(try_launch(1, 32, 0, second, add_to, b.data, a.data));
  expect(cudaEventRecord(timed, second));
  // Nothing has run: what is queued for a now comes first, because b's stream does not wait for the host.
  expect_error(cudaEventQuery(filled), cudaErrorNotReady, "work runs only when something waits for it");
  expect(cudaEventQuery(filled));
  expect(try_launch(1, 32, 0, first, fill, a.data, 32, 5));
  expect(cudaStreamSynchronize(first));
  expect(cudaStreamSynchronize(second));
  expect(b.values() == std::vector<int>(32, 5), "streams without an event between them have no order");
  float milliseconds = -1;
  expect(cudaEventElapsedTime(&milliseconds, filled, timed));
  expect(milliseconds >= 0, "time between events");

  Stream blocking(cudaStreamDefault);
  expect(try_launch(1, 32, 0, blocking, fill, a.data, 32, 7));
  expect(try_launch(1, 32, 0, nullptr, add_to, a.data, b.data));
  expect(try_launch(1, 32, 0, blocking, add_to, a.data, b.data));
  expect(cudaStreamSynchronize(blocking));
  expect(a.values() == std::vector<int>(32, 17), "the legacy stream and blocking ones wait for each other");
}

void check_host_memory() {
  Stream stream;
  OnDevice<int> a(1), b(1);
  int pageable = 1, *pinned = nullptr;
  expect(cudaHostAlloc(&pinned, 2 * sizeof(int), cudaHostAllocMapped));
  pinned[0] = pinned[1] = 1;
  expect(cudaMemcpyAsync(a.data, &pageable, sizeof(int), cudaMemcpyHostToDevice, stream));
  expect(cudaMemcpyAsync(b.data, pinned, sizeof(int), cudaMemcpyHostToDevice, stream));
  pageable = pinned[0] = 2;
  expect(cudaMemcpyAsync(pinned + 1, b.data, sizeof(int), cudaMemcpyDeviceToHost, stream));
  expect(pinned[1] == 1, "a copy to pinned memory does not wait");
  int from_a = 0;
  expect(cudaMemcpyAsync(&from_a, a.data, sizeof(int), cudaMemcpyDeviceToHost, stream));
  expect(from_a == 1, "a copy from pageable memory reads it at once");
  expect(pinned[1] == 2, "a copy from pinned memory reads it when it runs");
  cudaPointerAttributes attributes;
  expect(cudaPointerGetAttributes(&attributes, pinned + 1));
  expect(attributes.type == cudaMemoryTypeHost, "pinned memory is known");
  expect(cudaPointerGetAttributes(&attributes, a.data));
  expect(attributes.type == cudaMemoryTypeDevice, "device memory is known");
  expect(cudaFreeHost(pinned));
  expect_error(cudaMemcpy(a.data, &from_a, 2 * sizeof(int), cudaMemcpyHostToDevice), cudaErrorInvalidValue,
               "a copy beyond an allocation is an error");
}

void check_graphs() {
  Stream stream, side;
  Event fork(cudaEventDisableTiming), join(cudaEventDisableTiming);
  OnDevice<int> a(std::vector<int>(32, 1)), b(std::vector<int>(32, 1));
  expect(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  expect(try_launch(1, 32, 0, stream, add_to, a.data, a.data));
  expect(cudaEventRecord(fork, stream));
  expect(cudaStreamWaitEvent(side, fork));
  expect(try_launch(1, 32, 0, side, add_to, b.data, a.data));
  expect(cudaEventRecord(join, side));
  expect(cudaStreamWaitEvent(stream, join));
  expect(try_launch(1, 32, 0, stream, add_to, a.data, b.data));
  cudaGraph_t graph;
  expect(cudaStreamEndCapture(stream, &graph));
  std::size_t nodes = 0;
  expect(cudaGraphGetNodes(graph, nullptr, &nodes));
  expect(nodes == 3, "a graph has what was captured");
  cudaGraphExec_t exec;
  expect(cudaGraphInstantiate(&exec, graph));
  expect(cudaGraphDestroy(graph));
  for (int time = 0; time < 2; ++time) expect(cudaGraphLaunch(exec, stream));
  expect(cudaGraphExecDestroy(exec));
  expect(cudaStreamSynchronize(stream));
  expect(a.values() == std::vector<int>(32, 5 * 2 + 13), "a graph runs twice, in its order");

  expect(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  expect_error(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported, "a capturing stream never ends");
  expect_error(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated, "such a capture is lost");
  expect(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  void* memory;
  expect_error(cudaMalloc(&memory, 1), cudaErrorStreamCaptureUnsupported, "no memory while a stream captures");
  expect_error(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated, "such a capture is lost");
  expect(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  expect(cudaEventRecord(fork, stream));
  expect(cudaStreamWaitEvent(side, fork));
  expect(try_launch(1, 32, 0, side, add_to, a.data, b.data));
  expect_error(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureUnjoined, "a stream that did not come back");
}

void check_limits() {
  OnDevice<int> data(1);
  const auto fails = [&](dim3 grid, dim3 block, std::size_t shared, cudaError_t error) {
    expect_error(try_launch(grid, block, shared, nullptr, reverse, data.data, 0), error, "the limits of a launch");
  };
  fails(0, 1, 0, cudaErrorInvalidConfiguration);
  fails(1, 1025, 0, cudaErrorInvalidConfiguration);
  fails(1, dim3(32, 33), 0, cudaErrorInvalidConfiguration);
  fails(dim3(1, 65536), 1, 0, cudaErrorInvalidConfiguration);
  expect(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, 48 * 1024));
  fails(1, 1, 48 * 1024 + 1, cudaErrorInvalidValue);
  expect_error(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024 + 1),
               cudaErrorInvalidValue, "the limit of shared memory");
  expect(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024));
  expect(try_launch(1, 1, 227 * 1024, nullptr, reverse, data.data, 0));
  expect(cudaDeviceSynchronize());
}

void check_memory() {
  std::size_t before, after, total;
  expect(cudaMemGetInfo(&before, &total));
  void *large, *small;
  expect_error(cudaMalloc(&large, total + 1), cudaErrorMemoryAllocation, "memory has an end");
  {
    OnDevice<char> a(1000), b(1000);
    expect(cudaMalloc(&small, 1));
    expect(b.data - a.data >= 1024 && (b.data - a.data) % 256 == 0, "allocations are whole units apart");
  }
  expect(cudaFree(small));
  expect(cudaMemGetInfo(&after, &total));
  expect(before == after, "freed memory is free");
  expect_error(cudaFree(small), cudaErrorInvalidValue, "memory is freed once");
}

// A child process, whose faults leave this one alone, with stderr turned off; its exit status, -1 after a signal.
template <class Body>
int status_of_child(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(0);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

__global__ void divergent_barrier(int* out) {
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    out[threadIdx.x] = __shfl_sync(~0U, 1, 0);
  }
}

void check_faults() {
  OnDevice<int> data(32);
  const int reported = status_of_child([&] {
    if (try_launch(1, 32, 0, nullptr, divergent_barrier, data.data) != cudaSuccess) _exit(1);
    if (cudaDeviceSynchronize() != cudaErrorLaunchFailure) _exit(2);
    if (cudaGetLastError() != cudaErrorLaunchFailure || cudaGetLastError() != cudaErrorLaunchFailure) _exit(3);
    if (try_launch(1, 32, 0, nullptr, fill, data.data, 32, 1) != cudaErrorLaunchFailure) _exit(4);
  });
  expect(reported == 0, "a barrier that not all threads reach is an error, and stays one");
  expect(status_of_child([&] { *const_cast<volatile int*>(data.data) = 1; }) != 0, "the host cannot use device memory");
}

template <class T, int K>
__global__ void product(float* c,
                        const typename nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, K, T,
                                                              nvcuda::wmma::row_major>::storage_element_type* a,
                        const typename nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, K, T,
                                                              nvcuda::wmma::col_major>::storage_element_type* b) {
  using namespace nvcuda::wmma;
  fragment<matrix_a, 16, 16, K, T, row_major> left;
  fragment<matrix_b, 16, 16, K, T, col_major> right;
  fragment<accumulator, 16, 16, K, float> sum;
  load_matrix_sync(left, a, K);
  load_matrix_sync(right, b, K);
  fill_fragment(sum, 1.0f);
  for (int step = 0; step < 2; ++step) mma_sync(sum, left, right, sum);
  for (int i = 0; i < sum.num_elements; ++i) sum.x[i] *= 0.5f;
  store_matrix_sync(c, sum, 16, mem_row_major);
}

// Small integers and halves, so that every order and every dtype gives the same sums.
template <class T, int K, class Storage>
void check_product() {
  std::vector<Storage> a(16 * K), b(16 * K);
  for (int i = 0; i < 16 * K; ++i) a[i] = Storage(i % 7 - 3.0f), b[i] = Storage(i % 5 * 0.5f);
  OnDevice<Storage> left(a), right(b);
  OnDevice<float> result(256);
  expect(try_launch(1, 32, 0, nullptr, product<T, K>, result.data, left.data, right.data));
  const std::vector<float> values = result.values();
  for (int i = 0; i < 256; ++i) {
    float sum = 0.5f;
    for (int k = 0; k < K; ++k) sum += static_cast<float>(a[i / 16 * K + k]) * static_cast<float>(b[i % 16 * K + k]);
    expect(values[i] == sum, "a matrix product of a warp");
  }
}

void check_matrices() {
  check_product<__half, 16, __half>();
  check_product<__nv_bfloat16, 16, __nv_bfloat16>();
  check_product<nvcuda::wmma::precision::tf32, 8, float>();
}

__device__ bool near(double value, double expected) { return fabs(value - expected) <= 1e-15 * fabs(expected); }

__global__ void mathematics(bool* right) {
  const bool checks[] = {
      near(rsqrt(4.0), 0.5) && near(exp10(2.0), 100) && near(sinpi(-1.0 / 6), -0.5) && cospi(1e15 + 0.5) == 0,
      near(normcdf(-30.0), 4.9067139271481871e-198) && near(normcdfinv(1e-300), -37.047096299361192),
      near(normcdfinv(0.75), 0.67448975019608174) && normcdfinv(0.0) == -HUGE_VAL,
      near(erfcx(1.0), 0.42758357615580700) && near(erfcx(51.0), 0.011060415485327720),
      near(erfinv(0.5), 0.47693627620446987) && erfinvf(-1.0f) == -HUGE_VALF,
      near(cyl_bessel_i0(1.0), 1.2660658777520084) && near(cyl_bessel_i1(-1.0), -0.56515910399248503),
      __brev(1) == 0x80000000U && __umulhi(~0U, 2) == 1 && __clz(1) == 31 && __ffs(8) == 4 && __popc(255) == 8,
      max(1.0, 2.5f) == 2.5 && min(-1LL, 3LL) == -1 && max(NAN, 1.0f) == 1 && __float2int_rn(2.5f) == 2,
      __half2float(__float2half(65504)) == 65504 && __bfloat162float(__float2bfloat16(1 + 0x1p-8f)) == 1,
      nvcuda::wmma::__float_to_tf32(1 + 0x1p-11f) == 1 + 0x1p-10f,
  };
  for (bool check : checks) *right++ = check;
}

void check_mathematics() {
  OnDevice<bool> right(10);
  expect(try_launch(1, 1, 0, nullptr, mathematics, right.data));
  bool results[10];
  expect(cudaMemcpy(results, right.data, sizeof results, cudaMemcpyDeviceToHost));
  for (bool result : results) expect(result, "a mathematical function");
}

}  // namespace

// Null, or what failed. It needs a device that works.
extern "C" __attribute__((visibility("default"))) const char* fastgrad_emulation_self_check() {
  try {
    for (const auto check : {check_barriers, check_warps, check_streams, check_host_memory, check_graphs, check_limits,
                             check_memory, check_faults, check_matrices, check_mathematics}) {
      check();
    }
  } catch (const Failed& failed) {
    return failed.what;
  }
  return nullptr;
}
