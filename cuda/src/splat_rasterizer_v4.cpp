// The rasterizer of splats for processors with AVX-512; compiled with -march=x86-64-v4, chosen at run time.
#define VIDEOENGINE_ISA v4
#define VIDEOENGINE_LANE_BYTES 64
#include "splat_rasterizer_cpu.inc"

namespace videoengine::splats {
const Rasterizer<float>& float_rasterizer_v4() { return splat::kOfFloat; }
const Rasterizer<double>& double_rasterizer_v4() { return splat::kOfDouble; }
}  // namespace videoengine::splats
