// Checks of the arrays that Python hands to an operation: dtype, shape, packed memory.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace videoengine::arrays {

namespace nb = nanobind;

using Array = nb::ndarray<nb::device::cpu>;
using Optional = std::optional<Array>;

[[noreturn]] inline void refuse(const std::string& what, const std::string& got, const std::string& allowed) {
  throw nb::value_error((what + "; got " + got + "; allowed: " + allowed + ".").c_str());
}

inline std::string shape_of(const Array& array) {
  std::string text = "(";
  for (std::size_t i = 0; i < array.ndim(); ++i) text += (i ? ", " : "") + std::to_string(array.shape(i));
  return text + ")";
}

// The numbers of an array of this shape, packed.
template <class T>
T* numbers(const Array& array, const std::vector<std::size_t>& shape, const char* name) {
  const std::string wanted_bits = std::to_string(8 * sizeof(T)) + " bits";
  if (array.dtype() != nb::dtype<T>()) {
    refuse(std::string(name) + " has the wrong dtype", std::to_string(array.dtype().bits) + " bits", wanted_bits);
  }
  std::string wanted = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) wanted += (i ? ", " : "") + std::to_string(shape[i]);
  bool fits = array.ndim() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = array.shape(i) == shape[i];
  if (!fits) refuse(std::string(name) + " has the wrong shape", shape_of(array), wanted + ")");
  std::int64_t stride = 1;
  for (std::size_t i = array.size() ? shape.size() : 0; i-- > 0;) {
    if (array.shape(i) > 1 && array.stride(i) != stride) {
      refuse(std::string(name) + " is not packed", "strides", "a C-contiguous array");
    }
    stride *= static_cast<std::int64_t>(array.shape(i));
  }
  return static_cast<T*>(array.data());
}

template <class T>
T* numbers(const Optional& array, const std::vector<std::size_t>& shape, const char* name) {
  return array ? numbers<T>(*array, shape, name) : nullptr;
}

inline void check_count(std::size_t count, std::size_t wanted, const char* name) {
  if (count != wanted) refuse(std::string(name) + " are incomplete", std::to_string(count), std::to_string(wanted));
}

}  // namespace videoengine::arrays
