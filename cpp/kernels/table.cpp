// The kernel table of one instruction set: each family fills in its part.
#include "kernels.h"

#define FASTGRAD_STRING_OF(x) #x
#define FASTGRAD_STRING(x) FASTGRAD_STRING_OF(x)

namespace fastgrad::FASTGRAD_ISA {

void fill_unary(Kernels& table);
void fill_binary(Kernels& table);
void fill_ternary(Kernels& table);
void fill_special(Kernels& table);
void fill_conversion(Kernels& table);
void fill_reduction(Kernels& table);
void fill_indexing(Kernels& table);
void fill_scatter(Kernels& table);
void fill_matmul(Kernels& table);
void fill_softmax(Kernels& table);
void fill_attention(Kernels& table);
void fill_activation(Kernels& table);
void fill_norm(Kernels& table);
void fill_loss(Kernels& table);
void fill_loss_pointwise(Kernels& table);
void fill_recurrent(Kernels& table);
void fill_ctc(Kernels& table);
void fill_conv(Kernels& table);
void fill_conv_direct(Kernels& table);
void fill_winograd(Kernels& table);
void fill_pool(Kernels& table);
void fill_optim(Kernels& table);
void fill_random(Kernels& table);
void fill_limits(Kernels& table);

const Kernels& table() {
  static Kernels kernels = {};
  if (kernels.isa == nullptr) {
    fill_unary(kernels);
    fill_binary(kernels);
    fill_ternary(kernels);
    fill_special(kernels);
    fill_conversion(kernels);
    fill_reduction(kernels);
    fill_indexing(kernels);
    fill_scatter(kernels);
    fill_matmul(kernels);
    fill_softmax(kernels);
    fill_attention(kernels);
    fill_activation(kernels);
    fill_norm(kernels);
    fill_loss(kernels);
    fill_loss_pointwise(kernels);
    fill_recurrent(kernels);
    fill_ctc(kernels);
    fill_conv(kernels);
    fill_conv_direct(kernels);
    fill_winograd(kernels);
    fill_pool(kernels);
    fill_optim(kernels);
    fill_random(kernels);
    fill_limits(kernels);
    kernels.isa = FASTGRAD_STRING(FASTGRAD_ISA);
  }
  return kernels;
}

}  // namespace fastgrad::FASTGRAD_ISA
