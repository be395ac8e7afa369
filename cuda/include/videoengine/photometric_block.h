// What one block of pixels says of the loss, forward and backward: one text for a thread of a CPU and for
// the threads of a block of a GPU. A Crew shares out loops over rows and columns, and waits at their ends.
//
// SSIM's window holds seen pixels alone: each moment is the sum of w m v over that of w m, with m = 0 for
// masked pixels and beyond the border. Where all of a window is seen that is Wang et al. 2004. With E for
// such a mean, s = (2 E[x] E[y] + c1)(2 cov + c2) / ((E[x]^2 + E[y]^2 + c1)(var x + var y + c2)); backward
// is the same window over ds/dE[x], ds/dE[x^2], ds/dE[xy], each divided by the sum of w m.
#pragma once

#include "videoengine/math3.h"
#include "videoengine/photometric_loss.h"

#ifdef __CUDACC__
#define VIDEOENGINE_UNROLL _Pragma("unroll")
#else
#define VIDEOENGINE_UNROLL _Pragma("GCC unroll 16")
#endif

namespace videoengine {
inline namespace VIDEOENGINE_ISA {
namespace photometry {

using namespace ::videoengine::photometric;

constexpr int kRadius = 5, kTaps = 2 * kRadius + 1;

// A Gaussian of 1.5 pixels, cut at 5 and summing to 1.
template <class S>
VIDEOENGINE_HD S tap(int k) {
  constexpr double kHalf[kRadius + 1] = {0.00102838008447911, 0.007598758135239185, 0.03600077212843083,
                                         0.10936068950970002, 0.2130055377112537,   0.26601172486179436};
  return S(kHalf[k <= kRadius ? k : kTaps - 1 - k]);
}

enum Moment : int { kSeen, kX, kY, kXX, kYY, kXY, kMoments };
enum Sum : int { kOfSsim, kOfL1, kOfSeen, kOfValid, kOfDepth, kOfTarget, kSums };
constexpr int kSpreads = 3;

// Memory of a block of R x C pixels.
template <class S, int R, int C>
struct Tile {
  S seen[R + 2 * kRadius][C + 2 * kRadius];
  S x[R + 2 * kRadius][C + 2 * kRadius], y[R + 2 * kRadius][C + 2 * kRadius];
  S across[kMoments][R + 2 * kRadius][C];  // moments over the window's columns
  S inverse[R][C];                         // 1 / sum of w m
  S part[5][R][C];
};

template <class S>
struct Similarity {
  S value, of_x, of_xx, of_xy;  // its slopes by E[x], E[x^2], E[xy]
};

// Of moments about the level.
template <class S>
VIDEOENGINE_HD Similarity<S> similarity_of(S level, S about_x, S about_y, S xx, S yy, S xy) {
  constexpr double kC1 = 0.01 * 0.01, kC2 = 0.03 * 0.03;  // of pictures in 0 to 1
  const S x = about_x + level, y = about_y + level;
  const S a1 = S(2) * x * y + S(kC1), a2 = S(2) * (xy - about_x * about_y) + S(kC2);
  const S b1 = x * x + y * y + S(kC1), b2 = (xx - about_x * about_x) + (yy - about_y * about_y) + S(kC2);
  const S below = S(1) / (b1 * b2), value = a1 * a2 * below;
  return {value, S(2) * (y * (a2 - a1) * below + x * value * (b1 - b2) * below), -value / b2, S(2) * a1 * below};
}

template <class S>
VIDEOENGINE_HD bool inside(const Job<S>& job, int row, int column) {
  return row >= 0 && column >= 0 && row < job.height && column < job.width;
}

template <class S>
VIDEOENGINE_HD std::int64_t pixel_at(const Job<S>& job, int row, int column) {
  return static_cast<std::int64_t>(row) * job.width + column;
}

template <class S>
VIDEOENGINE_HD bool seen_at(const Job<S>& job, int row, int column) {
  return inside(job, row, column) && (!job.mask || job.mask[pixel_at(job, row, column)] != 0);
}

template <class S>
VIDEOENGINE_HD bool measured(S depth) { return depth > S(0) && depth - depth == S(0); }

template <class S>
VIDEOENGINE_HD bool valid_at(const Job<S>& job, int row, int column) {
  return seen_at(job, row, column) && measured(job.target_depth[pixel_at(job, row, column)]);
}

template <class S>
VIDEOENGINE_HD S sign_of(S x) { return x > S(0) ? S(1) : (x < S(0) ? S(-1) : S(0)); }

// A level about which a block's moments are taken: variances do not depend on it, but where a picture is flat
// and bright, as in a highlight, they would drown in the rounding of squares without it.
template <class S, int R, int C>
VIDEOENGINE_HD S level_of(const Job<S>& job, int top, int left, int color) {
  const int row = top + R / 2 < job.height ? top + R / 2 : job.height - 1;
  const int column = left + C / 2 < job.width ? left + C / 2 : job.width - 1;
  return seen_at(job, row, column) ? job.target[kColors * pixel_at(job, row, column) + color] : S(0.5);
}

// Fills x and y of a color, about the level; 0 where nothing is seen.
template <class S, int R, int C, class Crew>
VIDEOENGINE_HD void take(const Crew& crew, const Job<S>& job, int top, int left, int color, S level,
                         Tile<S, R, C>& t) {
  crew.template each<R + 2 * kRadius, C + 2 * kRadius>([&](int r, int c) {
    S x = S(0), y = S(0);
    if (t.seen[r][c] > S(0)) {
      const std::int64_t at = kColors * pixel_at(job, top + r - kRadius, left + c - kRadius) + color;
      x = job.color[at] - level, y = job.target[at] - level;
    }
    t.x[r][c] = x, t.y[r][c] = y;
  });
}

// Moments of a color over the window; those of the mask once, before the first color.
template <class S, int R, int C, class Crew>
VIDEOENGINE_HD void spread_across(const Crew& crew, Tile<S, R, C>& t) {
  crew.template each<R + 2 * kRadius, C>([&](int r, int c) {
    S sum[kMoments] = {S(0), S(0), S(0), S(0), S(0), S(0)};
    VIDEOENGINE_UNROLL
    for (int k = 0; k < kTaps; ++k) {
      const S w = tap<S>(k), x = t.x[r][c + k], y = t.y[r][c + k], wx = w * x, wy = w * y;
      sum[kX] = sum[kX] + wx, sum[kY] = sum[kY] + wy;
      sum[kXX] = sum[kXX] + wx * x, sum[kYY] = sum[kYY] + wy * y, sum[kXY] = sum[kXY] + wx * y;
    }
    VIDEOENGINE_UNROLL
    for (int k = kX; k < kMoments; ++k) t.across[k][r][c] = sum[k];
  });
}

template <class S, int R, int C, class Crew>
VIDEOENGINE_HD void weigh_mask(const Crew& crew, Tile<S, R, C>& t) {
  crew.template each<R + 2 * kRadius, C>([&](int r, int c) {
    S sum = S(0);
    VIDEOENGINE_UNROLL
    for (int k = 0; k < kTaps; ++k) sum = sum + tap<S>(k) * t.seen[r][c + k];
    t.across[kSeen][r][c] = sum;
  });
  crew.template each<R, C>([&](int r, int c) {
    S sum = S(0);
    VIDEOENGINE_UNROLL
    for (int k = 0; k < kTaps; ++k) sum = sum + tap<S>(k) * t.across[kSeen][r + k][c];
    // a seen pixel's own weight is 0.07; an unseen one's window is not used
    t.inverse[r][c] = t.seen[r + kRadius][c + kRadius] > S(0) ? S(1) / sum : S(0);
  });
}

// The values and slopes of SSIM and L1 into the parts: three slopes, SSIM, |x - y|.
template <class S, int R, int C, class Crew>
VIDEOENGINE_HD void compare(const Crew& crew, S level, Tile<S, R, C>& t) {
  crew.template each<R, C>([&](int r, int c) {
    S sum[kMoments] = {S(0), S(0), S(0), S(0), S(0), S(0)};
    VIDEOENGINE_UNROLL
    for (int k = 0; k < kTaps; ++k) {
      const S w = tap<S>(k);
      VIDEOENGINE_UNROLL
      for (int m = kX; m < kMoments; ++m) sum[m] = sum[m] + w * t.across[m][r + k][c];
    }
    const S n = t.inverse[r][c];
    const Similarity<S> s = similarity_of(level, sum[kX] * n, sum[kY] * n, sum[kXX] * n, sum[kYY] * n, sum[kXY] * n);
    const S seen = t.seen[r + kRadius][c + kRadius];
    t.part[0][r][c] = s.of_x * n, t.part[1][r][c] = s.of_xx * n, t.part[2][r][c] = s.of_xy * n;
    t.part[3][r][c] = s.value * seen;
    t.part[4][r][c] = math::magnitude(t.x[r + kRadius][c + kRadius] - t.y[r + kRadius][c + kRadius]);
  });
}

// Adds a block's sums; `sums` count in one thread of the crew.
template <class S, int R, int C, class Crew>
VIDEOENGINE_HD void loss_block(const Crew& crew, const Job<S>& job, int top, int left, S* maps, Tile<S, R, C>& t,
                               double sums[kSums]) {
  crew.template each<R + 2 * kRadius, C + 2 * kRadius>(
      [&](int r, int c) { t.seen[r][c] = seen_at(job, top + r - kRadius, left + c - kRadius) ? S(1) : S(0); });
  weigh_mask(crew, t);
  const std::int64_t plane = static_cast<std::int64_t>(job.width) * job.height;
  for (int color = 0; color < kColors; ++color) {
    const S level = level_of<S, R, C>(job, top, left, color);
    take(crew, job, top, left, color, level, t);
    spread_across(crew, t);
    compare(crew, level, t);
    for (int k = 0; k < 3; ++k) {
      S* map = maps + (3 * color + k) * plane;
      crew.template each<R, C>([&](int r, int c) {
        if (inside(job, top + r, left + c)) map[pixel_at(job, top + r, left + c)] = t.part[k][r][c];
      });
    }
    sums[kOfSsim] += crew.total(t.part[3]);
    sums[kOfL1] += crew.total(t.part[4]);
  }
  crew.template each<R, C>([&](int r, int c) {
    const bool valid = job.depth && valid_at(job, top + r, left + c);
    const std::int64_t at = valid ? pixel_at(job, top + r, left + c) : 0;
    const S d = valid ? job.depth[at] : S(0), measure = valid ? job.target_depth[at] : S(0);
    t.part[0][r][c] = t.seen[r + kRadius][c + kRadius], t.part[1][r][c] = valid ? S(1) : S(0);
    t.part[2][r][c] = job.pearson ? d : math::magnitude(d - measure), t.part[3][r][c] = measure;
  });
  for (int k = 0; k < 4; ++k) sums[kOfSeen + k] += crew.total(t.part[k]);
}

// Of the depths of a block about their means: sums of squares, and of products.
template <class S, int R, int C, class Crew>
VIDEOENGINE_HD void spread_block(const Crew& crew, const Job<S>& job, int top, int left, const double* state,
                                 Tile<S, R, C>& t, double sums[kSpreads]) {
  crew.template each<R, C>([&](int r, int c) {
    const bool valid = valid_at(job, top + r, left + c);
    const std::int64_t at = valid ? pixel_at(job, top + r, left + c) : 0;
    const S d = valid ? job.depth[at] - S(state[kMeanDepth]) : S(0);
    const S measure = valid ? job.target_depth[at] - S(state[kMeanTarget]) : S(0);
    t.part[0][r][c] = d * d, t.part[1][r][c] = measure * measure, t.part[2][r][c] = d * measure;
  });
  for (int k = 0; k < kSpreads; ++k) sums[k] += crew.total(t.part[k]);
}

// What the sums over the whole picture say; first the means, which the spreads are about.
VIDEOENGINE_HD void settle_means(const double sums[kSums], double* state) {
  state[kCount] = sums[kOfSeen], state[kValid] = sums[kOfValid];
  const double valid = math::maximum(state[kValid], 1.0);
  state[kMeanDepth] = sums[kOfDepth] / valid, state[kMeanTarget] = sums[kOfTarget] / valid;
}

// Whether depths vary at all: else nothing correlates.
template <class S>
VIDEOENGINE_HD bool varied(const double* state) {
  const double least = sizeof(S) == 4 ? 1e-11 : 1e-22;  // of the square of the mean: rounding
  const double n = state[kValid];
  return n >= 2 && state[kSpreadDepth] > least * n * state[kMeanDepth] * state[kMeanDepth] &&
         state[kSpreadTarget] > least * n * state[kMeanTarget] * state[kMeanTarget];
}

VIDEOENGINE_HD double correlation(const double* state) {
  return state[kTogether] / (math::square_root(state[kSpreadDepth]) * math::square_root(state[kSpreadTarget]));
}

template <class S>
VIDEOENGINE_HD void settle(const Job<S>& job, const double sums[kSums], const double spreads[kSpreads],
                           const Found<S>& out) {
  double* state = out.state;
  for (int k = 0; k < kSpreads; ++k) state[kSpreadDepth + k] = spreads[k];
  const double samples = kColors * math::maximum(state[kCount], 1.0);
  double term[3] = {sums[kOfL1] / samples, state[kCount] > 0 ? 1.0 - sums[kOfSsim] / samples : 0.0, 0.0};
  if (job.depth && !job.pearson) term[2] = sums[kOfDepth] / math::maximum(state[kValid], 1.0);
  if (job.depth && job.pearson && state[kValid] >= 2) term[2] = 1.0 - (varied<S>(state) ? correlation(state) : 0.0);
  double total = 0;
  for (int k = 0; k < 3; ++k) {
    out.terms[k] = S(term[k]);
    total += double(job.weights[k]) * term[k];
  }
  *out.total = S(total);
}

// What the loss says of a pixel's depth, before the weight.
template <class S>
VIDEOENGINE_HD double depth_back(const Job<S>& job, const double* state, std::int64_t at) {
  const double d = double(job.depth[at]), measure = double(job.target_depth[at]);
  if (!job.pearson) return sign_of(d - measure) / state[kValid];
  if (!varied<S>(state)) return 0;
  const double both = math::square_root(state[kSpreadDepth]) * math::square_root(state[kSpreadTarget]);
  return correlation(state) * (d - state[kMeanDepth]) / state[kSpreadDepth] - (measure - state[kMeanTarget]) / both;
}

// Writes a block's gradients.
template <class S, int R, int C, class Crew>
VIDEOENGINE_HD void back_block(const Crew& crew, const Job<S>& job, int top, int left, const Back<S>& back,
                               Tile<S, R, C>& t) {
  const std::int64_t plane = static_cast<std::int64_t>(job.width) * job.height;
  const double to_total = double(*back.to_total), count = math::maximum(back.state[kCount], 1.0);
  const S of_l1 = S(to_total * double(job.weights[0]) / (kColors * count));
  const S of_ssim = S(-to_total * double(job.weights[1]) / (kColors * count));
  for (int color = 0; color < kColors; ++color) {
    const S* maps = back.maps + 3 * color * plane;
    crew.template each<R + 2 * kRadius, C + 2 * kRadius>([&](int r, int c) {
      const int row = top + r - kRadius, column = left + c - kRadius;
      const bool there = inside(job, row, column);
      const std::int64_t at = there ? pixel_at(job, row, column) : 0;
      t.seen[r][c] = there ? maps[at] : S(0);
      t.x[r][c] = there ? maps[plane + at] : S(0), t.y[r][c] = there ? maps[2 * plane + at] : S(0);
    });
    crew.template each<R + 2 * kRadius, C>([&](int r, int c) {
      S a = S(0), b = S(0), d = S(0);
      VIDEOENGINE_UNROLL
      for (int k = 0; k < kTaps; ++k) {
        const S w = tap<S>(k);
        a = a + w * t.seen[r][c + k], b = b + w * t.x[r][c + k], d = d + w * t.y[r][c + k];
      }
      t.across[0][r][c] = a, t.across[1][r][c] = b, t.across[2][r][c] = d;
    });
    crew.template each<R, C>([&](int r, int c) {
      S a = S(0), b = S(0), d = S(0);
      VIDEOENGINE_UNROLL
      for (int k = 0; k < kTaps; ++k) {
        const S w = tap<S>(k);
        a = a + w * t.across[0][r + k][c], b = b + w * t.across[1][r + k][c], d = d + w * t.across[2][r + k][c];
      }
      t.part[0][r][c] = a, t.part[1][r][c] = b, t.part[2][r][c] = d;
    });
    crew.template each<R, C>([&](int r, int c) {
      if (!inside(job, top + r, left + c)) return;
      const std::int64_t at = kColors * pixel_at(job, top + r, left + c) + color;
      S slope = S(0);
      if (seen_at(job, top + r, left + c)) {
        const S x = job.color[at], y = job.target[at];
        slope = of_ssim * (t.part[0][r][c] + S(2) * x * t.part[1][r][c] + y * t.part[2][r][c]) + of_l1 * sign_of(x - y);
      }
      back.to_color[at] = slope;
    });
  }
  if (!back.to_depth) return;
  crew.template each<R, C>([&](int r, int c) {
    if (!inside(job, top + r, left + c)) return;
    const std::int64_t at = pixel_at(job, top + r, left + c);
    const bool valid = valid_at(job, top + r, left + c);
    back.to_depth[at] = valid ? S(to_total * double(job.weights[2]) * depth_back(job, back.state, at)) : S(0);
  });
}

}  // namespace photometry
}  // namespace VIDEOENGINE_ISA
}  // namespace videoengine
