// The photometric loss for processors with AVX2; compiled with -march=x86-64-v3, chosen at run time.
#define VIDEOENGINE_ISA v3
#include "photometric_loss_cpu.inc"

namespace videoengine::photometric {
const Loss<float>& float_loss_v3() { return photometry::kOfFloat; }
const Loss<double>& double_loss_v3() { return photometry::kOfDouble; }
}  // namespace videoengine::photometric
