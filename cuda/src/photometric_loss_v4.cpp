// The photometric loss for processors with AVX-512; compiled with -march=x86-64-v4, chosen at run time.
#define VIDEOENGINE_ISA v4
#include "photometric_loss_cpu.inc"

namespace videoengine::photometric {
const Loss<float>& float_loss_v4() { return photometry::kOfFloat; }
const Loss<double>& double_loss_v4() { return photometry::kOfDouble; }
}  // namespace videoengine::photometric
