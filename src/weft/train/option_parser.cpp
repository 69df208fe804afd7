#include "weft/train/option_parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "weft/train/model_presets.hpp"
#include "weft/train/option_file.hpp"
#include "weft/train/option_table.hpp"

// The words are read here by argparse's rules, which the table describes, and not by CLI11: its
// options take a following flag as their value, split "[a,b]" and stop at the first problem.

namespace weft::train {

namespace {

constexpr std::string_view kPrefix = "WEFT_";

struct FlagUse {
  const OptionSpec* spec = nullptr;
  std::vector<std::string> words;
};

bool looks_like_flag(const std::string& word) {
  if (word.size() < 2 || word.front() != '-') return false;
  return !parse_real(word);  // -1 is a value
}

bool takes_more(const OptionSpec& spec, size_t num_words) {
  switch (spec.kind) {
    case OptionKind::set_true:
    case OptionKind::set_false:
      return false;
    case OptionKind::integer_list:
    case OptionKind::text_list:
      return true;
    default:
      return num_words == 0;
  }
}

OptionProblem unknown_flag(const std::string& flag) {
  const std::string nearest = nearest_flag(flag);
  return {fmt::format("unknown option (got {}, expected a flag of weft pretrain --help)", flag),
          nearest.empty() ? "weft pretrain --help" : nearest};
}

std::vector<FlagUse> split_flags(const std::vector<std::string>& arguments,
                                 std::vector<OptionProblem>& problems) {
  std::vector<FlagUse> uses;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (!looks_like_flag(word)) {
      problems.push_back({fmt::format("unexpected word (got {}, expected a flag)", word), ""});
      continue;
    }
    const size_t equals = word.find('=');
    const OptionSpec* spec = find_flag(std::string_view(word).substr(0, equals));
    FlagUse use{spec, {}};
    if (equals != std::string::npos) use.words.push_back(word.substr(equals + 1));
    while (
        i + 1 < arguments.size() && !looks_like_flag(arguments[i + 1]) &&
        (spec == nullptr || (equals == std::string::npos && takes_more(*spec, use.words.size())))) {
      use.words.push_back(arguments[++i]);
    }
    if (spec == nullptr)
      problems.push_back(unknown_flag(word.substr(0, equals)));
    else
      uses.push_back(std::move(use));
  }
  return uses;
}

void apply(ParsedOptions& parsed, const OptionSpec& spec, OptionValue value,
           std::optional<OptionProblem>& problem, ValueSource source) {
  if (problem)
    parsed.problems.push_back(std::move(*problem));
  else
    parsed.values.set(spec.name, std::move(value), source);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

void apply_environment(ParsedOptions& parsed, const std::map<std::string, std::string>& variables) {
  for (const auto& [variable, text] : variables) {
    if (!variable.starts_with(kPrefix)) continue;
    const std::string option = lower(std::string_view(variable).substr(kPrefix.size()));
    const OptionSpec* spec = find_option(option);
    if (spec == nullptr || spec->flags.empty()) {
      // Other programs may use the prefix; only a likely slip is worth a line.
      if (const std::string meant = nearly_name(option); !meant.empty()) {
        parsed.warnings.push_back(fmt::format(
            "the environment variable {} names no option; the nearest is {}", variable, meant));
      }
      continue;
    }
    std::optional<OptionProblem> problem;
    OptionValue value = parse_setting(*spec, text, problem);
    if (problem) problem->message += fmt::format(" in the environment variable {}", variable);
    apply(parsed, *spec, std::move(value), problem, ValueSource::environment);
  }
}

std::string config_path(const std::vector<FlagUse>& uses,
                        const std::map<std::string, std::string>& environment) {
  for (auto use = uses.rbegin(); use != uses.rend(); ++use) {
    if (use->spec->name == "config" && !use->words.empty()) return use->words.front();
  }
  const auto found = environment.find("WEFT_CONFIG");
  return found == environment.end() ? std::string() : found->second;
}

}  // namespace

ParsedOptions parse_options(const OptionSources& sources) {
  ParsedOptions parsed;
  const std::vector<FlagUse> uses = split_flags(sources.arguments, parsed.problems);
  if (const std::string path = config_path(uses, sources.environment); !path.empty()) {
    apply_config_file(path, parsed.values, parsed.problems);
  }
  apply_environment(parsed, sources.environment);
  for (const FlagUse& use : uses) {
    std::optional<OptionProblem> problem;
    OptionValue value = parse_words(*use.spec, use.words, problem);
    apply(parsed, *use.spec, std::move(value), problem, ValueSource::flag);
  }
  apply_preset(parsed.values);
  return parsed;
}

}  // namespace weft::train
