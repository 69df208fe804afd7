#include "weft/kernels/activation.hpp"

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

void activation_forward(const Context& context, Activation activation, ConstTensorView x_TG,
                        TensorView y_TF) {
  const TimedKernel timed(context.stream, "activation forward");
  const int64_t size = x_TG.num_elements();
  check_element_type("x_TG", x_TG);
  check_size("y_TF", y_TF, is_gated(activation) ? size / 2 : size, x_TG.dtype());
  kernel_table(context.stream).activation_forward(context, activation, x_TG, y_TF);
}

void activation_backward(const Context& context, Activation activation, ConstTensorView dy_TF,
                         ConstTensorView x_TG, TensorView dx_TG) {
  const TimedKernel timed(context.stream, "activation backward");
  const int64_t size = x_TG.num_elements();
  check_element_type("x_TG", x_TG);
  check_size("dy_TF", dy_TF, is_gated(activation) ? size / 2 : size, x_TG.dtype());
  check_size("dx_TG", dx_TG, size, x_TG.dtype());
  kernel_table(context.stream).activation_backward(context, activation, dy_TF, x_TG, dx_TG);
}

}  // namespace weft::kernels
