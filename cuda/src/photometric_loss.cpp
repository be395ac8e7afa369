// The photometric loss for every processor.
#define VIDEOENGINE_ISA baseline
#include "photometric_loss_cpu.inc"

namespace videoengine::photometric {
const Loss<float>& float_loss_baseline() { return photometry::kOfFloat; }
const Loss<double>& double_loss_baseline() { return photometry::kOfDouble; }

const Loss<float>& float_loss_in_small_blocks() {
  static const photometry::CpuLoss<float, 16, 16> loss;
  return loss;
}
const Loss<double>& double_loss_in_small_blocks() {
  static const photometry::CpuLoss<double, 16, 16> loss;
  return loss;
}
}  // namespace videoengine::photometric
