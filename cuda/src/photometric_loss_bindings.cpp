// Python binding of the photometric loss. Arrays on the CPU are checked here; on a device the caller, who
// owns every byte, hands in addresses and a stream.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "arrays.h"
#include "instruction_level.h"
#include "videoengine/photometric_loss.h"

namespace nb = nanobind;

namespace videoengine::photometric {
const Loss<float>& float_loss_baseline();
const Loss<double>& double_loss_baseline();
const Loss<float>& float_loss_in_small_blocks();
const Loss<double>& double_loss_in_small_blocks();
#if defined(__x86_64__)
const Loss<float>& float_loss_v3();
const Loss<double>& double_loss_v3();
const Loss<float>& float_loss_v4();
const Loss<double>& double_loss_v4();
#endif

namespace {

using arrays::Array;
using arrays::numbers;
using arrays::Optional;
using arrays::refuse;
using Addresses = std::vector<std::uintptr_t>;

constexpr std::size_t kLargestSide = 16384;

template <class S>
const Loss<S>& loss(InstructionSet set);
template <>
const Loss<float>& loss<float>(InstructionSet set) { return loss_of_float(set); }
template <>
const Loss<double>& loss<double>(InstructionSet set) { return loss_of_double(set); }

InstructionSet set_of(const std::string& name) {
  if (name == "best") return InstructionSet::kBest;
  if (name == "baseline") return InstructionSet::kBaseline;
  if (name == "small blocks") return InstructionSet::kSmallBlocks;
  refuse("instruction_set is unknown", "'" + name + "'", "best, baseline, small blocks");
}

void check_size(std::size_t width, std::size_t height) {
  if (width < 1 || height < 1 || width > kLargestSide || height > kLargestSide) {
    refuse("the picture has the wrong size", std::to_string(width) + " x " + std::to_string(height),
           "1 to " + std::to_string(kLargestSide) + " pixels a side");
  }
}

// color, target, mask, depth, target depth.
template <class S>
Job<S> job_of(const std::vector<Optional>& in, std::size_t width, std::size_t height,
              const std::vector<double>& weights, bool pearson) {
  arrays::check_count(in.size(), 5, "pictures");
  arrays::check_count(weights.size(), 3, "weights");
  check_size(width, height);
  Job<S> job{};
  job.color = numbers<S>(in[0], {height, width, 3}, "color");
  job.target = numbers<S>(in[1], {height, width, 3}, "target");
  job.mask = numbers<std::uint8_t>(in[2], {height, width}, "mask");
  job.depth = numbers<S>(in[3], {height, width}, "depth");
  job.target_depth = numbers<S>(in[4], {height, width}, "target_depth");
  if (!job.color || !job.target || !job.depth != !job.target_depth) {
    refuse("a picture is missing", "none", "color and target, depth and target_depth");
  }
  job.width = static_cast<int>(width), job.height = static_cast<int>(height);
  for (int k = 0; k < 3; ++k) job.weights[k] = static_cast<S>(weights[k]);
  job.pearson = pearson;
  return job;
}

template <class S>
void forward(const std::vector<Optional>& in, std::size_t width, std::size_t height,
             const std::vector<double>& weights, bool pearson, const std::vector<Array>& out, InstructionSet set) {
  const Job<S> job = job_of<S>(in, width, height, weights, pearson);
  arrays::check_count(out.size(), 4, "results");
  const Found<S> found{numbers<S>(out[0], {1}, "total"), numbers<S>(out[1], {3}, "terms"),
                       numbers<S>(out[2], {kMaps, height, width}, "maps"),
                       numbers<double>(out[3], {kStates}, "state")};
  bool enough;
  {
    nb::gil_scoped_release release;
    enough = loss<S>(set).forward(job, found);
  }
  if (!enough) throw std::bad_alloc();
}

template <class S>
void backward(const std::vector<Optional>& in, std::size_t width, std::size_t height,
              const std::vector<double>& weights, bool pearson, const std::vector<Array>& kept,
              const std::vector<Optional>& out, InstructionSet set) {
  const Job<S> job = job_of<S>(in, width, height, weights, pearson);
  arrays::check_count(kept.size(), 3, "results of forward");
  arrays::check_count(out.size(), 2, "gradients");
  const Back<S> back{numbers<S>(kept[0], {1}, "total's gradient"),
                     numbers<S>(kept[1], {kMaps, height, width}, "maps"),
                     numbers<double>(kept[2], {kStates}, "state"),
                     numbers<S>(out[0], {height, width, 3}, "color's gradient"),
                     numbers<S>(out[1], {height, width}, "depth's gradient")};
  if (!back.to_color || (back.to_depth && !job.depth)) refuse("a gradient is missing", "none", "color's, depth's");
  bool enough;
  {
    nb::gil_scoped_release release;
    enough = loss<S>(set).backward(job, back);
  }
  if (!enough) throw std::bad_alloc();
}

bool is_double(const std::vector<Optional>& in) {
  if (in.empty() || !in[0]) refuse("color is missing", "none", "an array");
  if (in[0]->dtype() == nb::dtype<double>()) return true;
  if (in[0]->dtype() == nb::dtype<float>()) return false;
  refuse("color has the wrong dtype", std::to_string(in[0]->dtype().bits) + " bits", "float32, float64");
}

void any_forward(const std::vector<Optional>& in, std::size_t width, std::size_t height,
                 const std::vector<double>& weights, bool pearson, const std::vector<Array>& out,
                 const std::string& instruction_set) {
  const InstructionSet set = set_of(instruction_set);
  if (is_double(in)) return forward<double>(in, width, height, weights, pearson, out, set);
  forward<float>(in, width, height, weights, pearson, out, set);
}

void any_backward(const std::vector<Optional>& in, std::size_t width, std::size_t height,
                  const std::vector<double>& weights, bool pearson, const std::vector<Array>& kept,
                  const std::vector<Optional>& out, const std::string& instruction_set) {
  const InstructionSet set = set_of(instruction_set);
  if (is_double(in)) return backward<double>(in, width, height, weights, pearson, kept, out, set);
  backward<float>(in, width, height, weights, pearson, kept, out, set);
}

#ifdef VIDEOENGINE_WITH_CUDA
template <class T>
T* at(std::uintptr_t address) { return reinterpret_cast<T*>(address); }

template <class S>
Job<S> device_job(const Addresses& in, std::size_t width, std::size_t height, const std::vector<double>& weights,
                  bool pearson) {
  arrays::check_count(in.size(), 5, "pictures");
  arrays::check_count(weights.size(), 3, "weights");
  check_size(width, height);
  Job<S> job{at<S>(in[0]), at<S>(in[1]), at<std::uint8_t>(in[2]), at<S>(in[3]), at<S>(in[4]),
             static_cast<int>(width), static_cast<int>(height), {}, pearson};
  for (int k = 0; k < 3; ++k) job.weights[k] = static_cast<S>(weights[k]);
  return job;
}

void queued(const char* failure) {
  if (failure) throw std::runtime_error(std::string("the photometric loss on CUDA: ") + failure);
}

template <class S>
void device_forward(const Addresses& in, std::size_t width, std::size_t height, const std::vector<double>& weights,
                    bool pearson, const Addresses& out, void* stream) {
  arrays::check_count(out.size(), 5, "results");
  const Found<S> found{at<S>(out[0]), at<S>(out[1]), at<S>(out[2]), at<double>(out[3])};
  queued(forward_cuda(device_job<S>(in, width, height, weights, pearson), found, at<double>(out[4]), stream));
}

template <class S>
void device_backward(const Addresses& in, std::size_t width, std::size_t height, const std::vector<double>& weights,
                     bool pearson, const Addresses& out, void* stream) {
  arrays::check_count(out.size(), 5, "results");
  const Back<S> back{at<S>(out[0]), at<S>(out[1]), at<double>(out[2]), at<S>(out[3]), at<S>(out[4])};
  queued(backward_cuda(device_job<S>(in, width, height, weights, pearson), back, stream));
}

void on_device(bool forward, bool wide, const Addresses& in, std::size_t width, std::size_t height,
               const std::vector<double>& weights, bool pearson, const Addresses& out, std::uintptr_t stream) {
  void* queue = reinterpret_cast<void*>(stream);
  if (forward && wide) return device_forward<double>(in, width, height, weights, pearson, out, queue);
  if (forward) return device_forward<float>(in, width, height, weights, pearson, out, queue);
  if (wide) return device_backward<double>(in, width, height, weights, pearson, out, queue);
  device_backward<float>(in, width, height, weights, pearson, out, queue);
}
#endif

}  // namespace

const Loss<float>& loss_of_float(InstructionSet set) {
  if (set == InstructionSet::kSmallBlocks) return float_loss_in_small_blocks();
#if defined(__x86_64__)
  static const Level level = best_level();
  if (set == InstructionSet::kBest && level == Level::kV4) return float_loss_v4();
  if (set == InstructionSet::kBest && level == Level::kV3) return float_loss_v3();
#endif
  return float_loss_baseline();
}

const Loss<double>& loss_of_double(InstructionSet set) {
  if (set == InstructionSet::kSmallBlocks) return double_loss_in_small_blocks();
#if defined(__x86_64__)
  static const Level level = best_level();
  if (set == InstructionSet::kBest && level == Level::kV4) return double_loss_v4();
  if (set == InstructionSet::kBest && level == Level::kV3) return double_loss_v3();
#endif
  return double_loss_baseline();
}

}  // namespace videoengine::photometric

void bind_photometric_loss(nb::module_& module) {
  namespace photometric = videoengine::photometric;
  module.attr("PHOTOMETRIC_MAPS") = static_cast<int>(photometric::kMaps);
  module.attr("PHOTOMETRIC_STATES") = static_cast<int>(photometric::kStates);
  module.def("photometric_forward", &photometric::any_forward, nb::arg("pictures"), nb::arg("width"),
             nb::arg("height"), nb::arg("weights"), nb::arg("pearson"), nb::arg("out"),
             nb::arg("instruction_set") = "best", "Fill total, terms, maps and state.");
  module.def("photometric_backward", &photometric::any_backward, nb::arg("pictures"), nb::arg("width"),
             nb::arg("height"), nb::arg("weights"), nb::arg("pearson"), nb::arg("kept"), nb::arg("out"),
             nb::arg("instruction_set") = "best", "Fill the gradients of color and depth.");
#ifdef VIDEOENGINE_WITH_CUDA
  module.def("photometric_cuda_scratch", &photometric::scratch_of_cuda, nb::arg("width"), nb::arg("height"),
             "Return how many doubles photometric_cuda needs forward.");
  module.def("photometric_cuda", &photometric::on_device, nb::arg("forward"), nb::arg("wide"), nb::arg("pictures"),
             nb::arg("width"), nb::arg("height"), nb::arg("weights"), nb::arg("pearson"), nb::arg("out"),
             nb::arg("stream"), "Queue the loss, or its way back, on a stream; addresses are the caller's.");
#endif
}
