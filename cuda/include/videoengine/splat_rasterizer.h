// The rasterizer of Gaussian splats as its callers see it: plain pointers, no instruction set.
//
// `forward` fills the pictures and returns a pass: all that `backward` needs, in one block of bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace videoengine::splats {

template <class S>
struct Scene {
  const S *means, *quaternions, *log_scales, *logits, *harmonics;  // (N, 3) (N, 4) (N, 3) (N) (N, bases, 3)
  std::int64_t count;
  int degree;
};

template <class S>
struct Shot {
  const S* pose;        // camera_from_world: (3, 4), [R | t]
  const S* intrinsics;  // fx fy cx cy
  const S* fisheye;     // k1 k2 k3 k4, the largest tan^2 of an angle that is drawn; null: a pinhole
  int width, height;
  const S* background;  // (3)
  const S* lamp;        // distance (0: none), exponent
  const S* rules;       // alpha_min alpha_max light_min blur near far margin
  bool with_normals, with_median;
  bool cull;            // false: every splat on every pixel, for tests
};

template <class S>
struct Pictures {
  S* color;   // (H, W, 3)
  S* depth;   // (H, W): expected
  S* alpha;   // (H, W)
  S* normal;  // (H, W, 3), or null
  S* median;  // (H, W), or null
};

template <class S>
struct PictureGradients {
  const S *color, *depth, *alpha, *normal;  // any may be null
};

template <class S>
struct SceneGradients {
  S *means, *quaternions, *log_scales, *logits, *harmonics;
  S* pose;        // (3, 4)
  S* background;  // (3)
  S* absolute;    // (N, 2): sums of |d loss / d center| over pixels, or null
};

// A block that the caller releases with std::free.
struct Block {
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
};

struct Failure {
  int fault = 0;           // splat::Fault; -1: no memory, -2: above the capacity, -3: a foreign pass
  std::int64_t where = 0;  // which Gaussian; how many pairs were needed
};

template <class S>
class Rasterizer {
 public:
  virtual ~Rasterizer() = default;
  // `capacity`: most pairs of splat and tile, 0 for any number.
  virtual Failure forward(const Scene<S>& scene, const Shot<S>& shot, std::int64_t capacity,
                          const Pictures<S>& out, Block& pass) const = 0;
  virtual Failure backward(const Scene<S>& scene, const Shot<S>& shot, const std::uint8_t* pass, std::size_t size,
                           const PictureGradients<S>& in, const SceneGradients<S>& out) const = 0;
};

enum class InstructionSet { kBest, kBaseline, kScalar };

// Return the rasterizer for an instruction set; kScalar is compiled without vector instructions.
const Rasterizer<float>& rasterizer_of_float(InstructionSet set);
const Rasterizer<double>& rasterizer_of_double(InstructionSet set);

}  // namespace videoengine::splats
