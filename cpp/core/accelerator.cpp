#include "accelerator.h"

namespace fastgrad {
namespace {

const Accelerator* registered = nullptr;

}  // namespace

const Accelerator* accelerator() { return registered; }
void register_accelerator(const Accelerator* table) { registered = table; }

}  // namespace fastgrad
