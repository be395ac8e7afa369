// Real spherical harmonics of degrees 0 to 3 and their derivatives, in a direction of length 1.
//
// Signs and order are those that Gaussian splatting stores: l = 0 ... 3, m = -l ... l, with the
// Condon-Shortley phase.
#pragma once

#include "videoengine/math3.h"

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace harmonics {

VIDEOENGINE_HD int bases_of(int degree) { return (degree + 1) * (degree + 1); }

// Writes bases_of(degree) values.
template <class S>
VIDEOENGINE_HD void evaluate(int degree, math::Vec3<S> d, S* out) {
  out[0] = S(0.28209479177387814);
  if (degree < 1) return;
  const S x = d.x, y = d.y, z = d.z, k1 = S(0.4886025119029199);
  out[1] = -k1 * y, out[2] = k1 * z, out[3] = -k1 * x;
  if (degree < 2) return;
  const S xx = x * x, yy = y * y, zz = z * z;
  const S k2 = S(1.0925484305920792), k20 = S(0.31539156525252005), k22 = S(0.5462742152960396);
  out[4] = k2 * x * y, out[5] = -k2 * y * z, out[6] = k20 * (S(2) * zz - xx - yy);
  out[7] = -k2 * x * z, out[8] = k22 * (xx - yy);
  if (degree < 3) return;
  const S k33 = S(0.5900435899266435), k32 = S(2.890611442640554), k31 = S(0.4570457994644658);
  const S k30 = S(0.3731763325901154);
  out[9] = -k33 * y * (S(3) * xx - yy);
  out[10] = k32 * x * y * z;
  out[11] = -k31 * y * (S(4) * zz - xx - yy);
  out[12] = k30 * z * (S(2) * zz - S(3) * xx - S(3) * yy);
  out[13] = -k31 * x * (S(4) * zz - xx - yy);
  out[14] = S(0.5) * k32 * z * (xx - yy);
  out[15] = -k33 * x * (xx - S(3) * yy);
}

// The derivative of sum_k weight[k] basis_k with respect to the direction, all three parts free.
template <class S>
VIDEOENGINE_HD math::Vec3<S> slope(int degree, math::Vec3<S> d, const S* weight) {
  math::Vec3<S> g{S(0), S(0), S(0)};
  if (degree < 1) return g;
  const S x = d.x, y = d.y, z = d.z, k1 = S(0.4886025119029199);
  g = {-k1 * weight[3], -k1 * weight[1], k1 * weight[2]};
  if (degree < 2) return g;
  const S k2 = S(1.0925484305920792), k20 = S(0.31539156525252005), k22 = S(0.5462742152960396);
  g.x = g.x + k2 * y * weight[4] - S(2) * k20 * x * weight[6] - k2 * z * weight[7] + S(2) * k22 * x * weight[8];
  g.y = g.y + k2 * x * weight[4] - k2 * z * weight[5] - S(2) * k20 * y * weight[6] - S(2) * k22 * y * weight[8];
  g.z = g.z - k2 * y * weight[5] + S(4) * k20 * z * weight[6] - k2 * x * weight[7];
  if (degree < 3) return g;
  const S xx = x * x, yy = y * y, zz = z * z;
  const S k33 = S(0.5900435899266435), k32 = S(2.890611442640554), k31 = S(0.4570457994644658);
  const S k30 = S(0.3731763325901154);
  g.x = g.x - S(6) * k33 * x * y * weight[9] + k32 * y * z * weight[10] + S(2) * k31 * x * y * weight[11] -
        S(6) * k30 * x * z * weight[12] - k31 * (S(4) * zz - S(3) * xx - yy) * weight[13] +
        k32 * x * z * weight[14] - S(3) * k33 * (xx - yy) * weight[15];
  g.y = g.y - S(3) * k33 * (xx - yy) * weight[9] + k32 * x * z * weight[10] -
        k31 * (S(4) * zz - xx - S(3) * yy) * weight[11] - S(6) * k30 * y * z * weight[12] +
        S(2) * k31 * x * y * weight[13] - k32 * y * z * weight[14] + S(6) * k33 * x * y * weight[15];
  g.z = g.z + k32 * x * y * weight[10] - S(8) * k31 * y * z * weight[11] +
        S(3) * k30 * (S(2) * zz - xx - yy) * weight[12] - S(8) * k31 * x * z * weight[13] +
        S(0.5) * k32 * (xx - yy) * weight[14];
  return g;
}

}  // namespace harmonics
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
