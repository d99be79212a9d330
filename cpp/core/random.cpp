#include "core/random.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>

#include "core/error.h"

#if defined(__clang__)
#define FASTGRAD_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define FASTGRAD_IVDEP _Pragma("GCC ivdep")
#endif

namespace fastgrad {
namespace {

// What torch.get_rng_state() returns, field by field.
struct StateBytes {
  std::uint64_t seed;
  std::int32_t left;
  std::int32_t seeded;
  std::uint64_t next;
  std::uint64_t state[624];
  double normal_x;
  double normal_y;  // the kept normal number
  double normal_rho;
  std::int32_t normal_is_valid;
  float next_float_normal;
  std::uint8_t next_float_normal_is_valid;
};
static_assert(sizeof(StateBytes) == 5056);

std::uint32_t twist(std::uint32_t u, std::uint32_t v) {
  const std::uint32_t mixed = (u & 0x80000000U) | (v & 0x7fffffffU);
  return (mixed >> 1) ^ (-(v & 1U) & 0x9908b0dfU);
}

// Loops over plain arrays, which the compiler turns into vector instructions.
void temper(std::uint32_t* to, const std::uint32_t* from, int n) {
  for (int i = 0; i < n; ++i) {
    std::uint32_t y = from[i];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    to[i] = y ^ (y >> 18);
  }
}

}  // namespace

void Generator::manual_seed(std::uint64_t seed) {
  seed_ = seed;
  philox_ = {seed, 0};
  state_[0] = static_cast<std::uint32_t>(seed);
  for (std::uint32_t i = 1; i < words; ++i) state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  left_ = 1;
  next_ = 0;
  kept_normal_.reset();
  kept_float_normal_.reset();
}

void Generator::refill() {
  constexpr int shift = 397, head = words - shift;
  std::uint32_t* const s = state_;
  for (int i = 0; i < head; ++i) s[i] = s[i + shift] ^ twist(s[i], s[i + 1]);
  // Each iteration reads what one `head` steps before wrote: pieces of that length are free of dependences.
  for (int start = head; start < words - 1; start += head) {
    const int end = std::min(start + head, words - 1);
    FASTGRAD_IVDEP
    for (int i = start; i < end; ++i) s[i] = s[i - head] ^ twist(s[i], s[i + 1]);
  }
  s[words - 1] = s[shift - 1] ^ twist(s[words - 1], s[0]);
  left_ = words + 1;
  next_ = 0;
}

void Generator::fill(void* to, std::int64_t n) {
  auto* at = static_cast<std::uint32_t*>(to);
  while (n > 0) {
    if (left_ == 1) refill();
    const int count = static_cast<int>(std::min<std::int64_t>(n, left_ - 1));
    temper(at, state_ + next_, count);
    next_ += static_cast<std::uint32_t>(count);
    left_ -= count;
    at += count;
    n -= count;
  }
}

std::uint64_t Generator::random64() {
  std::uint32_t pair[2];
  fill(pair, 2);
  return static_cast<std::uint64_t>(pair[0]) << 32 | pair[1];
}

std::optional<double> Generator::take_normal() {
  const std::optional<double> kept = kept_normal_;
  kept_normal_.reset();
  return kept;
}

std::string Generator::state() const {
  if (device_.is_cuda()) return {reinterpret_cast<const char*>(&philox_), sizeof philox_};
  StateBytes bytes;
  std::memset(&bytes, 0, sizeof bytes);  // the padding too: equal states are equal bytes
  bytes.seed = seed_;
  bytes.left = left_;
  bytes.seeded = 1;
  bytes.next = next_;
  for (int i = 0; i < words; ++i) bytes.state[i] = state_[i];
  bytes.normal_y = kept_normal_.value_or(0.0);
  bytes.normal_is_valid = kept_normal_.has_value();
  bytes.next_float_normal = kept_float_normal_.value_or(0.0F);
  bytes.next_float_normal_is_valid = kept_float_normal_.has_value();
  return {reinterpret_cast<const char*>(&bytes), sizeof bytes};
}

void Generator::set_philox(const void* from, std::size_t size) {
  Philox given;
  if (size != sizeof given) {
    fail("set_state: expected the ", sizeof given, " bytes that get_state() of a CUDA generator gives, got ", size);
  }
  std::memcpy(&given, from, sizeof given);
  if (given.offset % 4 != 0) {
    fail("set_state: these bytes are not the state of a generator; pass what get_state() returned");
  }
  manual_seed(given.seed);
  philox_ = given;
}

void Generator::set_state(const void* from, std::size_t size) {
  if (device_.is_cuda()) return set_philox(from, size);
  StateBytes bytes;
  if (size != sizeof bytes) {
    fail("set_state: expected the ", sizeof bytes, " bytes that get_state() gives, got ", size);
  }
  std::memcpy(&bytes, from, sizeof bytes);
  if (bytes.seeded != 1 || bytes.left < 1 || bytes.left > words || bytes.next > words ||
      (bytes.left > 1 && bytes.next + bytes.left > words + 1)) {
    fail("set_state: these bytes are not the state of a generator; pass what get_state() returned");
  }
  seed_ = bytes.seed;
  left_ = bytes.left;
  next_ = static_cast<std::uint32_t>(bytes.next);
  for (int i = 0; i < words; ++i) state_[i] = static_cast<std::uint32_t>(bytes.state[i]);
  kept_normal_.reset();
  if (bytes.normal_is_valid) kept_normal_ = bytes.normal_y;
  kept_float_normal_.reset();
  if (bytes.next_float_normal_is_valid) kept_float_normal_ = bytes.next_float_normal;
}

Generator& default_generator() {
  static Generator generator(std::random_device{}());  // as PyTorch's: another seed for each process
  return generator;
}

namespace {

struct CudaGenerators {
  std::mutex mutex;
  std::shared_ptr<Generator> all[128];
  std::optional<std::uint64_t> seed;  // of those that are yet to be made
};

CudaGenerators& cuda_generators() {
  static CudaGenerators generators;
  return generators;
}

}  // namespace

Generator& cuda_generator(int index) {
  CudaGenerators& generators = cuda_generators();
  const std::lock_guard lock(generators.mutex);
  std::shared_ptr<Generator>& g = generators.all[index];
  if (!g) {
    const std::uint64_t seed = generators.seed ? *generators.seed : std::random_device{}();
    g = std::make_shared<Generator>(seed, Device{static_cast<std::int8_t>(index)});
  }
  return *g;
}

void seed_cuda_generators(std::uint64_t seed) {
  CudaGenerators& generators = cuda_generators();
  const std::lock_guard lock(generators.mutex);
  generators.seed = seed;
  for (const std::shared_ptr<Generator>& g : generators.all) {
    if (!g) continue;
    const std::lock_guard inner(g->mutex());
    g->manual_seed(seed);
  }
}

Generator& generator_on(Device device, Generator& g) {
  if (device.is_cuda() && &g == &default_generator()) return cuda_generator(device.index);
  if (device.is_cuda() != g.device().is_cuda()) {
    const auto type = [](Device d) { return d.is_cuda() ? "cuda" : "cpu"; };
    fail("Expected a '", type(device), "' device type for generator but found '", type(g.device()), "'");
  }
  return g;
}

}  // namespace fastgrad
