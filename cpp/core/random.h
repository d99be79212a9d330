// Random numbers: the Mersenne Twister, drawn from in PyTorch's order, so that a seed gives PyTorch's CPU numbers.
//
// M. Matsumoto and T. Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random number
// generator", ACM TOMACS 8(1), 1998. Words are drawn serially, so the numbers do not depend on the number of threads;
// what turns words into numbers (kernels/random.cpp) may run in parallel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/device.h"

namespace fastgrad {

// Where a counter-based generator is: what CUDA draws follows from these and an element's number, as in PyTorch.
struct Philox {
  std::uint64_t seed, offset;
};

// Of the host, or of a CUDA device, whose numbers come from philox() alone. Not safe for use by several threads, but
// for those that hold mutex(). Graphs that draw from it share it.
class Generator : public std::enable_shared_from_this<Generator> {
 public:
  static constexpr std::uint64_t default_seed = 67280421310721ULL;  // PyTorch's

  explicit Generator(std::uint64_t seed = default_seed, Device device = host_device) : device_(device) {
    manual_seed(seed);
  }

  void manual_seed(std::uint64_t seed);
  std::uint64_t initial_seed() const { return seed_; }
  Device device() const { return device_; }
  Philox& philox() { return philox_; }

  // The next n random words of 32 bits, into memory of any element type.
  void fill(void* words, std::int64_t n);
  // A number of 64 bits: the first word drawn is the upper half.
  std::uint64_t random64();
  // Uniform in [0, 1), with 53 random bits.
  double uniform() { return static_cast<double>(random64() & 0x1fffffffffffffULL) * 0x1p-53; }

  // Normal numbers are made in pairs; the second of a pair may be kept for the next call.
  std::optional<double> take_normal();
  void keep_normal(double number) { kept_normal_ = number; }

  // The state in the byte layout of torch.get_rng_state() (5056 bytes), or of torch.cuda.get_rng_state() (16 bytes), so
  // that states can be exchanged.
  std::string state() const;
  void set_state(const void* bytes, std::size_t size);

  std::mutex& mutex() { return mutex_; }

 private:
  static constexpr int words = 624;

  void refill();
  void set_philox(const void* bytes, std::size_t size);

  std::mutex mutex_;
  Device device_;
  Philox philox_{};
  std::uint64_t seed_ = 0;
  std::uint32_t state_[words];
  int left_ = 1;  // numbers until the next refill, counted as PyTorch does
  std::uint32_t next_ = 0;
  std::optional<double> kept_normal_;
  std::optional<float> kept_float_normal_;  // PyTorch has one too; only the state's bytes know of it
};

// What functions draw from when they are given no generator.
Generator& default_generator();
Generator& cuda_generator(int index);
// All of CUDA's, those of devices that are yet to be used, too.
void seed_cuda_generators(std::uint64_t seed);

// What a function on a device draws from that was given `g`: the device's default instead of the host's, which stands
// for none. RuntimeError where `g` is another device's.
Generator& generator_on(Device device, Generator& g);

}  // namespace fastgrad
