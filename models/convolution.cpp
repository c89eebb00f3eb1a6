#include "models/convolution.h"

#include "models/winograd.h"

namespace atelier {
namespace {

/// Of stride 1, with a border of zeros of width 1.
bool keeps_side_by_3x3(const torch::nn::detail::ConvNdOptions<2>& options) {
  const auto* border = std::get_if<torch::ExpandingArray<2>>(&options.padding());
  const auto all = [](const torch::ExpandingArray<2>& sizes, int64_t size) {
    return (*sizes)[0] == size && (*sizes)[1] == size;
  };
  return border && all(*border, 1) && all(options.kernel_size(), 3) && all(options.stride(), 1) &&
         all(options.dilation(), 1) && options.groups() == 1;
}

}  // namespace

torch::Tensor ConvolutionImpl::forward(const torch::Tensor& x) {
  if (keeps_side_by_3x3(options) && winograd_fits(x, weight)) return winograd_convolution(x, weight, bias);
  return Conv2dImpl::forward(x);
}

}  // namespace atelier
