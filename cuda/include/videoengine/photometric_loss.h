// The loss of a splatted picture against a photograph, as its callers see it: masked L1, structural
// similarity (Wang et al. 2004) and depth, each by one walk over the pictures forward and one back.
#pragma once

#include <cstddef>
#include <cstdint>

namespace videoengine::photometric {

constexpr int kColors = 3;
constexpr int kMaps = 3 * kColors;  // kept from forward to backward, (9, H, W)

enum State : int { kCount, kValid, kMeanDepth, kMeanTarget, kSpreadDepth, kSpreadTarget, kTogether, kStates };

// Pictures are (H, W, 3), masks and depths (H, W); pixels of mask 0 are never read as numbers. A target
// depth that is not above 0, or not finite, was not measured.
template <class S>
struct Job {
  const S *color, *target;
  const std::uint8_t* mask;          // or null: every pixel
  const S *depth, *target_depth;     // or null: no depth
  int width, height;
  S weights[3];                      // of L1, of 1 - SSIM, of depth
  bool pearson;                      // depth: 1 - correlation instead of L1
};

template <class S>
struct Found {
  S* total;       // (1): the weighted sum
  S* terms;       // (3): L1, 1 - SSIM, depth
  S* maps;        // (9, H, W)
  double* state;  // (kStates)
};

template <class S>
struct Back {
  const S* to_total;  // (1)
  const S* maps;
  const double* state;
  S* to_color;        // (H, W, 3)
  S* to_depth;        // (H, W), or null
};

template <class S>
class Loss {
 public:
  virtual ~Loss() = default;
  // False: no memory.
  virtual bool forward(const Job<S>& job, const Found<S>& out) const = 0;
  virtual bool backward(const Job<S>& job, const Back<S>& back) const = 0;
};

enum class InstructionSet { kBest, kBaseline, kSmallBlocks };  // the last: blocks of a GPU's size, for tests

const Loss<float>& loss_of_float(InstructionSet set);
const Loss<double>& loss_of_double(InstructionSet set);

#ifdef VIDEOENGINE_WITH_CUDA
// How many doubles the forward kernels need beside their results.
std::size_t scratch_of_cuda(int width, int height);
// Queue everything on a stream; nothing waits or allocates. Return what failed, or null.
const char* forward_cuda(const Job<float>& job, const Found<float>& out, double* scratch, void* stream);
const char* forward_cuda(const Job<double>& job, const Found<double>& out, double* scratch, void* stream);
const char* backward_cuda(const Job<float>& job, const Back<float>& back, void* stream);
const char* backward_cuda(const Job<double>& job, const Back<double>& back, void* stream);
#endif

}  // namespace videoengine::photometric
