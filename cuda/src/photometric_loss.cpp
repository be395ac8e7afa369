// The photometric loss for every processor.
#define VIDEOENGINE_ISA baseline
#include "photometric_loss_cpu.inc"

namespace videoengine::photometric {
const Loss<float>& float_loss_baseline() { return photometry::kOfFloat; }
const Loss<double>& double_loss_baseline() { return photometry::kOfDouble; }
}  // namespace videoengine::photometric
