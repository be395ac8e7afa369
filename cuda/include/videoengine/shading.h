// Light at the tip of a scope on wet tissue and steel. Radiometry is linear; lengths are mm.
//
// Spot: radiant intensity I0 cos^mu(theta) about the scope's axis, irradiance I max(N.L, 0) / r^2.
// Surfaces: a diffuse base under a rough lobe, both under a thin wet film; each lobe is the
// microfacet model of Cook and Torrance (ACM TOG 1(1), 1982) with the GGX distribution of Walter et
// al. (EGSR 2007) and the height-correlated Smith term of Heitz (JCGT 3(2), 2014); Fresnel after
// Schlick (CGF 13(3), 1994). Blood and other pigments absorb by Beer-Lambert per color channel.
#pragma once

#include "videoengine/math3.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace shading {

using math::Vec3;

template <class S>
struct Surface {
  Vec3<S> albedo;       // of the diffuse base
  Vec3<S> reflectance;  // at normal incidence, of the rough lobe
  S roughness;          // alpha of the rough lobe
  S film;               // share of the surface under a wet film, 0 to 1
  S film_roughness;     // alpha of the film
};

constexpr float kFilmReflectance = 0.04f;  // at normal incidence: mucus and blood plasma, 0.028 to 0.04

template <class S>
VIDEOENGINE_HD S fresnel(S f0, S cosine) {
  const S m = math::clamp(S(1) - cosine, S(0), S(1)), m2 = m * m;
  return f0 + (S(1) - f0) * m2 * m2 * m;
}

// D * V of GGX: the distribution of normals times visibility over 4 (N.L)(N.V).
template <class S>
VIDEOENGINE_HD S ggx(S alpha, S nh, S nl, S nv) {
  const S a2 = alpha * alpha;
  const S d = nh * nh * (a2 - S(1)) + S(1);
  const S distribution = a2 / (S(math::kPi) * d * d);
  const S lambda = nl * math::square_root(a2 + (S(1) - a2) * nv * nv) +
                   nv * math::square_root(a2 + (S(1) - a2) * nl * nl);
  return distribution * S(0.5) / math::maximum(lambda, S(1e-6));
}

// BRDF times max(N.L, 0): what a surface sends toward `view` of an irradiance that arrives from
// `light` at full incidence. All directions are unit vectors that point away from the surface.
// Reflected energy never exceeds what arrives: each layer passes on only what it did not reflect,
// on the way in and on the way out.
template <class S>
VIDEOENGINE_HD Vec3<S> reflect(const Surface<S>& s, Vec3<S> normal, Vec3<S> view, Vec3<S> light) {
  const S nl = dot(normal, light);
  if (!(nl > S(0))) return {S(0), S(0), S(0)};
  const S nv = math::maximum(dot(normal, view), S(1e-3));
  const Vec3<S> half = normalized(light + view);
  const S nh = math::clamp(dot(normal, half), S(0), S(1));
  const S vh = math::clamp(dot(view, half), S(0), S(1));
  const S film = s.film * fresnel(S(kFilmReflectance), vh) * ggx(s.film_roughness, nh, nl, nv);
  const S below = (S(1) - s.film * fresnel(S(kFilmReflectance), nl)) *
                  (S(1) - s.film * fresnel(S(kFilmReflectance), nv));
  const S lobe = ggx(s.roughness, nh, nl, nv);
  const S f[3] = {s.reflectance.x, s.reflectance.y, s.reflectance.z};
  const S rho[3] = {s.albedo.x, s.albedo.y, s.albedo.z};
  S out[3];
  for (int i = 0; i < 3; ++i) {
    const S base = rho[i] * S(1 / math::kPi) * (S(1) - fresnel(f[i], nl)) * (S(1) - fresnel(f[i], nv));
    out[i] = nl * (film + below * (fresnel(f[i], vh) * lobe + base));
  }
  return {out[0], out[1], out[2]};
}

template <class S>
struct Spot {
  Vec3<S> position, axis;
  S intensity, exponent;  // I0 and mu
};

// Irradiance at full incidence, and the direction toward the light.
template <class S>
struct Arriving {
  S irradiance;
  Vec3<S> direction;
  S distance;
};
template <class S>
VIDEOENGINE_HD Arriving<S> arriving(const Spot<S>& spot, Vec3<S> point) {
  const Vec3<S> to = spot.position - point;
  const S r2 = math::maximum(dot(to, to), S(1)), r = math::square_root(r2);
  const Vec3<S> direction = to * (S(1) / r);
  const S cosine = -dot(direction, spot.axis);
  return {spot.intensity * math::power(cosine, spot.exponent) / r2, direction, r};
}

// What a layer of blood of optical thickness h leaves of each channel (double pass).
template <class S>
VIDEOENGINE_HD Vec3<S> through_blood(S h) {
  return {math::exponential(S(-0.32) * h), math::exponential(S(-2.6) * h),
          math::exponential(S(-2.2) * h)};
}

}  // namespace shading
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
