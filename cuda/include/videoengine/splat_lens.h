// Where a lens shows a point, how the picture moves with the point, and the way back from both.
//
// Pinhole: (fx x/z + cx, fy y/z + cy), whose slopes are clamped for the shape of splats beyond the border.
// Fisheye (Kannala and Brandt 2006): with a = x/z, b = y/z, q = a^2 + b^2 and the angle t = atan(sqrt q),
// the point lies at (fx a G + cx, fy b G + cy), G(q) = t (1 + k1 t^2 + k2 t^4 + k3 t^6 + k4 t^8) / sqrt q.
// G is analytic in q, so that nothing is singular on the axis.
#pragma once

#include "videoengine/splat.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

// A function of q with its first and second derivative.
template <class S>
struct Bend {
  S value, first, second;
};

// A point seen through the lens.
template <class S>
struct Sight {
  S j[2][3];              // d(pixel) / d(point)
  S slope_x, slope_y;     // x/z, y/z; of a pinhole clamped
  bool free_x, free_y;    // not clamped
  Bend<S> bend;           // G, of a fisheye
};

// Half the room on each side of the axis that a slope may lie in.
template <class S>
struct Bounds {
  S low_x, high_x, low_y, high_y;
};
template <class S>
VIDEOENGINE_HD Bounds<S> bounds_of(const View<S>& view, const Rules<S>& rules) {
  // a pixel's center is whole here: the picture reaches from -1/2 to its size - 1/2
  const S side_x = rules.margin * S(view.width) / (S(2) * view.fx);
  const S side_y = rules.margin * S(view.height) / (S(2) * view.fy);
  return {-(view.cx + S(0.5)) / view.fx - side_x, (S(view.width) - S(0.5) - view.cx) / view.fx + side_x,
          -(view.cy + S(0.5)) / view.fy - side_y, (S(view.height) - S(0.5) - view.cy) / view.fy + side_y};
}

// Below this q the series of atan(sqrt q) / sqrt q is used: above, its derivatives lose few digits.
VIDEOENGINE_HD float end_of_series(float) { return 0.25f; }
VIDEOENGINE_HD double end_of_series(double) { return 0.05; }

// atan(sqrt q) / sqrt q of q in [0, 1]. Float: a polynomial through Chebyshev nodes, within 7e-8.
VIDEOENGINE_HD float gentle_angle(float q) {
  float p = -1.701170061e-3f;
  p = p * q + 1.048764924e-2f;
  p = p * q - 3.035186476e-2f;
  p = p * q + 5.708955591e-2f;
  p = p * q - 8.349724967e-2f;
  p = p * q + 1.093234150e-1f;
  p = p * q - 1.426001608e-1f;
  p = p * q + 1.999807528e-1f;
  p = p * q - 3.333327629e-1f;
  return p * q + 9.999999972e-1f;
}
VIDEOENGINE_HD double gentle_angle(double q) {
  const double t = ::sqrt(q);
  return ::atan(t) / t;
}

// atan(sqrt q) / sqrt q of q >= 0.
template <class S>
VIDEOENGINE_HD Bend<S> angle_over_slope(S q) {
  if (q < end_of_series(q)) {
    // 1 - q/3 + q^2/5 - ..., by Horner's scheme with its derivatives
    Bend<S> f{S(0), S(0), S(0)};
    for (int n = 13; n >= 0; --n) {
      f.second = f.second * q + f.first;
      f.first = f.first * q + f.value;
      f.value = f.value * q + S(n % 2 ? -1 : 1) / S(2 * n + 1);
    }
    f.second = S(2) * f.second;
    return f;
  }
  S value;
  if (q > S(1)) {
    const S t = math::square_root(q);
    value = (S(0.5 * math::kPi) - gentle_angle(S(1) / q) / t) / t;
  } else {
    value = gentle_angle(q);
  }
  // 2 q F' + F = 1 / (1 + q), and once more
  const S cosine = S(1) / (S(1) + q);
  const S first = (cosine - value) / (S(2) * q);
  return {value, first, (-cosine * cosine - S(3) * first) / (S(2) * q)};
}

// G(q) = F P(w) with F as above, w = q F^2 the squared angle, P = 1 + k1 w + k2 w^2 + k3 w^3 + k4 w^4.
template <class S>
VIDEOENGINE_HD Bend<S> bend_of(const View<S>& view, S q) {
  const Bend<S> f = angle_over_slope(q);
  const S* k = view.k;
  const S w = q * f.value * f.value;
  const S w1 = f.value * (f.value + S(2) * q * f.first);
  const S w2 = S(4) * f.value * f.first + S(2) * q * (f.first * f.first + f.value * f.second);
  const S p = S(1) + w * (k[0] + w * (k[1] + w * (k[2] + w * k[3])));
  const S p1 = k[0] + w * (S(2) * k[1] + w * (S(3) * k[2] + w * S(4) * k[3]));
  const S p2 = S(2) * k[1] + w * (S(6) * k[2] + w * S(12) * k[3]);
  return {f.value * p, f.first * p + f.value * p1 * w1,
          f.second * p + S(2) * f.first * p1 * w1 + f.value * (p2 * w1 * w1 + p1 * w2)};
}

// False when the lens does not show a point with z > 0.
template <class S>
VIDEOENGINE_HD bool sight(const View<S>& view, const Rules<S>& rules, math::Vec3<S> p, Sight<S>& s) {
  const S z = S(1) / p.z;
  const S x = p.x * z, y = p.y * z;
  if (view.model == kFisheye) {
    const S q = x * x + y * y;
    if (!(q <= view.widest)) return false;
    s.slope_x = x, s.slope_y = y, s.free_x = s.free_y = true;
    s.bend = bend_of(view, q);
    const S g = s.bend.value, g1 = s.bend.first, ahead = g + S(2) * q * g1, across = S(2) * x * y * g1;
    const S fx = view.fx * z, fy = view.fy * z;
    s.j[0][0] = fx * (g + S(2) * x * x * g1), s.j[0][1] = fx * across, s.j[0][2] = -fx * x * ahead;
    s.j[1][0] = fy * across, s.j[1][1] = fy * (g + S(2) * y * y * g1), s.j[1][2] = -fy * y * ahead;
    return true;
  }
  s.bend = {S(0), S(0), S(0)};  // nothing of a pinhole reads it
  s.bend = {S(0), S(0), S(0)};
  const Bounds<S> bounds = bounds_of(view, rules);
  s.slope_x = math::clamp(x, bounds.low_x, bounds.high_x), s.free_x = s.slope_x == x;
  s.slope_y = math::clamp(y, bounds.low_y, bounds.high_y), s.free_y = s.slope_y == y;
  s.j[0][0] = view.fx * z, s.j[0][1] = S(0), s.j[0][2] = -view.fx * z * s.slope_x;
  s.j[1][0] = S(0), s.j[1][1] = view.fy * z, s.j[1][2] = -view.fy * z * s.slope_y;
  return true;
}

// The pixel of a point in sight.
template <class S>
VIDEOENGINE_HD void center_of(const View<S>& view, const Sight<S>& s, math::Vec3<S> p, S& x, S& y) {
  if (view.model == kFisheye) {
    x = view.fx * (s.slope_x * s.bend.value) + view.cx, y = view.fy * (s.slope_y * s.bend.value) + view.cy;
  } else {
    x = view.fx * (p.x / p.z) + view.cx, y = view.fy * (p.y / p.z) + view.cy;
  }
}

// Adds to the gradient of a point what its pixel and J say.
template <class S>
VIDEOENGINE_HD void pinhole_back(const View<S>& view, const Sight<S>& s, math::Vec3<S> p, S to_x, S to_y,
                                 const S to_j[2][3], math::Vec3<S>& to_p) {
  const S z = S(1) / p.z;
  to_p.x = to_p.x + to_x * view.fx * z, to_p.y = to_p.y + to_y * view.fy * z;
  to_p.z = to_p.z - (to_x * view.fx * p.x + to_y * view.fy * p.y) * z * z;
  const S to_z = to_j[0][0] * view.fx + to_j[1][1] * view.fy - to_j[0][2] * view.fx * s.slope_x -
                 to_j[1][2] * view.fy * s.slope_y;  // of 1/z
  S to_slope_x = -to_j[0][2] * view.fx * z, to_slope_y = -to_j[1][2] * view.fy * z;
  to_slope_x = s.free_x ? to_slope_x : S(0), to_slope_y = s.free_y ? to_slope_y : S(0);
  to_p.x = to_p.x + to_slope_x * z, to_p.y = to_p.y + to_slope_y * z;
  to_p.z = to_p.z - (to_z + to_slope_x * p.x + to_slope_y * p.y) * z * z;
}

// The same; J = 1/z [fx (G + 2 a^2 G'), fx 2 a b G', -fx a K; fy 2 a b G', fy (G + 2 b^2 G'), -fy b K] with
// K = G + 2 q G'.
template <class S>
VIDEOENGINE_HD void fisheye_back(const View<S>& view, const Sight<S>& s, math::Vec3<S> p, S to_x, S to_y,
                                 const S to_j[2][3], math::Vec3<S>& to_p) {
  const S z = S(1) / p.z, a = s.slope_x, b = s.slope_y, q = a * a + b * b, two = S(2);
  const S g = s.bend.value, g1 = s.bend.first, g2 = s.bend.second, k = g + two * q * g1;
  const S fx = view.fx * z, fy = view.fy * z;
  const S to_aa = fx * to_j[0][0], to_ab = fx * to_j[0][1] + fy * to_j[1][0], to_bb = fy * to_j[1][1];
  const S to_ak = -fx * to_j[0][2], to_bk = -fy * to_j[1][2], to_k = a * to_ak + b * to_bk;
  const S to_g = to_aa + to_bb + to_k + to_x * view.fx * a + to_y * view.fy * b;
  const S to_g1 = two * (a * a * to_aa + a * b * to_ab + b * b * to_bb + q * to_k);
  const S to_q = g1 * to_g + g2 * to_g1 + two * g1 * to_k;
  const S to_a = to_x * view.fx * g + two * g1 * (two * a * to_aa + b * to_ab) + k * to_ak + two * a * to_q;
  const S to_b = to_y * view.fy * g + two * g1 * (two * b * to_bb + a * to_ab) + k * to_bk + two * b * to_q;
  S to_z = S(0);  // of 1/z, times z
  for (int i = 0; i < 2; ++i) {
    for (int c = 0; c < 3; ++c) to_z = to_z + to_j[i][c] * s.j[i][c];
  }
  to_p.x = to_p.x + to_a * z, to_p.y = to_p.y + to_b * z;
  to_p.z = to_p.z - (a * to_a + b * to_b + to_z) * z;
}

template <class S>
VIDEOENGINE_HD void sight_back(const View<S>& view, const Sight<S>& s, math::Vec3<S> p, S to_x, S to_y,
                               const S to_j[2][3], math::Vec3<S>& to_p) {
  if (view.model == kFisheye) {
    fisheye_back(view, s, p, to_x, to_y, to_j, to_p);
  } else {
    pinhole_back(view, s, p, to_x, to_y, to_j, to_p);
  }
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
