// Cameras: pinhole with radial distortion, and the equidistant fisheye with a polynomial.
//
// A pixel's center has integer coordinates; (cx, cy) is the principal point on that scale.
#pragma once

#include "videoengine/math3.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace camera {

enum Model : int { kPinhole = 0, kFisheye = 1 };

template <class S>
struct Intrinsics {
  S fx, fy, cx, cy;
  S k1, k2;  // pinhole: r (1 + k1 r^2 + k2 r^4) of r = tan(theta); fisheye: theta (1 + k1 theta^2 + ...)
  int model;
};

template <class S>
struct Pixel {
  S x, y;
};

// atan(t) of t >= 0. Float: a Chebyshev fit of atan(t)/t in t^2 on [0, 1], within 5e-7.
VIDEOENGINE_HD float arc_tangent(float t) {
  const bool steep = t > 1.0f;
  const float a = steep ? 1.0f / t : t, s = a * a;
  float p = 0.00764835f;
  p = p * s - 0.03636043f;
  p = p * s + 0.08312645f;
  p = p * s - 0.13447864f;
  p = p * s + 0.19872040f;
  p = p * s - 0.33325678f;
  p = p * s + 0.99999923f;
  const float angle = p * a;
  return steep ? 1.57079633f - angle : angle;
}
VIDEOENGINE_HD double arc_tangent(double t) { return ::atan(t); }

// tan(theta) of theta in [0, 1.5), by the polynomials of sine and cosine.
VIDEOENGINE_HD float tangent_of(float a) {
  const float s = a * a;
  const float sine =
      a * (1.0f - s * (1.6666667e-1f - s * (8.3333333e-3f - s * (1.9841270e-4f - s * 2.7557e-6f))));
  const float cosine = 1.0f - s * (0.5f - s * (4.1666667e-2f - s * (1.3888889e-3f -
                       s * (2.4801587e-5f - s * 2.7557e-7f))));
  return sine / cosine;
}
VIDEOENGINE_HD double tangent_of(double a) { return ::tan(a); }

// The distorted radius of an undistorted one: tan(theta), or theta for a fisheye.
template <class S>
VIDEOENGINE_HD S distorted(const Intrinsics<S>& k, S r) {
  const S s = r * r;
  return r * (S(1) + s * (k.k1 + s * k.k2));
}

// Image of a point in camera coordinates with z > 0.
template <class S>
VIDEOENGINE_HD Pixel<S> project(const Intrinsics<S>& k, math::Vec3<S> p) {
  const S x = p.x / p.z, y = p.y / p.z;
  const S r = math::square_root(x * x + y * y);
  if (r < S(1e-9)) return {k.cx + k.fx * x, k.cy + k.fy * y};
  const S scale = distorted(k, k.model == kFisheye ? arc_tangent(r) : r) / r;
  return {k.cx + k.fx * x * scale, k.cy + k.fy * y * scale};
}

// Direction with z = 1 of the light that meets a pixel: `project` undone by Newton's method.
template <class S>
VIDEOENGINE_HD math::Vec3<S> ray(const Intrinsics<S>& k, S x, S y) {
  const S a = (x - k.cx) / k.fx, b = (y - k.cy) / k.fy;
  const S wanted = math::square_root(a * a + b * b);
  if (wanted < S(1e-9)) return {a, b, S(1)};
  S r = wanted;
  for (int i = 0; i < 8; ++i) {
    const S s = r * r;
    const S slope = S(1) + s * (S(3) * k.k1 + s * S(5) * k.k2);
    r = r - (distorted(k, r) - wanted) / slope;
  }
  if (k.model == kFisheye) r = tangent_of(math::minimum(r, S(1.45)));
  const S scale = r / wanted;
  return {a * scale, b * scale, S(1)};
}

}  // namespace camera
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
