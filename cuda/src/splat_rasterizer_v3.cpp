// The rasterizer of splats for processors with AVX2; compiled with -march=x86-64-v3, chosen at run time.
#define VIDEOENGINE_ISA v3
#define VIDEOENGINE_LANE_BYTES 32
#include "splat_rasterizer_cpu.inc"

namespace videoengine::splats {
const Rasterizer<float>& float_rasterizer_v3() { return splat::kOfFloat; }
const Rasterizer<double>& double_rasterizer_v3() { return splat::kOfDouble; }
}  // namespace videoengine::splats
