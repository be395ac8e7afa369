// CPU side of color_conversion, sixteen output rows at a time: fold the source rows under the
// filter into one row each, turn the block on its side so that the sixteen rows lie next to each
// other, resample across, turn Y, U, V into R, G, B, and turn the block back.
#include "videoengine/color_conversion.h"

#include <algorithm>
#include <vector>

#include "color_conversion_filter.h"

// A test sets either macro by hand, to compare the forms that the compiler makes.
#if !defined(VIDEOENGINE_SSE2) && defined(__x86_64__)
#define VIDEOENGINE_SSE2 1
#endif
#if VIDEOENGINE_SSE2
#include <emmintrin.h>
#endif
#if !defined(VIDEOENGINE_CLONES) && VIDEOENGINE_SSE2
#define VIDEOENGINE_CLONES __attribute__((target_clones("default", "arch=x86-64-v3")))
#elif !defined(VIDEOENGINE_CLONES)
#define VIDEOENGINE_CLONES
#endif

namespace videoengine {
namespace {

constexpr int kLanes = 16;     // output rows in a block
constexpr int kTile = 8;       // side of a tile that is turned at once

// A sample moved to the top of 16 bits, times a weight of 15: a 15-bit number.
template <typename Sample>
__attribute__((always_inline)) inline std::uint16_t weighted(Sample sample, int shift,
                                                             std::uint16_t weight) {
  const auto top = static_cast<std::uint16_t>(sample << shift);
  return static_cast<std::uint16_t>((top * std::uint32_t{weight}) >> 16);
}

// sum[x] (+)= Σ rows[k][x] * weights[k], in 15 bits: 255 in 8 bits becomes 255 * 128.
template <int taps, typename Sample>
__attribute__((always_inline)) inline void fold(const Sample* const rows[kGroup],
                                                const std::uint16_t weights[kGroup], int shift,
                                                bool first, std::uint16_t* __restrict sum, int from,
                                                int to) {
  const Sample *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
  const std::uint16_t p = weights[0], q = weights[1], r = weights[2], s = weights[3];
  for (int x = from; x < to; ++x) {
    // a truncated product loses half a unit in the mean
    std::uint16_t value = static_cast<std::uint16_t>(taps / 2 + (first ? 0 : sum[x]));
    value += weighted(a[x], shift, p);
    value += weighted(b[x], shift, q);
    if (taps == kGroup) value += weighted(c[x], shift, r);
    if (taps == kGroup) value += weighted(d[x], shift, s);
    sum[x] = std::min<std::uint16_t>(value, 32767);
  }
}

// Whole vectors, the last one over again where it overlaps: no loop over single samples at the end.
template <int taps, typename Sample>
__attribute__((always_inline)) inline void fold_first(const Sample* const rows[kGroup],
                                                      const std::uint16_t weights[kGroup],
                                                      int shift, std::uint16_t* sum, int count) {
  constexpr int kWhole = 32;
  const int whole = count / kWhole * kWhole;
  fold<taps>(rows, weights, shift, true, sum, 0, whole);
  if (whole == count) return;
  if (count < kWhole) return fold<taps>(rows, weights, shift, true, sum, 0, count);
  const Sample* last[kGroup];
  for (int k = 0; k < kGroup; ++k) last[k] = rows[k] + count - kWhole;
  fold<taps>(last, weights, shift, true, sum + count - kWhole, 0, kWhole);
}

VIDEOENGINE_CLONES void fold8(const std::uint8_t* const rows[kGroup],
                              const std::uint16_t weights[kGroup], bool first, std::uint16_t* sum,
                              int count) {
  if (!first) {
    fold<kGroup>(rows, weights, 8, false, sum, 0, count);
  } else if (weights[2] | weights[3]) {
    fold_first<kGroup>(rows, weights, 8, sum, count);
  } else {
    fold_first<2>(rows, weights, 8, sum, count);
  }
}

VIDEOENGINE_CLONES void fold16(const std::uint16_t* const rows[kGroup],
                               const std::uint16_t weights[kGroup], int shift, bool first,
                               std::uint16_t* sum, int count) {
  fold<kGroup>(rows, weights, shift, first, sum, 0, count);
}

// Turns tiles of 8 x 8: out[x * kLanes + row] = 2 * in[row * in_row + x] for 8 rows, in 16 bits.
VIDEOENGINE_CLONES void turn(const std::uint16_t* __restrict in, int in_row,
                             std::uint16_t* __restrict out, int count) {
  int x = 0;
#if VIDEOENGINE_SSE2
  for (; x + kTile <= count; x += kTile) {
    __m128i a[kTile], b[kTile];
    for (int i = 0; i < kTile; ++i) {
      a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i * in_row + x));
      a[i] = _mm_slli_epi16(a[i], 1);
    }
    for (int i = 0; i < 4; ++i) {
      b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
      b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
    }
    for (int i = 0; i < 4; ++i) {
      a[2 * i] = _mm_unpacklo_epi16(b[i], b[i + 4]);
      a[2 * i + 1] = _mm_unpackhi_epi16(b[i], b[i + 4]);
    }
    for (int i = 0; i < 4; ++i) {
      b[2 * i] = _mm_unpacklo_epi16(a[i], a[i + 4]);
      b[2 * i + 1] = _mm_unpackhi_epi16(a[i], a[i + 4]);
    }
    for (int i = 0; i < kTile; ++i) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + (x + i) * kLanes), b[i]);
    }
  }
#endif
  for (; x < count; ++x) {
    for (int row = 0; row < kTile; ++row) {
      out[x * kLanes + row] = static_cast<std::uint16_t>(in[row * in_row + x] << 1);
    }
  }
}

// Turns tiles of bytes back: out[row * out_row + x] = in[x * kLanes + row] for 16 rows.
VIDEOENGINE_CLONES void turn_back(const std::uint8_t* __restrict in, std::uint8_t* __restrict out,
                                  int out_row, int count) {
  int x = 0;
#if VIDEOENGINE_SSE2
  for (; x + kLanes <= count; x += kLanes) {
    __m128i a[kLanes], b[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + (x + i) * kLanes));
    }
    for (int round = 0; round < 4; ++round) {  // each round halves the distance of neighbors
      for (int i = 0; i < kLanes / 2; ++i) {
        b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + kLanes / 2]);
        b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + kLanes / 2]);
      }
      for (int i = 0; i < kLanes; ++i) a[i] = b[i];
    }
    for (int i = 0; i < kLanes; ++i) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i * out_row + x), a[i]);
    }
  }
#endif
  for (; x < count; ++x) {
    for (int row = 0; row < kLanes; ++row) out[row * out_row + x] = in[x * kLanes + row];
  }
}

// Adds to sixteen lanes `taps` products that lie kLanes apart, in 15 bits.
template <int taps>
__attribute__((always_inline)) inline void gather(const std::uint16_t* __restrict in,
                                                  const std::uint16_t* __restrict weight,
                                                  bool first, std::uint16_t* __restrict sum) {
  for (int lane = 0; lane < kLanes; ++lane) {
    std::uint16_t value = static_cast<std::uint16_t>(taps / 2 + (first ? 0 : sum[lane]));
    for (int k = 0; k < taps; ++k) value += weighted(in[k * kLanes + lane], 0, weight[k]);
    sum[lane] = std::min<std::uint16_t>(value, 32767);
  }
}

// out[x] = Σ in[start + k] * weight[k] for sixteen rows at once; 16 bits in, 15 bits out.
VIDEOENGINE_CLONES void resample(const std::uint16_t* __restrict in, const int* __restrict start,
                                 const std::uint16_t* __restrict weight, int taps,
                                 std::uint16_t* __restrict out, int count) {
  if (taps == 2) {
    for (int x = 0; x < count; ++x) {
      gather<2>(in + start[x] * kLanes, weight + 2 * x, true, out + x * kLanes);
    }
    return;
  }
  for (int x = 0; x < count; ++x) {
    const std::uint16_t* from = in + start[x] * kLanes;
    const std::uint16_t* weights = weight + x * taps;
    gather<kGroup>(from, weights, true, out + x * kLanes);
    for (int k = kGroup; k < taps; k += kGroup) {
      gather<kGroup>(from + k * kLanes, weights + k, false, out + x * kLanes);
    }
  }
}

// Coefficients of 16-bit high multiplications whose sum is 32 times the 8-bit result.
struct Coefficients {
  std::int16_t y, y_zero, rv, gu, gv, bu;
};

// Every step is cut back to 16 bits, or the loop would work on 32.
__attribute__((always_inline)) inline std::int16_t narrow(int value) {
  return static_cast<std::int16_t>(value);
}

__attribute__((always_inline)) inline std::int16_t high(std::int16_t a, std::int16_t b) {
  return static_cast<std::int16_t>((std::int32_t{a} * b) >> 16);
}

__attribute__((always_inline)) inline std::uint8_t clip(std::int16_t value) {
  const std::int16_t positive = value < 0 ? std::int16_t{0} : value;
  return static_cast<std::uint8_t>(positive > 255 ? std::int16_t{255} : positive);
}

// Y, U, V in 15 bits to R, G, B in planes of bytes.
VIDEOENGINE_CLONES void to_rgb(const std::uint16_t* __restrict y, const std::uint16_t* __restrict u,
                               const std::uint16_t* __restrict v, const Coefficients& k,
                               std::uint8_t* __restrict r, std::uint8_t* __restrict g,
                               std::uint8_t* __restrict b, int count) {
  const Coefficients c = k;  // a local copy: stores cannot alias it
  for (int x = 0; x < count; ++x) {
    // 17: half of 32 to round, and the half unit that each truncated product loses in the mean
    const auto luma = narrow(high(narrow(y[x] - c.y_zero), c.y) + 17);
    const auto cb = narrow((u[x] - 16384) * 2), cr = narrow((v[x] - 16384) * 2);
    const auto red = narrow(luma + high(cr, c.rv)), blue = narrow(luma + high(cb, c.bu));
    const auto green = narrow(luma + narrow(high(cb, c.gu) + high(cr, c.gv)));
    r[x] = clip(narrow(red >> 5));
    g[x] = clip(narrow(green >> 5));
    b[x] = clip(narrow(blue >> 5));
  }
}

// 15-bit samples to bytes.
VIDEOENGINE_CLONES void to_bytes(const std::uint16_t* __restrict in, std::uint8_t* __restrict out,
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
VIDEOENGINE_CLONES void split(const std::uint16_t* __restrict in, int step,
                              std::uint16_t* __restrict out, int count) {
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
  int block_row = 0;                           // samples from one folded row to the next
  int byte_row = 0;                            // bytes from one row of a color to the next
  std::vector<std::uint16_t> folded;           // one row, its channels interleaved
  std::vector<std::uint16_t> block[3];         // sixteen folded rows of a channel
  std::vector<std::uint16_t> turned;           // a channel on its side
  std::vector<std::uint16_t> sampled[3];       // channels resampled, on their side
  std::vector<std::uint8_t> side[3], bytes[3];  // R, G, B on their side, and in rows
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
      const bool spare = tap + k >= filter.taps;
      weights[k] = spare ? 0 : filter.weight[static_cast<std::size_t>(row) * filter.taps + tap + k];
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

void prepare(Workspace& work, const Picture& picture, int out_width, int out_height, bool chroma) {
  design(work.rows, picture.height, out_height, false, false);
  design(work.columns, picture.width, out_width, false, false);
  if (chroma) {
    design(work.chroma_rows, picture.height, out_height, true, false);
    design(work.chroma_columns, picture.width, out_width, true, true);
  }
  // a narrow picture has fewer samples than taps: the room behind them has weight 0
  work.block_row = picture.width + 2 * kTile;
  work.byte_row = out_width;
  work.folded.resize(3 * static_cast<std::size_t>(picture.width + 1));
  work.turned.resize(static_cast<std::size_t>(work.block_row) * kLanes);
  const std::size_t samples = static_cast<std::size_t>(out_width) * kLanes;
  for (int i = 0; i < 3; ++i) {
    work.block[i].resize(static_cast<std::size_t>(work.block_row) * kLanes);
    work.sampled[i].assign(samples, 16384);  // gray has no chroma but this
    work.side[i].resize(samples);
    work.bytes[i].resize(samples);
  }
}

// Folds into row `lane` of the block what lies under output row `row`.
void fold_lane(Workspace& work, const Picture& picture, int lane, int row) {
  std::uint16_t* at[3];
  for (int i = 0; i < 3; ++i) at[i] = work.block[i].data() + lane * work.block_row;
  if (picture.layout == Layout::kRgb24) {
    fold_rows(picture, 0, work.rows, row, picture.height, 3 * picture.width, work.folded.data());
    for (int i = 0; i < 3; ++i) split(work.folded.data() + i, 3, at[i], picture.width);
    return;
  }
  fold_rows(picture, 0, work.rows, row, picture.height, picture.width, at[0]);
  if (picture.layout == Layout::kGray) return;
  const int rows = (picture.height + 1) / 2, columns = (picture.width + 1) / 2;
  if (picture.layout == Layout::kYuv420p) {
    for (int i = 1; i < 3; ++i) fold_rows(picture, i, work.chroma_rows, row, rows, columns, at[i]);
    return;
  }
  fold_rows(picture, 1, work.chroma_rows, row, rows, 2 * columns, work.folded.data());
  for (int i = 1; i < 3; ++i) split(work.folded.data() + i - 1, 2, at[i], columns);
}

// Resamples the block of channel `index` across.
void sample_block(Workspace& work, const Filter& filter, int index, int columns) {
  for (int half = 0; half < kLanes; half += kTile) {
    turn(work.block[index].data() + half * work.block_row, work.block_row,
         work.turned.data() + half, columns);
  }
  resample(work.turned.data(), filter.start.data(), filter.weight.data(), filter.taps,
           work.sampled[index].data(), filter.target);
}

}  // namespace

void color_conversion(const Picture& picture, std::uint8_t* out, std::ptrdiff_t out_row_bytes,
                      int out_width, int out_height) {
  thread_local Workspace work;
  const bool rgb = picture.layout == Layout::kRgb24, gray = picture.layout == Layout::kGray;
  prepare(work, picture, out_width, out_height, !rgb && !gray);
  const Coefficients factors = coefficients(picture);
  const Filter& chroma = rgb ? work.columns : work.chroma_columns;
  const int chroma_width = rgb ? picture.width : (picture.width + 1) / 2;
  const int samples = out_width * kLanes;
  for (int top = 0; top < out_height; top += kLanes) {
    const int rows = std::min(kLanes, out_height - top);
    for (int lane = 0; lane < rows; ++lane) fold_lane(work, picture, lane, top + lane);
    sample_block(work, work.columns, 0, picture.width);
    for (int i = 1; i < 3 && !gray; ++i) sample_block(work, chroma, i, chroma_width);
    if (rgb) {
      for (int i = 0; i < 3; ++i) to_bytes(work.sampled[i].data(), work.side[i].data(), samples);
    } else {
      to_rgb(work.sampled[0].data(), work.sampled[1].data(), work.sampled[2].data(), factors,
             work.side[0].data(), work.side[1].data(), work.side[2].data(), samples);
    }
    for (int i = 0; i < 3; ++i) {
      turn_back(work.side[i].data(), work.bytes[i].data(), work.byte_row, out_width);
    }
    for (int lane = 0; lane < rows; ++lane, out += out_row_bytes) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(lane) * work.byte_row;
      interleave(work.bytes[0].data() + at, work.bytes[1].data() + at, work.bytes[2].data() + at,
                 out, out_width);
    }
  }
}

}  // namespace videoengine
