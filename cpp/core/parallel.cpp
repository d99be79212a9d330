#include "core/parallel.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace fastgrad {
namespace {

constexpr int max_threads = 256;

#ifdef __linux__
// The numbers in a file of the system, as many as there are.
int read_numbers(const char* path, long& first, long* second) {
  std::FILE* f = std::fopen(path, "r");
  if (f == nullptr) return 0;
  const int found = second == nullptr ? std::fscanf(f, "%ld", &first) : std::fscanf(f, "%ld %ld", &first, second);
  std::fclose(f);
  return found;
}
#endif

// The share of the cores that a container's CPU quota allows, or a large number. Control groups have two versions.
int cgroup_limit() {
#ifdef __linux__
  long quota = 0, period = 0;
  const bool known = read_numbers("/sys/fs/cgroup/cpu.max", quota, &period) == 2 ||
                     (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, nullptr) == 1 &&
                      read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, nullptr) == 1);
  if (known && quota > 0 && period > 0) return std::max(1, static_cast<int>((quota + period - 1) / period));
#endif
  return max_threads;
}

int usable_cores() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) cores = CPU_COUNT(&mask);
#endif
  return std::max(1, std::min(cores, cgroup_limit()));
}

int default_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    const long asked = std::strtol(text, nullptr, 10);
    if (asked >= 1) return static_cast<int>(std::min<long>(asked, max_threads));
  }
  return std::min(usable_cores(), max_threads);
}

std::atomic<int>& thread_setting() {
  static std::atomic<int> setting{default_threads()};
  return setting;
}

thread_local bool inside_parallel = false;

inline void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// One job at a time, cut into pieces. Each thread begins with the pieces of its own share, in every job the same part
// of the range, because there it finds in its cache what it wrote in the last job; then it helps the others, from
// the other end. Every other job goes through a share backwards: what was written last is what is still in the cache.
//
// A share's ticket holds the job's number (high half), and its last piece (exclusive) and its next piece (16 bits
// each). A thread takes a piece by compare-and-swap, so a worker that wakes late can never take a piece of a job it has
// not read.
class Pool {
 public:
  bool try_run(std::int64_t begin, std::int64_t end, std::int64_t piece, int threads, detail::RangeFunction call,
               const void* context);

 private:
  struct alignas(64) Share {
    std::atomic<std::uint64_t> ticket{0};
  };

  void start_workers(int wanted);
  void work_forever(int index, std::uint32_t seen);
  std::uint32_t wait_for_job(std::uint32_t seen);
  void publish_shares(std::uint32_t pieces, int threads);
  void take_pieces(std::uint32_t job, int thread);
  bool take_piece(std::uint32_t job, Share& share, bool own);

  std::mutex busy_;
  int workers_ = 0;
  std::uint32_t job_ = 0;
  std::atomic<std::uint32_t> published_{0};
  Share shares_[max_threads];
  std::atomic<std::int64_t> begin_{0}, end_{0}, piece_{1};
  std::atomic<std::uint32_t> pieces_{0}, done_{0};
  std::atomic<int> threads_{0};  // that may join the job; more exist after set_num_threads was lowered
  std::atomic<detail::RangeFunction> call_{nullptr};
  std::atomic<const void*> context_{nullptr};
};

void Pool::start_workers(int wanted) {
  for (; workers_ < wanted; ++workers_) {
    std::thread([this, index = workers_, seen = job_] {
      inside_parallel = true;
      work_forever(index, seen);
    }).detach();
  }
}

// Spins for some microseconds (the next kernel is often near), then sleeps in the kernel.
std::uint32_t Pool::wait_for_job(std::uint32_t seen) {
  for (int spin = 0; spin < 2000; ++spin) {
    const std::uint32_t now = published_.load(std::memory_order_acquire);
    if (now != seen) return now;
    pause_cpu();
  }
  published_.wait(seen, std::memory_order_acquire);
  return published_.load(std::memory_order_acquire);
}

void Pool::work_forever(int index, std::uint32_t seen) {
  for (;;) {
    seen = wait_for_job(seen);
    take_pieces(seen, index + 1);
  }
}

// False when the share has no piece left, or belongs to another job.
bool Pool::take_piece(std::uint32_t job, Share& share, bool own) {
  const bool front = own == (job % 2 == 0);
  std::uint64_t ticket = share.ticket.load(std::memory_order_acquire);
  for (;;) {
    const auto next = static_cast<std::uint16_t>(ticket), last = static_cast<std::uint16_t>(ticket >> 16);
    if ((ticket >> 32) != job || next >= last) return false;
    const std::int64_t piece = piece_.load(std::memory_order_relaxed);
    const std::int64_t first = begin_.load(std::memory_order_relaxed) + piece * (front ? next : last - 1);
    const std::int64_t end = std::min(first + piece, end_.load(std::memory_order_relaxed));
    const std::uint32_t pieces = pieces_.load(std::memory_order_relaxed);
    const detail::RangeFunction call = call_.load(std::memory_order_relaxed);
    const void* context = context_.load(std::memory_order_relaxed);
    const std::uint64_t taken = front ? ticket + 1 : ticket - (1 << 16);
    if (!share.ticket.compare_exchange_weak(ticket, taken, std::memory_order_acq_rel, std::memory_order_acquire)) {
      continue;
    }
    call(context, first, end);
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == pieces) done_.notify_one();
    return true;
  }
}

void Pool::take_pieces(std::uint32_t job, int thread) {
  const int threads = threads_.load(std::memory_order_relaxed);
  if (thread >= threads) return;
  for (int i = 0; i < threads; ++i) {
    while (take_piece(job, shares_[(thread + i) % threads], i == 0)) {
    }
  }
}

void Pool::publish_shares(std::uint32_t pieces, int threads) {
  std::uint64_t first = 0;
  for (int i = 0; i < threads; ++i) {
    const std::uint64_t last = static_cast<std::uint64_t>(pieces) * static_cast<std::uint64_t>(i + 1) / threads;
    shares_[i].ticket.store(static_cast<std::uint64_t>(job_) << 32 | last << 16 | first, std::memory_order_release);
    first = last;
  }
}

bool Pool::try_run(std::int64_t begin, std::int64_t end, std::int64_t piece, int threads, detail::RangeFunction call,
                   const void* context) {
  std::unique_lock lock(busy_, std::try_to_lock);
  if (!lock) return false;
  start_workers(threads - 1);
  // No worker can take what is written below for the last job's: all pieces of that are taken, as its tickets say.
  const auto pieces = static_cast<std::uint32_t>((end - begin + piece - 1) / piece);
  threads_.store(threads, std::memory_order_relaxed);
  begin_.store(begin, std::memory_order_relaxed);
  end_.store(end, std::memory_order_relaxed);
  piece_.store(piece, std::memory_order_relaxed);
  pieces_.store(pieces, std::memory_order_relaxed);
  call_.store(call, std::memory_order_relaxed);
  context_.store(context, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  ++job_;
  publish_shares(pieces, threads);
  published_.store(job_, std::memory_order_release);
  published_.notify_all();

  inside_parallel = true;
  take_pieces(job_, 0);
  inside_parallel = false;
  for (int spin = 0;; ++spin) {
    const std::uint32_t done = done_.load(std::memory_order_acquire);
    if (done == pieces) return true;
    if (spin < 20000) {
      pause_cpu();
    } else {
      done_.wait(done, std::memory_order_acquire);
    }
  }
}

// A forked child has none of its parent's workers: it starts with a new pool. The old one, whose lock may be
// held and whose threads are gone, is left alone.
std::atomic<Pool*> current_pool{nullptr};

Pool& pool() {
  Pool* p = current_pool.load(std::memory_order_acquire);
  if (p != nullptr) return *p;
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(nullptr, nullptr, [] { current_pool = new Pool; }); });
  Pool* fresh = new Pool;  // lives as long as the process: detached workers may still look at it at exit
  if (!current_pool.compare_exchange_strong(p, fresh)) {
    delete fresh;
    return *p;
  }
  return *fresh;
}

}  // namespace

int num_threads() { return thread_setting().load(std::memory_order_relaxed); }

void set_num_threads(int n) { thread_setting().store(std::clamp(n, 1, max_threads), std::memory_order_relaxed); }

namespace detail {

void run_parallel(std::int64_t begin, std::int64_t end, std::int64_t grain, RangeFunction call, const void* context) {
  const int threads = num_threads();
  const std::int64_t n = end - begin;
  // Four pieces a thread: a slow core then costs a quarter of its share, not all of it. Long ones (of single elements)
  // begin at multiples of 64, so that no vector lies across two cache lines.
  std::int64_t piece = std::max({std::int64_t{1}, grain, (n + 4 * threads - 1) / (4 * threads)});
  if (piece >= 1024) piece = (piece + 63) / 64 * 64;
  if (inside_parallel || piece >= n || !pool().try_run(begin, end, piece, threads, call, context)) {
    call(context, begin, end);
  }
}

}  // namespace detail
}  // namespace fastgrad
