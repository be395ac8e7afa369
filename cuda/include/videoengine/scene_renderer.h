// The renderer of simulated scenes as its callers see it: plain pointers, no instruction set.
//
// Records are rows of float32, so that a caller in any language can fill them:
//   pose       12  rotation row by row and translation, interleaved as the 3x4 matrix [R | t]
//   intrinsics  7  fx fy cx cy k1 k2 model(0 pinhole, 1 fisheye)
//   pull        7  center xyz (world), displacement xyz, radius
//   solid      31  kind material instrument part track, a xyz, b xyz, side xyz, ra rb thickness,
//                  pose to the next frame, 2 spare
//   material   11  albedo rgb, reflectance rgb, roughness, film, film roughness, emission, pattern
//   light      16  position xyz, axis xyz, intensity, exponent, tint rgb, ambient rgb, room, haze phase
//   puff        5  center xyz (camera), spread, amount
//   drop        7  x y radius haze, tint rgb
//   sensor     14  gain, balance rgb, bloom, vignette, sharpening, noise, circle radius x y,
//                  depth of shadows (0 to 1), unlit(0/1), share of blur
#pragma once

#include <cstdint>

namespace videoengine::renderer {

constexpr int kPoseLength = 12, kIntrinsicsLength = 7, kPullLength = 7, kSolidLength = 31;
constexpr int kMaterialLength = 11, kLightLength = 16, kPuffLength = 5, kDropLength = 7;
constexpr int kSensorLength = 14;
constexpr int kMostSolids = 128, kMostMaterials = 32;
constexpr int kMostAmplitudes = 4, kMostPullRows = 8, kMostPuffRows = 48, kMostDropRows = 24;

struct MeshInput {
  const float *rest, *bare, *front, *modes;  // (rows, columns, 3) x2, (rows, columns), (modes, rows, columns, 3)
  int rows, columns, mode_count;
  bool wraps;
  float orientation;
};

struct TextureInput {
  const std::uint8_t *rest, *bare;  // (height, width, 4)
  const float* relief;              // (height, width)
  const std::uint8_t *region, *region_bare;
  int height, width;
  float texel_mm;
};

struct MotionInput {
  const float* pose;        // camera_from_world
  const float* amplitudes;  // (row_count, mode_count)
  float progress;
  const float* pulls;
  int pull_count;
};

struct FrameInput {
  MotionInput now, next;
  bool with_flow;
  int first_row, row_count;  // of the mesh
  const float *solids, *materials, *light, *puffs, *drops, *sensor;
  int solid_count, material_count, puff_count, drop_count;
  const float* stains;  // (stain_height, stain_width, 3) over all rows of the mesh
  int stain_height, stain_width;
  std::uint32_t scene_seed, noise_seed;
};

// Any of them may be null.
struct FrameOutput {
  std::uint8_t* rgb;     // (height, width, 3)
  float* light;          // (height, width, 3) linear, before the sensor
  float* depth;          // (height, width) mm
  std::uint8_t* labels;  // (height, width, 4): instrument + 1, part, track + 1, region
  float* material;       // (height, width, 2)
  float* flow;           // (height, width, 2)
};

class SceneRenderer {
 public:
  virtual ~SceneRenderer();  // defined once, in the bindings, for every processor
  // Each copies what it is given. They return nullptr, or what went wrong.
  virtual const char* set_mesh(const MeshInput& mesh) = 0;
  virtual const char* set_textures(const TextureInput& textures) = 0;
  virtual const char* render(const FrameInput& frame, const FrameOutput& out) = 0;
};

// Return nullptr when memory is short. `intrinsics` has kIntrinsicsLength numbers.
SceneRenderer* make_renderer_baseline(int width, int height, const float* intrinsics);
SceneRenderer* make_renderer_v3(int width, int height, const float* intrinsics);
#ifdef VIDEOENGINE_WITH_CUDA
SceneRenderer* make_renderer_cuda(int width, int height, const float* intrinsics);
#endif

}  // namespace videoengine::renderer
