#include "core/isa.h"

#include <cstdlib>

#include "core/error.h"
#include "kernels.h"

namespace fastgrad {

namespace baseline {
extern const Kernels& table();
}
#ifdef FASTGRAD_X86_ISAS
namespace avx2 {
extern const Kernels& table();
}
namespace avx512 {
extern const Kernels& table();
}
#endif

namespace {

struct Candidate {
  const char* name;
  bool runs_here;
  const Kernels& (*table)();
};

// By CPU feature, never by vendor.
std::vector<Candidate> candidates() {
  std::vector<Candidate> all{{"baseline", true, baseline::table}};
#ifdef FASTGRAD_X86_ISAS
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  all.push_back({"avx2", has_avx2, avx2::table});
  all.push_back({"avx512", has_avx512, avx512::table});
#endif
  return all;
}

const Kernels* chosen = nullptr;

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Candidate& c : candidates()) {
    if (c.runs_here) names.emplace_back(c.name);
  }
  return names;
}

void choose_kernels() {
  const char* wanted = std::getenv("FASTGRAD_ISA");
  const bool forced = wanted != nullptr && *wanted != '\0';
  for (const Candidate& c : candidates()) {
    if (c.runs_here && (!forced || std::string(wanted) == c.name)) chosen = &c.table();
  }
  if (chosen == nullptr) {
    std::string names;
    for (const std::string& name : available_isas()) names += (names.empty() ? "" : ", ") + name;
    fail(ErrorKind::value, "FASTGRAD_ISA=", wanted, " is not available here; choose one of: ", names);
  }
}

const Kernels& kernels() { return *chosen; }

}  // namespace fastgrad
