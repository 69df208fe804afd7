#include "apps/weft/option_sources.hpp"

#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace weft::app {

train::OptionSources option_sources(std::vector<std::string> words) {
  train::OptionSources sources{std::move(words), {}};
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    if (!text.starts_with("WEFT_") && text.substr(0, equals) != "SLURM_JOB_ID") continue;
    sources.environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return sources;
}

bool asks_for_help(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return word == "--help" || word == "-h"; });
}

}  // namespace weft::app
