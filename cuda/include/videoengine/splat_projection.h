// A Gaussian into the picture, and what a loss says of the picture back to the Gaussian.
//
// With M = R(q) diag(exp s) and W the camera's rotation, the rows u, v of J W M span the projected
// covariance: S2 = [u.u, u.v; u.v, v.v] + blur. Its determinant is |u x v|^2 + blur (u.u + v.v) +
// blur^2, which needles cannot cancel.
#pragma once

#include "videoengine/spherical_harmonics.h"
#include "videoengine/splat_lens.h"
#include "videoengine/splat_overlap.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace splat {

// One Gaussian's parameters, as they are optimized.
template <class S>
struct Gaussian {
  const S *mean, *quaternion, *log_scale;
  S logit;
  const S* harmonics;  // (bases, 3)
  int degree;
};

// What a loss says of them; `add_*` fields are summed into.
template <class S>
struct GaussianGradient {
  S *mean, *quaternion, *log_scale, *logit, *harmonics;
};

// Of the camera: rotation row by row, then translation; of the lamp: its exponent.
template <class S>
struct ViewGradient {
  S rotation[9] = {0, 0, 0, 0, 0, 0, 0, 0, 0};
  S translation[3] = {0, 0, 0};
};

enum class Fault : int { kNone = 0, kNotFinite = 1, kNoRotation = 2, kTooLarge = 3 };

constexpr int kLargestLogScale = 16;  // in float, the square of its exponential is still a number

template <class S>
VIDEOENGINE_HD S sigmoid(S x) {
  return S(1) / (S(1) + math::exponential(-x));
}

template <class S>
VIDEOENGINE_HD bool is_finite(S x) { return x - x == S(0); }

// Everything on the way to a Splat that the way back needs as well.
template <class S>
struct Course {
  math::Vec3<S> p;        // the mean in the camera
  S q[4], q_length;       // normalized
  S turn[3][3], scale[3]; // R(q), exp s
  S m[3][3];              // W R(q) diag(scale)
  Sight<S> sight;
  S u[3], v[3];           // the rows of J m
  S xx, xy, yy, det;      // S2
  S opacity;
};

template <class S>
VIDEOENGINE_HD void turn_of(const S* q, S out[3][3]) {
  const S w = q[0], x = q[1], y = q[2], z = q[3], two = S(2);
  out[0][0] = S(1) - two * (y * y + z * z), out[0][1] = two * (x * y - w * z), out[0][2] = two * (x * z + w * y);
  out[1][0] = two * (x * y + w * z), out[1][1] = S(1) - two * (x * x + z * z), out[1][2] = two * (y * z - w * x);
  out[2][0] = two * (x * z - w * y), out[2][1] = two * (y * z + w * x), out[2][2] = S(1) - two * (x * x + y * y);
}

template <class S>
VIDEOENGINE_HD S part(const math::Mat3<S>& r, int row, int column) {
  const math::Vec3<S>& v = r.rows[row];
  return column == 0 ? v.x : (column == 1 ? v.y : v.z);
}

template <class S>
VIDEOENGINE_HD Fault fault_of(const Gaussian<S>& g) {
  S sum = g.logit;
  for (int i = 0; i < 3; ++i) sum = sum + g.mean[i] + g.log_scale[i];
  for (int i = 0; i < 4; ++i) sum = sum + g.quaternion[i];
  for (int i = 0; i < 3 * harmonics::bases_of(g.degree); ++i) sum = sum + g.harmonics[i];
  if (!is_finite(sum)) return Fault::kNotFinite;
  for (int i = 0; i < 3; ++i) {
    if (g.log_scale[i] > S(kLargestLogScale)) return Fault::kTooLarge;
  }
  const S* q = g.quaternion;
  return q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3] > S(0) ? Fault::kNone : Fault::kNoRotation;
}

// False when the Gaussian is behind, beyond, out of the lens's sight, or too faint to be seen.
template <class S>
VIDEOENGINE_HD bool trace(const Gaussian<S>& g, const View<S>& view, const Rules<S>& rules, Course<S>& c) {
  const math::Mat3<S>& w = view.camera_from_world.rotation;
  c.p = math::apply(view.camera_from_world, math::Vec3<S>{g.mean[0], g.mean[1], g.mean[2]});
  if (!(c.p.z >= rules.near && c.p.z <= rules.far)) return false;
  c.opacity = sigmoid(g.logit);
  if (!(c.opacity >= rules.alpha_min)) return false;
  if (!sight(view, rules, c.p, c.sight)) return false;
  const S* q = g.quaternion;
  c.q_length = math::square_root(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
  for (int i = 0; i < 4; ++i) c.q[i] = q[i] / c.q_length;
  turn_of(c.q, c.turn);
  for (int k = 0; k < 3; ++k) c.scale[k] = math::exponential(g.log_scale[k]);
  for (int i = 0; i < 3; ++i) {
    for (int k = 0; k < 3; ++k) {
      c.m[i][k] = (part(w, i, 0) * c.turn[0][k] + part(w, i, 1) * c.turn[1][k] + part(w, i, 2) * c.turn[2][k]) *
                  c.scale[k];
    }
  }
  const S(&jx)[3] = c.sight.j[0], (&jy)[3] = c.sight.j[1];
  for (int k = 0; k < 3; ++k) {
    c.u[k] = jx[0] * c.m[0][k] + jx[1] * c.m[1][k] + jx[2] * c.m[2][k];
    c.v[k] = jy[0] * c.m[0][k] + jy[1] * c.m[1][k] + jy[2] * c.m[2][k];
  }
  const math::Vec3<S> u{c.u[0], c.u[1], c.u[2]}, v{c.v[0], c.v[1], c.v[2]};
  const math::Vec3<S> area = math::cross(u, v);
  const S uu = math::dot(u, u), vv = math::dot(v, v);
  c.xx = uu + rules.blur, c.xy = math::dot(u, v), c.yy = vv + rules.blur;
  c.det = math::dot(area, area) + rules.blur * (uu + vv) + rules.blur * rules.blur;
  return true;
}

// The column of R(q) along the shortest scale.
template <class S>
VIDEOENGINE_HD int shortest(const S scale[3]) {
  const bool second = scale[1] < scale[0];
  return scale[2] < (second ? scale[1] : scale[0]) ? 2 : (second ? 1 : 0);
}

template <class S>
VIDEOENGINE_HD S chosen(const S of[3], int k) { return k == 0 ? of[0] : (k == 1 ? of[1] : of[2]); }

template <class S>
VIDEOENGINE_HD math::Vec3<S> turned_axis(const math::Mat3<S>& w, const Course<S>& c, int k) {
  return w * math::Vec3<S>{chosen(c.turn[0], k), chosen(c.turn[1], k), chosen(c.turn[2], k)};
}

// What the lamp leaves of a color at p: (distance / |p|)^2 cos^exponent.
template <class S>
VIDEOENGINE_HD S lit(const Lamp<S>& lamp, math::Vec3<S> p) {
  if (!(lamp.distance > S(0))) return S(1);
  const S square = math::dot(p, p), cosine = p.z / math::square_root(square);
  return lamp.distance * lamp.distance / square * math::power(cosine, lamp.exponent);
}

// The color before the lamp, unclamped.
template <class S>
VIDEOENGINE_HD void colored(const Gaussian<S>& g, const View<S>& view, math::Vec3<S> p, S* basis, S color[kColors]) {
  const math::Vec3<S> d =
      math::transposed_times(view.camera_from_world.rotation, p * (S(1) / math::length(p)));
  harmonics::evaluate(g.degree, d, basis);
  const int bases = harmonics::bases_of(g.degree);
  for (int i = 0; i < kColors; ++i) {
    S sum = S(0.5);
    for (int k = 0; k < bases; ++k) sum = sum + basis[k] * g.harmonics[3 * k + i];
    color[i] = sum;
  }
}

// False when nothing of the Gaussian is seen.
template <class S>
VIDEOENGINE_HD bool project(const Gaussian<S>& g, const View<S>& view, const Lamp<S>& lamp, const Rules<S>& rules,
                            Splat<S>& out) {
  Course<S> c;
  if (!trace(g, view, rules, c)) return false;
  center_of(view, c.sight, c.p, out.x, out.y);
  const S half = S(0.5) * log2_of_e<S>() / c.det;
  out.a = half * c.yy, out.b = S(-2) * half * c.xy, out.c = half * c.xx;
  out.level = math::log_two(c.opacity);
  out.depth = c.p.z;
  // alpha_min is reached inside an ellipse; its box has these half sides, rounding included
  const S room = room_of(out, rules), spread = S(2) * ln_of_2<S>();
  out.reach_x = math::square_root(spread * room * c.xx), out.reach_y = math::square_root(spread * room * c.yy);
  const S wide = room + slack_of(out, out.reach_x, out.reach_y);
  out.reach_x = math::square_root(spread * wide * c.xx) + S(0.01);
  out.reach_y = math::square_root(spread * wide * c.yy) + S(0.01);
  if (!(out.x + out.reach_x > S(-1) && out.x - out.reach_x < S(view.width) && out.y + out.reach_y > S(-1) &&
        out.y - out.reach_y < S(view.height))) {
    return false;
  }
  S basis[kMostBases];
  colored(g, view, c.p, basis, out.color);
  const S light = lit(lamp, c.p);
  for (int i = 0; i < kColors; ++i) out.color[i] = math::maximum(out.color[i], S(0)) * light;
  const math::Vec3<S> n = turned_axis(view.camera_from_world.rotation, c, shortest(c.scale));
  const S facing = math::dot(n, c.p) > S(0) ? S(-1) : S(1);
  out.normal[0] = facing * n.x, out.normal[1] = facing * n.y, out.normal[2] = facing * n.z;
  return true;
}

// Adds to the gradient of R(q) what an axis of it says, and to that of the camera.
template <class S>
VIDEOENGINE_HD void normal_back(const math::Mat3<S>& w, const Course<S>& c, const S gradient[3], S turn[3][3],
                                ViewGradient<S>& view) {
  const int k = shortest(c.scale);
  const math::Vec3<S> n = turned_axis(w, c, k);
  const S facing = math::dot(n, c.p) > S(0) ? S(-1) : S(1);
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      const S along = facing * gradient[i];
      for (int column = 0; column < 3; ++column) {
        turn[j][column] = column == k ? turn[j][column] + along * part(w, i, j) : turn[j][column];
      }
      view.rotation[3 * i + j] = view.rotation[3 * i + j] + along * chosen(c.turn[j], k);
    }
  }
}

// Writes the gradient of the quaternion as it is given, from that of R(q / |q|).
template <class S>
VIDEOENGINE_HD void quaternion_back(const Course<S>& c, const S t[3][3], S* out) {
  const S w = c.q[0], x = c.q[1], y = c.q[2], z = c.q[3], two = S(2);
  const S g[4] = {
      two * (x * (t[2][1] - t[1][2]) + y * (t[0][2] - t[2][0]) + z * (t[1][0] - t[0][1])),
      two * (w * (t[2][1] - t[1][2]) + y * (t[0][1] + t[1][0]) + z * (t[0][2] + t[2][0]) - two * x * (t[1][1] + t[2][2])),
      two * (w * (t[0][2] - t[2][0]) + x * (t[0][1] + t[1][0]) + z * (t[1][2] + t[2][1]) - two * y * (t[0][0] + t[2][2])),
      two * (w * (t[1][0] - t[0][1]) + x * (t[0][2] + t[2][0]) + y * (t[1][2] + t[2][1]) - two * z * (t[0][0] + t[1][1]))};
  const S along = g[0] * w + g[1] * x + g[2] * y + g[3] * z;
  for (int i = 0; i < 4; ++i) out[i] = (g[i] - along * c.q[i]) / c.q_length;
}

// Adds the gradient of colors, and of p through the direction and the lamp.
template <class S>
VIDEOENGINE_HD void color_back(const Gaussian<S>& g, const View<S>& view, const Lamp<S>& lamp, const Course<S>& c,
                               const S gradient[kColors], S* harmonics_out, math::Vec3<S>& to_p,
                               ViewGradient<S>& to_view) {
  const math::Mat3<S>& w = view.camera_from_world.rotation;
  S basis[kMostBases], color[kColors], free[kColors];
  colored(g, view, c.p, basis, color);
  const S light = lit(lamp, c.p);
  S to_light = S(0);
  for (int i = 0; i < kColors; ++i) {
    const bool above = color[i] > S(0);
    free[i] = above ? gradient[i] * light : S(0);
    to_light = to_light + (above ? gradient[i] * color[i] : S(0));
  }
  const int bases = harmonics::bases_of(g.degree);
  S weight[kMostBases];
  for (int k = 0; k < bases; ++k) {
    weight[k] = S(0);
    for (int i = 0; i < kColors; ++i) {
      harmonics_out[3 * k + i] = basis[k] * free[i];
      weight[k] = weight[k] + free[i] * g.harmonics[3 * k + i];
    }
  }
  const S r = math::length(c.p), inverse = S(1) / r;
  if (g.degree > 0) {
    const math::Vec3<S> ahead = c.p * inverse;  // in the camera
    const math::Vec3<S> d = math::transposed_times(w, ahead);
    const math::Vec3<S> to_d = harmonics::slope(g.degree, d, weight);
    // d = W^T p / |p|
    const math::Vec3<S> back = w * to_d;
    to_p = to_p + (back - ahead * math::dot(ahead, back)) * inverse;
    const S a[3] = {ahead.x, ahead.y, ahead.z}, b[3] = {to_d.x, to_d.y, to_d.z};
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) to_view.rotation[3 * i + j] = to_view.rotation[3 * i + j] + a[i] * b[j];
    }
  }
  if (lamp.distance > S(0)) {
    // light = D^2 r^-(2 + n) z^n
    const S along = -to_light * light * (S(2) + lamp.exponent) * inverse * inverse;
    to_p = to_p + c.p * along;
    to_p.z = to_p.z + to_light * light * lamp.exponent / c.p.z;
  }
}

// Writes the gradients of a Gaussian that `project` showed, and adds to those of the camera, as they come out.
template <class S>
VIDEOENGINE_HD void project_back_as_is(const Gaussian<S>& g, const View<S>& view, const Lamp<S>& lamp,
                                       const Rules<S>& rules, const SplatGradient<S>& s,
                                       const GaussianGradient<S>& out, ViewGradient<S>& to_view) {
  Course<S> c;
  if (!trace(g, view, rules, c)) return;
  const math::Mat3<S>& w = view.camera_from_world.rotation;
  // opacity: level = log2 sigmoid(logit)
  *out.logit = s.level * log2_of_e<S>() * (S(1) - c.opacity);

  // (a, b, c) = log2(e) (K_xx / 2, K_xy, K_yy / 2) with K = S2^-1; dS2 = -K dK K
  const S kxx = c.yy / c.det, kxy = -c.xy / c.det, kyy = c.xx / c.det;
  const S half = S(0.5) * log2_of_e<S>();
  const S gxx = half * s.a, gxy = half * s.b, gyy = half * s.c;  // of K; gxy stands in both corners
  const S rxx = gxx * kxx + gxy * kxy, rxy = gxx * kxy + gxy * kyy;
  const S ryx = gxy * kxx + gyy * kxy, ryy = gxy * kxy + gyy * kyy;
  const S sxx = -(kxx * rxx + kxy * ryx), sxy = -(kxx * rxy + kxy * ryy), syy = -(kxy * rxy + kyy * ryy);

  S to_u[3], to_v[3], to_j[2][3] = {{S(0), S(0), S(0)}, {S(0), S(0), S(0)}}, to_m[3][3];
  for (int k = 0; k < 3; ++k) {
    to_u[k] = S(2) * (sxx * c.u[k] + sxy * c.v[k]);
    to_v[k] = S(2) * (syy * c.v[k] + sxy * c.u[k]);
    for (int i = 0; i < 3; ++i) {
      to_m[i][k] = c.sight.j[0][i] * to_u[k] + c.sight.j[1][i] * to_v[k];
      to_j[0][i] = to_j[0][i] + to_u[k] * c.m[i][k];
      to_j[1][i] = to_j[1][i] + to_v[k] * c.m[i][k];
    }
  }
  // m = W R diag(scale)
  S to_turn[3][3];
  for (int k = 0; k < 3; ++k) {
    S sum = S(0);
    for (int i = 0; i < 3; ++i) sum = sum + to_m[i][k] * c.m[i][k];
    out.log_scale[k] = sum;
    for (int j = 0; j < 3; ++j) {
      to_turn[j][k] =
          (part(w, 0, j) * to_m[0][k] + part(w, 1, j) * to_m[1][k] + part(w, 2, j) * to_m[2][k]) * c.scale[k];
      for (int i = 0; i < 3; ++i) {
        to_view.rotation[3 * i + j] = to_view.rotation[3 * i + j] + to_m[i][k] * c.turn[j][k] * c.scale[k];
      }
    }
  }
  normal_back(w, c, s.normal, to_turn, to_view);
  quaternion_back(c, to_turn, out.quaternion);

  // the center, the depth and J depend on p
  math::Vec3<S> to_p{S(0), S(0), s.depth};
  sight_back(view, c.sight, c.p, s.x, s.y, to_j, to_p);
  color_back(g, view, lamp, c, s.color, out.harmonics, to_p, to_view);

  const math::Vec3<S> to_mean = math::transposed_times(w, to_p);
  out.mean[0] = to_mean.x, out.mean[1] = to_mean.y, out.mean[2] = to_mean.z;
  const S back[3] = {to_p.x, to_p.y, to_p.z};
  for (int i = 0; i < 3; ++i) {
    to_view.translation[i] = to_view.translation[i] + back[i];
    for (int j = 0; j < 3; ++j) to_view.rotation[3 * i + j] = to_view.rotation[3 * i + j] + back[i] * g.mean[j];
  }
}

// 0 when all numbers are finite, else NaN.
template <class S>
VIDEOENGINE_HD S unless_finite(const S* numbers, int count) {
  S sum = S(0);
  for (int i = 0; i < count; ++i) sum = sum + (numbers[i] - numbers[i]);
  return sum;
}

// The same; but a gradient that leaves the range of S on its way, as of a lamp's inverse square very near to
// it, is none at all: infinities would meet as NaN and reach every Gaussian through the camera. What came in
// as NaN goes on as NaN: a loss that is none is not hidden.
template <class S>
VIDEOENGINE_HD void project_back(const Gaussian<S>& g, const View<S>& view, const Lamp<S>& lamp,
                                 const Rules<S>& rules, const SplatGradient<S>& s, const GaussianGradient<S>& out,
                                 ViewGradient<S>& to_view) {
  ViewGradient<S> own;
  project_back_as_is(g, view, lamp, rules, s, out, own);
  const S lost = unless_finite(out.mean, 3) + unless_finite(out.quaternion, 4) + unless_finite(out.log_scale, 3) +
                 unless_finite(own.rotation, 9) + unless_finite(own.translation, 3);
  const S came[7] = {s.x, s.y, s.a, s.b, s.c, s.level, s.depth};
  if (!(lost == S(0)) &&
      unless_finite(came, 7) + unless_finite(s.color, kColors) + unless_finite(s.normal, 3) == S(0)) {
    for (int i = 0; i < 3; ++i) out.mean[i] = S(0), out.log_scale[i] = S(0);
    for (int i = 0; i < 4; ++i) out.quaternion[i] = S(0);
    for (int i = 0; i < kColors * harmonics::bases_of(g.degree); ++i) out.harmonics[i] = S(0);
    *out.logit = S(0);
    return;
  }
  for (int i = 0; i < 9; ++i) to_view.rotation[i] = to_view.rotation[i] + own.rotation[i];
  for (int i = 0; i < 3; ++i) to_view.translation[i] = to_view.translation[i] + own.translation[i];
}

}  // namespace splat
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
