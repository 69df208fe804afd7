#include <dnnl.h>
#include <fmt/format.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <string>

#include "apps/weft/commands.hpp"
#include "weft/device/cuda_backend.hpp"
#include "weft/device/instruction_set.hpp"

namespace weft::app {

namespace {

std::string pcre2_text(uint32_t what) {
  std::array<char, 64> text{};
  return pcre2_config(what, text.data()) < 0 ? "unknown" : text.data();
}

/// What the CUDA backend is made of and whether a GPU can be used.
std::string cuda_text() {
  const CudaOpening opening = open_cuda_backend(cuda_backend_path());
  if (opening.backend == nullptr) return opening.problem;
  const CudaFacts facts = opening.backend->facts();
  const std::string problem = why_unusable(facts, 0, 0);
  return fmt::format(
      "{}; {}", versions_text(facts),
      problem.empty() ? std::string(facts.gpus[0].name.data()) : "no usable GPU: " + problem);
}

}  // namespace

std::string version_text() {
  const dnnl_version_t* dnnl = dnnl_version();
  std::string text = fmt::format("weft {}\n", WEFT_VERSION);
  text += fmt::format("git: {}\n", WEFT_GIT_HASH);
  text += fmt::format("compiler: g++ {}\n", __VERSION__);
  text +=
      fmt::format("backends: CPU with oneDNN {}.{}.{}\n", dnnl->major, dnnl->minor, dnnl->patch);
  text += fmt::format("CUDA: {}\n", cuda_text());
  text += fmt::format("instruction set: {} (kernels for {} and {})\n", name(best_instruction_set()),
                      name(InstructionSet::v3), name(InstructionSet::v4));
  text += fmt::format("Unicode: {} (PCRE2 {})", pcre2_text(PCRE2_CONFIG_UNICODE_VERSION),
                      pcre2_text(PCRE2_CONFIG_VERSION));
  return text;
}

}  // namespace weft::app
