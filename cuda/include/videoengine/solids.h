// Solids of which instruments are made, and where a ray enters them.
#pragma once

#include "videoengine/math3.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace solids {

using Vec = math::Vec3<float>;

enum Kind : int {
  kRoundCone = 0,  // the hull of a ball of radius ra at a and one of rb at b
  kBox = 1,        // centered at a; unit axes b and side; half extents (ra, rb, thickness) along b, side, rest
  kSleeve = 2,     // the inner wall of a tube of radius ra from a to b, seen from inside
};

struct Solid {
  int kind, material, instrument, part, track;
  Vec a, b, side;
  float ra, rb, thickness;
  math::Pose<float> next;  // moves a point of the solid, in camera coordinates, to the next frame
};

struct Entry {
  float t;     // along the ray; infinite when missed
  Vec normal;  // unit, out of the solid
};
constexpr float kMissed = 3.0e38f;

VIDEOENGINE_HD void take(Entry& best, float t, float nearest, Vec normal) {
  if (t > nearest && t < best.t) best = {t, normal};
}

VIDEOENGINE_HD void enter_ball(Entry& best, Vec center, float radius, Vec origin, Vec ray, float nearest) {
  const Vec q = origin - center;
  const float a = dot(ray, ray), b = dot(q, ray), c = dot(q, q) - radius * radius;
  const float square = b * b - a * c;
  if (square <= 0) return;
  const float t = (-b - math::square_root(square)) / a;
  take(best, t, nearest, (q + ray * t) * (1.0f / radius));
}

// The lateral surface of the hull satisfies rho cos(phi) = ra - y sin(phi), rho and y being the radial
// and axial coordinates and sin(phi) = (ra - rb) / length: a quadratic along the ray.
VIDEOENGINE_HD Entry enter_round_cone(const Solid& s, Vec origin, Vec ray, float nearest) {
  Entry best = {kMissed, {0, 0, 1}};
  // a line that passes the axis at more than the larger radius misses
  const Vec apart = cross(ray, s.b - s.a);
  const float off = dot(origin - s.a, apart), widest = math::maximum(s.ra, s.rb), a2 = dot(apart, apart);
  if (a2 > 0 && off * off > 1.001f * widest * widest * a2) return best;
  enter_ball(best, s.a, s.ra, origin, ray, nearest);
  enter_ball(best, s.b, s.rb, origin, ray, nearest);
  const Vec axis = s.b - s.a;
  const float span = length(axis), k = (s.ra - s.rb) / math::maximum(span, 1e-6f);
  if (span < 1e-6f || k * k >= 1.0f) return best;
  const Vec w = axis * (1.0f / span), q = origin - s.a;
  const float c2 = 1.0f - k * k, cosine = math::square_root(c2);
  const float dw = dot(ray, w), qw = dot(q, w), gap = s.ra - k * qw;
  const float a = c2 * (dot(ray, ray) - dw * dw) - k * k * dw * dw;
  const float b = c2 * (dot(q, ray) - qw * dw) + k * dw * gap;
  const float c = c2 * (dot(q, q) - qw * qw) - gap * gap;
  const float square = b * b - a * c;
  if (square <= 0 || math::magnitude(a) < 1e-12f) return best;
  const float t = (-b - math::square_root(square)) / a, y = qw + t * dw;
  const float rho = (s.ra - y * k) / cosine, foot = y * cosine - rho * k;
  if (rho > 0 && foot >= 0 && foot <= span * cosine) {
    const Vec radial = normalized(q + ray * t - w * y);
    take(best, t, nearest, radial * cosine + w * k);
  }
  return best;
}

VIDEOENGINE_HD Entry enter_box(const Solid& s, Vec origin, Vec ray, float nearest) {
  const Vec axes[3] = {s.b, s.side, cross(s.b, s.side)};
  const float half[3] = {s.ra, s.rb, s.thickness};
  const Vec q = origin - s.a;
  float in = -kMissed, out = kMissed;
  Vec normal = {0, 0, 1};
  for (int i = 0; i < 3; ++i) {
    const float d = dot(ray, axes[i]), o = dot(q, axes[i]);
    if (math::magnitude(d) < 1e-12f) {
      if (math::magnitude(o) > half[i]) return {kMissed, normal};
      continue;
    }
    const float sign = d > 0 ? 1.0f : -1.0f;
    const float first = (-sign * half[i] - o) / d, last = (sign * half[i] - o) / d;
    if (first > in) in = first, normal = axes[i] * -sign;
    out = math::minimum(out, last);
  }
  Entry best = {kMissed, normal};
  if (in < out) take(best, in, nearest, normal);
  return best;
}

VIDEOENGINE_HD Entry enter_sleeve(const Solid& s, Vec origin, Vec ray, float nearest) {
  const Vec axis = s.b - s.a;
  const float span = length(axis);
  const Vec w = axis * (1.0f / math::maximum(span, 1e-6f)), q = origin - s.a;
  const float dw = dot(ray, w), qw = dot(q, w);
  const float a = dot(ray, ray) - dw * dw, b = dot(q, ray) - qw * dw;
  const float c = dot(q, q) - qw * qw - s.ra * s.ra;
  const float square = b * b - a * c;
  Entry best = {kMissed, {0, 0, 1}};
  if (square <= 0 || a < 1e-12f) return best;
  const float t = (-b + math::square_root(square)) / a, y = qw + t * dw;
  if (y <= span) take(best, t, nearest, normalized(w * y - q - ray * t));
  return best;
}

VIDEOENGINE_HD Entry enter(const Solid& s, Vec origin, Vec ray, float nearest) {
  if (s.kind == kRoundCone) return enter_round_cone(s, origin, ray, nearest);
  if (s.kind == kBox) return enter_box(s, origin, ray, nearest);
  return enter_sleeve(s, origin, ray, nearest);
}

}  // namespace solids
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
