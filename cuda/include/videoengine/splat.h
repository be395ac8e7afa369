// Gaussian splats: what is shared by projection, binning and blending, on a CPU and on a GPU.
//
// A Gaussian is a mean, an unnormalized quaternion (w, x, y, z), three log scales, an opacity logit and
// spherical harmonics. A pixel's center has integer coordinates, as in camera.h. Kerbl et al. 2023 give
// the method; Zwicker et al. 2001 the projection.
#pragma once

#include "videoengine/math3.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

constexpr int kTile = 16;                  // pixels a side
constexpr int kBlock = 4;                  // pixels a side of what is skipped or blended as one
constexpr int kLanes = kBlock * kBlock;
constexpr int kBlocks = (kTile / kBlock) * (kTile / kBlock);
constexpr int kTilePixels = kTile * kTile;
constexpr int kColors = 3;
constexpr int kMostBases = 16;             // spherical harmonics of degrees 0 to 3

// The decisions of a rasterizer. Two that share them give the same picture.
template <class S>
struct Rules {
  S alpha_min = S(1) / S(255);   // what covers less is passed over
  S alpha_max = S(0.99);         // nothing is more opaque than this
  S light_min = S(1e-4);         // a pixel ends before its transmittance falls to this
  S blur = S(0.3);               // px^2, added to both variances: a pixel's own extent
  S near = S(0.01), far = S(1e10);
  S margin = S(0.3);             // of the half picture: beyond it slopes are clamped
};

enum Model : int { kPinhole = 0, kFisheye = 1 };

template <class S>
struct View {
  math::Pose<S> camera_from_world;
  S fx, fy, cx, cy;
  int width, height;
  int model;
  S k[4];    // of a fisheye: the angle t is drawn at t (1 + k1 t^2 + k2 t^4 + k3 t^6 + k4 t^8)
  S widest;  // of a fisheye: the largest tan^2 of an angle that is drawn
};

// A lamp at the camera: what lies at `distance` on the axis is seen in its own color. Without a lamp
// `distance` is 0.
template <class S>
struct Lamp {
  S distance, exponent;
};

// A Gaussian as the picture shows it.
template <class S>
struct Splat {
  S x, y;              // center, px
  S a, b, c;           // 2^(level - a dx^2 - b dx dy - c dy^2) is how much of a pixel is covered
  S level;             // log2 of the opacity
  S depth;             // z in the camera
  S reach_x, reach_y;  // px: half the sides of the box that alpha_min is reached in
  S color[kColors];
  S normal[3];         // in the camera, facing it
};

// What a loss says of a Splat, by its fields.
template <class S>
struct SplatGradient {
  S x = 0, y = 0, a = 0, b = 0, c = 0, level = 0, depth = 0;
  S color[kColors] = {0, 0, 0};
  S normal[3] = {0, 0, 0};
};

template <class S>
VIDEOENGINE_HD S log2_of_e() { return S(1.4426950408889634); }
template <class S>
VIDEOENGINE_HD S ln_of_2() { return S(0.6931471805599453); }

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
