#include "weft/device/device_choice.hpp"

#include <charconv>
#include <string>

#include "weft/base/error.hpp"

namespace weft {

namespace {

std::optional<int> parse_index(std::string_view digits) {
  int index = 0;
  const char* const end = digits.data() + digits.size();
  const auto [rest, error] = std::from_chars(digits.data(), end, index);
  if (digits.empty() || error != std::errc() || rest != end || index < 0) return std::nullopt;
  return index;
}

}  // namespace

std::optional<Device> parse_device(std::string_view text) {
  if (text == "cpu") return Device{};
  constexpr std::string_view kCuda = "cuda";
  if (!text.starts_with(kCuda)) return std::nullopt;
  text.remove_prefix(kCuda.size());
  if (text.empty()) return Device{DeviceType::cuda, 0};
  if (text.front() != ':') return std::nullopt;
  const std::optional<int> index = parse_index(text.substr(1));
  if (!index) return std::nullopt;
  return Device{DeviceType::cuda, *index};
}

ComputeDevice choose_device(std::string_view text, const std::filesystem::path& backend) {
  const bool automatic = text == "auto";
  const std::optional<Device> device = automatic ? Device{DeviceType::cuda, 0} : parse_device(text);
  if (!device) {
    fail_with_hint(ErrorKind::usage, "--device auto",
                   "the device is not known (got {}, expected auto, cpu, cuda or cuda:N)", text);
  }
  if (device->type == DeviceType::cpu) return {};
  const CudaOpening opening = open_cuda_backend(backend);
  const CudaFacts facts = opening.backend == nullptr ? CudaFacts{} : opening.backend->facts();
  const std::string problem =
      opening.backend == nullptr ? opening.problem : why_unusable(facts, device->index, 0);
  if (problem.empty()) {
    return {*opening.backend, device->index, facts.gpus[static_cast<size_t>(device->index)]};
  }
  if (automatic) return {};
  fail_with_hint(ErrorKind::device, "--device cpu", "no usable GPU: {}", problem);
}

}  // namespace weft
