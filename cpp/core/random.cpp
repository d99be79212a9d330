#include "core/random.h"

#include <cmath>
#include <cstring>
#include <random>

#include "core/error.h"

namespace fastgrad {
namespace {

// What torch.get_rng_state() returns, field by field.
struct StateBytes {
  std::uint64_t seed;
  std::int32_t left;
  std::int32_t seeded;
  std::uint64_t next;
  std::uint64_t state[624];
  double normal_x;  // the kept normal number
  double normal_y;
  double normal_rho;
  std::int32_t normal_is_valid;
  float next_float_normal;
  bool next_float_normal_is_valid;
};
static_assert(sizeof(StateBytes) == 5056);

}  // namespace

void Generator::manual_seed(std::uint64_t seed) {
  seed_ = seed;
  state_[0] = static_cast<std::uint32_t>(seed);
  for (std::uint32_t i = 1; i < words; ++i) state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  left_ = 1;
  next_ = 0;
  next_normal_.reset();
}

void Generator::refill() {
  constexpr int shift = 397;
  const auto twist = [](std::uint32_t u, std::uint32_t v) {
    const std::uint32_t mixed = (u & 0x80000000U) | (v & 0x7fffffffU);
    return (mixed >> 1) ^ ((v & 1U) ? 0x9908b0dfU : 0U);
  };
  for (int i = 0; i < words; ++i) {
    state_[i] = state_[(i + shift) % words] ^ twist(state_[i], state_[(i + 1) % words]);
  }
  left_ = words;
  next_ = 0;
}

std::uint32_t Generator::random() {
  if (--left_ == 0) refill();
  std::uint32_t y = state_[next_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680U;
  y ^= (y << 15) & 0xefc60000U;
  return y ^ (y >> 18);
}

std::uint64_t Generator::random64() {
  const std::uint64_t high = random();
  return high << 32 | random();
}

template <>
float Generator::uniform<float>() {
  return static_cast<float>(random() & 0xffffffU) * 0x1p-24F;
}

template <>
double Generator::uniform<double>() {
  return static_cast<double>(random64() & 0x1fffffffffffffULL) * 0x1p-53;
}

double Generator::normal() {
  if (next_normal_) {
    const double kept = *next_normal_;
    next_normal_.reset();
    return kept;
  }
  const double u1 = uniform<double>(), u2 = uniform<double>();
  const double radius = std::sqrt(-2.0 * std::log1p(-u2)), angle = 2.0 * M_PI * u1;
  next_normal_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

std::string Generator::state() const {
  StateBytes bytes;
  std::memset(&bytes, 0, sizeof bytes);  // the padding too: equal states are equal bytes
  bytes.seed = seed_;
  bytes.left = left_;
  bytes.seeded = 1;
  bytes.next = next_;
  for (int i = 0; i < words; ++i) bytes.state[i] = state_[i];
  bytes.normal_x = next_normal_.value_or(0.0);
  bytes.normal_is_valid = next_normal_.has_value();
  return {reinterpret_cast<const char*>(&bytes), sizeof bytes};
}

void Generator::set_state(const void* from, std::size_t size) {
  StateBytes bytes;
  if (size != sizeof bytes) {
    fail("set_state: expected the ", sizeof bytes, " bytes that get_state() gives, got ", size);
  }
  std::memcpy(&bytes, from, sizeof bytes);
  if (bytes.left < 1 || bytes.left > words || bytes.next > words ||
      (bytes.left > 1 && bytes.next + bytes.left > words + 1)) {
    fail("set_state: these bytes are not the state of a generator; pass what get_state() returned");
  }
  seed_ = bytes.seed;
  left_ = bytes.left;
  next_ = static_cast<std::uint32_t>(bytes.next);
  for (int i = 0; i < words; ++i) state_[i] = static_cast<std::uint32_t>(bytes.state[i]);
  next_normal_.reset();
  if (bytes.normal_is_valid) next_normal_ = bytes.normal_x;
}

Generator& default_generator() {
  static Generator generator(std::random_device{}());  // as PyTorch's: another seed for each process
  return generator;
}

}  // namespace fastgrad
