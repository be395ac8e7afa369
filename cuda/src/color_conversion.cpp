// CPU side of color_conversion. Per output row: fold the source rows under the filter into one row
// of 15-bit samples, resample that row, then turn Y, U, V into R, G, B.
#include "videoengine/color_conversion.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <emmintrin.h>
#define VIDEOENGINE_CLONES __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define VIDEOENGINE_CLONES
#endif

namespace videoengine {
namespace {

constexpr int kVerticalOne = 1 << 15;    // weights of a column of taps add up to this
constexpr int kHorizontalOne = 1 << 14;  // weights of a row of taps add up to this
constexpr int kGroup = 4;                // taps that one pass over a row takes, spare ones weigh 0

// For each output position: where its taps begin, and `taps` weights adding up to one.
struct Filter {
  int source = 0, target = 0, taps = 0;
  bool half = false, shifted = false;
  int one = 0;
  std::vector<int> start;
  std::vector<std::int16_t> weight;  // [target][taps]; see weight_at

  bool fits(int s, int t, bool h, bool sh, int o) const {
    return source == s && target == t && half == h && shifted == sh && one == o;
  }
};

// Vertical taps come in groups of four; horizontal ones in fours too, or in a pair.
int taps_for(int count, int one) {
  if (one == kHorizontalOne && count <= 2) return 2;
  return std::max((count + kGroup - 1) / kGroup * kGroup, kGroup);
}

// Fills `filter` for an axis of `full` luma samples. With `half`, the samples are chroma, one for
// two; `shifted` sites them on the first of the pair instead of midway. Positions are exact: they
// are counted in units of 1 / (4 * target) of a sample.
void design(Filter& filter, int full, int target, bool half, bool shifted, int one) {
  if (filter.fits(full, target, half, shifted, one)) return;
  filter.source = full, filter.target = target, filter.half = half, filter.shifted = shifted;
  filter.one = one;
  const std::int64_t unit = 4LL * target;
  const int samples = half ? (full + 1) / 2 : full;
  const std::int64_t step = half ? 2LL * full : 4LL * full;
  const std::int64_t radius = std::max(unit, step);
  // an open interval that long holds at most so many samples
  const int widest = static_cast<int>((2 * radius + unit - 1) / unit);
  filter.taps = taps_for(std::min(widest, samples), one);
  filter.start.assign(target, 0);
  filter.weight.assign(static_cast<std::size_t>(target) * filter.taps, 0);
  std::vector<std::int64_t> heights(widest + 2);
  for (int x = 0; x < target; ++x) {
    const std::int64_t center = (2LL * x + 1) * step / 2 + (shifted ? target : 0);
    // sample j lies at j * unit + unit / 2; keep those nearer than the radius
    std::int64_t first = (center - radius - unit / 2) / unit;
    first = std::max<std::int64_t>(first, 0);
    while (first + 1 < samples && first * unit + unit / 2 <= center - radius) ++first;
    std::int64_t total = 0;
    int count = 0;
    for (std::int64_t j = first; j < samples && count < widest + 2; ++j) {
      const std::int64_t distance = std::abs(j * unit + unit / 2 - center);
      if (distance >= radius) break;
      total += heights[count++] = radius - distance;
    }
    if (count == 0) heights[count++] = total = 1;  // past the last sample: repeat it
    int left = one, largest = 0;
    std::int16_t* weights = &filter.weight[static_cast<std::size_t>(x) * filter.taps];
    // the taps must stay inside the row, so the last groups begin early
    const int start = std::max(0, std::min<int>(first, samples - filter.taps));
    const int shift = static_cast<int>(first) - start;
    for (int k = 0; k < count; ++k) {
      const int w = static_cast<int>((heights[k] * one + total / 2) / total);
      weights[shift + k] = static_cast<std::int16_t>(w);
      left -= w;
      if (heights[k] > heights[largest]) largest = k;
    }
    weights[shift + largest] = static_cast<std::int16_t>(weights[shift + largest] + left);
    filter.start[x] = start;
  }
}

// A weight of a vertical filter: 1.0 is 32768, which a signed 16-bit number holds as -32768.
inline std::uint16_t weight_at(const Filter& filter, int row, int tap) {
  return static_cast<std::uint16_t>(
      filter.weight[static_cast<std::size_t>(row) * filter.taps + tap]);
}

// A sample moved to the top of 16 bits, times a weight of 15: a 15-bit number.
template <typename Sample>
__attribute__((always_inline)) inline std::uint16_t weighted(Sample sample, int shift,
                                                             std::uint16_t weight) {
  const auto top = static_cast<std::uint16_t>(sample << shift);
  return static_cast<std::uint16_t>((top * std::uint32_t{weight}) >> 16);
}

// sum[x] (+)= Σ rows[k][x] * weights[k], in 15 bits: 255 in 8 bits becomes 255 * 128.
template <typename Sample>
__attribute__((always_inline)) inline void fold(const Sample* const rows[kGroup],
                                                const std::uint16_t weights[kGroup], int shift,
                                                bool first, std::uint16_t* sum, int count) {
  const Sample *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  const std::uint16_t p = weights[0], q = weights[1], r = weights[2], s = weights[3];
  for (int x = 0; x < count; ++x) {
    // one truncated product loses half a unit in the mean: four lose two
    std::uint16_t value = first ? 2 : static_cast<std::uint16_t>(sum[x] + 2);
    value += weighted(a[x], shift, p);
    value += weighted(b[x], shift, q);
    value += weighted(c[x], shift, r);
    value += weighted(d[x], shift, s);
    sum[x] = std::min<std::uint16_t>(value, 32767);
  }
}

VIDEOENGINE_CLONES void fold8(const std::uint8_t* const rows[kGroup],
                              const std::uint16_t weights[kGroup], bool first, std::uint16_t* sum,
                              int count) {
  if (first) {
    fold(rows, weights, 8, true, sum, count);
  } else {
    fold(rows, weights, 8, false, sum, count);
  }
}

VIDEOENGINE_CLONES void fold16(const std::uint16_t* const rows[kGroup],
                               const std::uint16_t weights[kGroup], int shift, bool first,
                               std::uint16_t* sum, int count) {
  fold(rows, weights, shift, first, sum, count);
}

#if defined(__x86_64__)
// Rounds four sums to 15 bits and stores them.
__attribute__((always_inline)) inline void store4(__m128i sum, std::int16_t* out) {
  sum = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(kHorizontalOne / 2)), 14);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packs_epi32(sum, sum));
}

// Two neighboring samples.
__attribute__((always_inline)) inline __m128i load2(const std::int16_t* from) {
  int pair;
  std::memcpy(&pair, from, sizeof pair);
  return _mm_cvtsi32_si128(pair);
}

__attribute__((always_inline)) inline __m128i load4(const std::int16_t* from) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
}

// Four outputs of two taps each.
__attribute__((always_inline)) inline void resample_pairs(const std::int16_t* in, const int* start,
                                                          const std::int16_t* weight,
                                                          std::int16_t* out) {
  const __m128i low = _mm_unpacklo_epi32(load2(in + start[0]), load2(in + start[1]));
  const __m128i high = _mm_unpacklo_epi32(load2(in + start[2]), load2(in + start[3]));
  const __m128i weights = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weight));
  store4(_mm_madd_epi16(_mm_unpacklo_epi64(low, high), weights), out);
}

// Four outputs of four taps each.
__attribute__((always_inline)) inline void resample_fours(const std::int16_t* in, const int* start,
                                                          const std::int16_t* weight,
                                                          std::int16_t* out) {
  const auto* w = reinterpret_cast<const __m128i*>(weight);
  const __m128i low = _mm_unpacklo_epi64(load4(in + start[0]), load4(in + start[1]));
  const __m128i high = _mm_unpacklo_epi64(load4(in + start[2]), load4(in + start[3]));
  const __m128 a = _mm_castsi128_ps(_mm_madd_epi16(low, _mm_loadu_si128(w)));
  const __m128 b = _mm_castsi128_ps(_mm_madd_epi16(high, _mm_loadu_si128(w + 1)));
  const __m128i even = _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)));
  const __m128i odd = _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
  store4(_mm_add_epi32(even, odd), out);
}
#endif

// out[x] = Σ in[start + k] * weight[k], rounded, in 15 bits.
VIDEOENGINE_CLONES void resample(const std::int16_t* in, const int* start,
                                 const std::int16_t* weight, int taps, std::int16_t* out,
                                 int count) {
  int x = 0;
#if defined(__x86_64__)
  if (taps == 2) {
    for (; x + 4 <= count; x += 4) resample_pairs(in, start + x, weight + 2 * x, out + x);
  } else if (taps == 4) {
    for (; x + 4 <= count; x += 4) resample_fours(in, start + x, weight + 4 * x, out + x);
  }
#endif
  for (; x < count; ++x) {
    std::int32_t sum = kHorizontalOne / 2;
    const std::int16_t* from = in + start[x];
    for (int k = 0; k < taps; ++k) sum += std::int32_t{from[k]} * weight[x * taps + k];
    out[x] = static_cast<std::int16_t>(sum >> 14);
  }
}

// Coefficients of 16-bit high multiplications whose sum is 32 times the 8-bit result.
struct Coefficients {
  std::int16_t y, y_zero, rv, gu, gv, bu;
};

__attribute__((always_inline)) inline std::int16_t high(std::int16_t a, std::int16_t b) {
  return static_cast<std::int16_t>((std::int32_t{a} * b) >> 16);
}

__attribute__((always_inline)) inline std::uint8_t clip(std::int16_t value) {
  const std::int16_t positive = value < 0 ? std::int16_t{0} : value;
  return static_cast<std::uint8_t>(positive > 255 ? std::int16_t{255} : positive);
}

// Y, U, V in 15 bits to R, G, B in planes of bytes.
VIDEOENGINE_CLONES void to_rgb(const std::int16_t* __restrict y, const std::int16_t* __restrict u,
                               const std::int16_t* __restrict v, const Coefficients& k,
                               std::uint8_t* __restrict r, std::uint8_t* __restrict g,
                               std::uint8_t* __restrict b, int count) {
  const Coefficients c = k;  // a local copy: stores cannot alias it
  for (int x = 0; x < count; ++x) {
    // 17: half of 32 to round, and the half unit that each truncated product loses in the mean
    const std::int16_t luma =
        static_cast<std::int16_t>(high(static_cast<std::int16_t>(y[x] - c.y_zero), c.y) + 17);
    const std::int16_t cb = static_cast<std::int16_t>((u[x] - 16384) * 2);
    const std::int16_t cr = static_cast<std::int16_t>((v[x] - 16384) * 2);
    r[x] = clip(static_cast<std::int16_t>((luma + high(cr, c.rv)) >> 5));
    g[x] = clip(static_cast<std::int16_t>((luma + high(cb, c.gu) + high(cr, c.gv)) >> 5));
    b[x] = clip(static_cast<std::int16_t>((luma + high(cb, c.bu)) >> 5));
  }
}

// 15-bit samples to bytes.
VIDEOENGINE_CLONES void to_bytes(const std::int16_t* __restrict in, std::uint8_t* __restrict out,
                                 int count) {
  for (int x = 0; x < count; ++x) out[x] = clip(static_cast<std::int16_t>((in[x] + 64) >> 7));
}

VIDEOENGINE_CLONES void interleave(const std::uint8_t* __restrict r,
                                   const std::uint8_t* __restrict g,
                                   const std::uint8_t* __restrict b,
                                   std::uint8_t* __restrict out, int count) {
  for (int x = 0; x < count; ++x) {
    out[3 * x] = r[x];
    out[3 * x + 1] = g[x];
    out[3 * x + 2] = b[x];
  }
}

// Takes every `step`-th sample.
VIDEOENGINE_CLONES void split(const std::int16_t* __restrict in, int step,
                              std::int16_t* __restrict out, int count) {
  if (step == 2) {
    for (int x = 0; x < count; ++x) out[x] = in[2 * x];
  } else {
    for (int x = 0; x < count; ++x) out[x] = in[step * x];
  }
}

Coefficients coefficients(const Picture& picture) {
  double kr = 0.2126, kb = 0.0722;
  if (picture.matrix == Matrix::kBt601) kr = 0.299, kb = 0.114;
  if (picture.matrix == Matrix::kBt2020) kr = 0.2627, kb = 0.0593;
  // An n-bit code is the 8-bit one times 2^(n - 8), but full range ends at 2^n - 1.
  const double codes = 1 << picture.bit_depth;
  const double top = (codes - 1) * 256 / codes;
  const double luma = picture.full_range ? 255.0 / top : 255.0 / 219;
  const double chroma = picture.full_range ? 255.0 / top : 255.0 / 224;
  const auto whole = [](double value) {
    return static_cast<std::int16_t>(value < 0 ? value - 0.5 : value + 0.5);
  };
  const double green = 1 - kr - kb;
  return {whole(luma * 512 * 32),
          static_cast<std::int16_t>(picture.full_range ? 0 : 16 * 128),
          whole(2 * (1 - kr) * chroma * 256 * 32),
          whole(-2 * (1 - kb) * kb / green * chroma * 256 * 32),
          whole(-2 * (1 - kr) * kr / green * chroma * 256 * 32),
          whole(2 * (1 - kb) * chroma * 256 * 32)};
}

// What one thread keeps between two pictures: filters are designed once per geometry.
struct Workspace {
  Filter rows, columns, chroma_rows, chroma_columns;
  std::vector<std::uint16_t> folded;
  std::vector<std::int16_t> part, y, u, v;
  std::vector<std::uint8_t> r, g, b;
};

// Folds the source rows under output row `row` of one plane into `sum`.
void fold_rows(const Picture& picture, int plane, const Filter& filter, int row, int rows,
               int samples, std::uint16_t* sum) {
  const PlaneView& view = picture.planes[plane];
  const auto* base = static_cast<const char*>(view.data);
  bool first = true;
  for (int tap = 0; tap < filter.taps; tap += kGroup) {
    const char* at[kGroup];
    std::uint16_t weights[kGroup];
    int used = 0;
    for (int k = 0; k < kGroup; ++k) {
      weights[k] = weight_at(filter, row, tap + k);
      used |= weights[k];
      at[k] = base + std::min(filter.start[row] + tap + k, rows - 1) * view.row_bytes;
    }
    if (!used) continue;
    if (picture.bit_depth == 8) {
      const std::uint8_t* from[kGroup];
      for (int k = 0; k < kGroup; ++k) from[k] = reinterpret_cast<const std::uint8_t*>(at[k]);
      fold8(from, weights, first, sum, samples);
    } else {
      const std::uint16_t* from[kGroup];
      for (int k = 0; k < kGroup; ++k) from[k] = reinterpret_cast<const std::uint16_t*>(at[k]);
      // p010 has its bits at the top of the word already
      const int shift = picture.layout == Layout::kP010 ? 0 : 16 - picture.bit_depth;
      fold16(from, weights, shift, first, sum, samples);
    }
    first = false;
  }
}

void resample_row(const Filter& filter, const std::int16_t* in, std::int16_t* out) {
  resample(in, filter.start.data(), filter.weight.data(), filter.taps, out, filter.target);
}

// Resamples channel `index` of `channels` interleaved ones.
void resample_channel(Workspace& work, const Filter& filter, int channels, int index, int count,
                      std::int16_t* out) {
  const auto* folded = reinterpret_cast<const std::int16_t*>(work.folded.data());
  if (channels > 1) {
    split(folded + index, channels, work.part.data(), count);
    folded = work.part.data();
  }
  resample_row(filter, folded, out);
}

void prepare(Workspace& work, const Picture& picture, int out_width, int out_height, bool chroma) {
  design(work.rows, picture.height, out_height, false, false, kVerticalOne);
  design(work.columns, picture.width, out_width, false, false, kHorizontalOne);
  if (chroma) {
    design(work.chroma_rows, picture.height, out_height, true, false, kVerticalOne);
    design(work.chroma_columns, picture.width, out_width, true, true, kHorizontalOne);
  }
  // a narrow picture has fewer samples than taps: the rest stays 0 and has weight 0
  const std::size_t room = 3 * static_cast<std::size_t>(picture.width + 1) + 64;
  work.folded.assign(room, 0);
  work.part.assign(room, 0);
  for (auto* row : {&work.y, &work.u, &work.v}) row->assign(out_width, 16384);
  for (auto* row : {&work.r, &work.g, &work.b}) row->resize(out_width);
}

void yuv_row(Workspace& work, const Picture& picture, int row) {
  fold_rows(picture, 0, work.rows, row, picture.height, picture.width, work.folded.data());
  resample_channel(work, work.columns, 1, 0, picture.width, work.y.data());
  if (picture.layout == Layout::kGray) return;
  const int rows = (picture.height + 1) / 2, columns = (picture.width + 1) / 2;
  const bool planar = picture.layout == Layout::kYuv420p;
  for (int index = 0; index < 2; ++index) {
    if (planar || index == 0) {
      fold_rows(picture, 1 + index, work.chroma_rows, row, rows, planar ? columns : 2 * columns,
                work.folded.data());
    }
    resample_channel(work, work.chroma_columns, planar ? 1 : 2, planar ? 0 : index, columns,
                     index == 0 ? work.u.data() : work.v.data());
  }
}

}  // namespace

void color_conversion(const Picture& picture, std::uint8_t* out, std::ptrdiff_t out_row_bytes,
                      int out_width, int out_height) {
  thread_local Workspace work;
  const bool rgb = picture.layout == Layout::kRgb24;
  prepare(work, picture, out_width, out_height, !rgb && picture.layout != Layout::kGray);
  const Coefficients factors = coefficients(picture);
  std::uint8_t* const bytes[3] = {work.r.data(), work.g.data(), work.b.data()};
  for (int row = 0; row < out_height; ++row, out += out_row_bytes) {
    if (rgb) {
      fold_rows(picture, 0, work.rows, row, picture.height, 3 * picture.width, work.folded.data());
      for (int index = 0; index < 3; ++index) {
        resample_channel(work, work.columns, 3, index, picture.width, work.y.data());
        to_bytes(work.y.data(), bytes[index], out_width);
      }
    } else {
      yuv_row(work, picture, row);
      to_rgb(work.y.data(), work.u.data(), work.v.data(), factors, bytes[0], bytes[1], bytes[2],
             out_width);
    }
    interleave(bytes[0], bytes[1], bytes[2], out, out_width);
  }
}

}  // namespace videoengine
