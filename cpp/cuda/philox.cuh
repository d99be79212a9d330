// The Philox 4x32-10 counter-based generator, as PyTorch uses it on CUDA: a thread is a subsequence.
//
// J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <cstdint>

#include "core/random.h"
#include "cuda/launch.cuh"

namespace fastgrad::cuda {

struct Words {
  std::uint32_t v[4];

  // Number k of 64 bits: the first word is the upper half.
  __device__ std::uint64_t wide(int k) const { return static_cast<std::uint64_t>(v[2 * k]) << 32 | v[2 * k + 1]; }
};

// The `counter`-th four words of a subsequence.
__device__ inline Words philox(std::uint64_t seed, std::uint64_t subsequence, std::uint64_t counter) {
  auto key0 = static_cast<std::uint32_t>(seed), key1 = static_cast<std::uint32_t>(seed >> 32);
  Words c{{static_cast<std::uint32_t>(counter), static_cast<std::uint32_t>(counter >> 32),
           static_cast<std::uint32_t>(subsequence), static_cast<std::uint32_t>(subsequence >> 32)}};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xd2511f53U} * c.v[0], b = std::uint64_t{0xcd9e8d57U} * c.v[2];
    c = {{static_cast<std::uint32_t>(b >> 32) ^ c.v[1] ^ key0, static_cast<std::uint32_t>(b),
          static_cast<std::uint32_t>(a >> 32) ^ c.v[3] ^ key1, static_cast<std::uint32_t>(a)}};
    key0 += 0x9e3779b9U;
    key1 += 0xbb67ae85U;
  }
  return c;
}

// Where a kernel's numbers begin. In a captured graph they count from what each replay writes to the device.
struct PhiloxStart {
  Philox at;
  const Philox* replayed;  // or null

  __device__ Philox get() const {
    return replayed == nullptr ? at : Philox{replayed->seed, replayed->offset + at.offset};
  }
};

// For a kernel that is to be started on the current stream: the generator goes on by `count`, or will in each replay.
PhiloxStart take(Generator& g, std::uint64_t count);

}  // namespace fastgrad::cuda
