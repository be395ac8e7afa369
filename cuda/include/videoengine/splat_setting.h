// A shot as the loops want it, and what the CPU's and the GPU's loops have in common: which tiles a splat
// touches, what a pixel sums, and how the sums of a splat become the gradient of its fields.
#pragma once

#include "videoengine/splat_projection.h"
#include "videoengine/splat_rasterizer.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

constexpr int kNormals = 3;
constexpr int kPlain = kColors + 1, kFull = kColors + 1 + kNormals;  // channels without and with normals
constexpr int kMoments = 6;            // of the exponent: 1, dx, dy, dx^2, dx dy, dy^2
constexpr double kLeastAlpha = 1e-10;  // below it nothing is there to have a depth

template <class S>
struct Setting {
  View<S> view;
  Lamp<S> lamp;
  Rules<S> rules;
  int columns, rows;
  bool cull;
};

template <class S>
VIDEOENGINE_HD math::Pose<S> pose_of(const S* p) {
  math::Pose<S> pose;
  for (int i = 0; i < 3; ++i) pose.rotation.rows[i] = {p[4 * i], p[4 * i + 1], p[4 * i + 2]};
  pose.translation = {p[3], p[7], p[11]};
  return pose;
}

// Everything but the pose, which may lie on another device.
template <class S>
VIDEOENGINE_HD Setting<S> setting_of(const splats::Shot<S>& shot) {
  Setting<S> s;
  s.view.fx = shot.intrinsics[0], s.view.fy = shot.intrinsics[1];
  s.view.cx = shot.intrinsics[2], s.view.cy = shot.intrinsics[3];
  s.view.width = shot.width, s.view.height = shot.height;
  s.view.model = shot.fisheye ? kFisheye : kPinhole;
  for (int i = 0; i < 4; ++i) s.view.k[i] = shot.fisheye ? shot.fisheye[i] : S(0);
  s.view.widest = shot.fisheye ? shot.fisheye[4] : S(0);
  s.lamp = {shot.lamp[0], shot.lamp[1]};
  const S* r = shot.rules;
  s.rules.alpha_min = r[0], s.rules.alpha_max = r[1], s.rules.light_min = r[2], s.rules.blur = r[3];
  s.rules.near = r[4], s.rules.far = r[5], s.rules.margin = r[6];
  s.columns = (shot.width + kTile - 1) / kTile, s.rows = (shot.height + kTile - 1) / kTile;
  s.cull = shot.cull;
  return s;
}

template <class S>
VIDEOENGINE_HD Gaussian<S> gaussian_of(const splats::Scene<S>& scene, std::int64_t i) {
  const int numbers = kColors * harmonics::bases_of(scene.degree);
  return {scene.means + 3 * i, scene.quaternions + 4 * i, scene.log_scales + 3 * i,
          scene.logits[i],     scene.harmonics + numbers * i, scene.degree};
}

// The tiles that a splat's box meets.
struct Box {
  Range across, down;
};

template <class S>
VIDEOENGINE_HD Box box_of(const Splat<S>& s, const Setting<S>& set) {
  if (!set.cull) return {{0, set.columns - 1}, {0, set.rows - 1}};
  return {cells_of(s.x, s.reach_x, 0, kTile, set.columns), cells_of(s.y, s.reach_y, 0, kTile, set.rows)};
}

// Whether a splat may touch a tile of its box.
template <class S>
VIDEOENGINE_HD bool touched(const Splat<S>& s, const Setting<S>& set, const Box& box, int column, int row) {
  if (!set.cull || (box.across.first == box.across.last && box.down.first == box.down.last)) return true;
  const S left = S(column * kTile), top = S(row * kTile);
  return may_touch(s, set.rules, left, left + S(kTile - 1), top, top + S(kTile - 1));
}

template <class S, int kChannels>
VIDEOENGINE_HD void values_of(const Splat<S>& s, S out[kChannels]) {
  for (int k = 0; k < kColors; ++k) out[k] = s.color[k];
  out[kColors] = s.depth;
  if constexpr (kChannels > kColors + 1) {
    for (int k = 0; k < kNormals; ++k) out[kColors + 1 + k] = s.normal[k];
  }
}

// Of a splat's sums over pixels: the moments of the exponent's gradient, then of the channels.
template <class S, int kChannels>
VIDEOENGINE_HD SplatGradient<S> gradient_of_sums(const Splat<S>& s, const S* sum) {
  SplatGradient<S> g;
  g.level = sum[0];
  g.x = S(2) * s.a * sum[1] + s.b * sum[2], g.y = s.b * sum[1] + S(2) * s.c * sum[2];
  g.a = -sum[3], g.b = -sum[4], g.c = -sum[5];
  for (int k = 0; k < kColors; ++k) g.color[k] = sum[kMoments + k];
  g.depth = sum[kMoments + kColors];
  if constexpr (kChannels > kColors + 1) {
    for (int k = 0; k < kNormals; ++k) g.normal[k] = sum[kMoments + 1 + kColors + k];
  }
  return g;
}

// What a loss says of one pixel: of its sums, and of the light that is left; `sums` are those of forward.
template <class S, int kChannels>
struct PixelBack {
  S to_sum[kChannels];
  S left;  // what it says of everything that is not passed yet
};

template <class S, int kChannels>
VIDEOENGINE_HD PixelBack<S, kChannels> pixel_back(const splats::PictureGradients<S>& in, const S* background,
                                                  std::int64_t pixel, const S sums[kChannels], S light,
                                                  S to_background[kColors]) {
  PixelBack<S, kChannels> out;
  const S alpha = S(1) - light;
  S to_light = S(0);
  for (int k = 0; k < kChannels; ++k) out.to_sum[k] = S(0);
  if (pixel >= 0) {
    for (int k = 0; k < kColors && in.color; ++k) {
      out.to_sum[k] = in.color[3 * pixel + k];
      to_light = to_light + out.to_sum[k] * background[k];
      to_background[k] = to_background[k] + out.to_sum[k] * light;
    }
    if (in.alpha) to_light = to_light - in.alpha[pixel];
    if (in.depth) {
      const S share = math::maximum(alpha, S(kLeastAlpha)), to_depth = in.depth[pixel];
      out.to_sum[kColors] = to_depth / share;
      if (alpha > S(kLeastAlpha)) to_light = to_light + to_depth * sums[kColors] / (share * share);
    }
    if constexpr (kChannels > kColors + 1) {
      for (int k = 0; k < kNormals && in.normal; ++k) out.to_sum[kColors + 1 + k] = in.normal[3 * pixel + k];
    }
  }
  out.left = to_light * light;
  for (int k = 0; k < kChannels; ++k) out.left = out.left + out.to_sum[k] * sums[k];
  return out;
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
