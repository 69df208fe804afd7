#include "weft/train/option_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/train/option_table.hpp"

namespace weft::train {

namespace {

std::string trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

class FileReader {
 public:
  FileReader(std::string path, OptionValues& values, std::vector<OptionProblem>& problems)
      : path_(std::move(path)), values_(values), problems_(problems) {}

  void read_json(const std::string& text) {
    const nlohmann::json::parser_callback_t report_duplicates =
        [this](int depth, nlohmann::json::parse_event_t event, nlohmann::json& key) {
          if (depth == 1 && event == nlohmann::json::parse_event_t::key)
            note_name(key.get<std::string>());
          return true;
        };
    const nlohmann::json document = nlohmann::json::parse(text, report_duplicates, false);
    if (!document.is_object()) {
      problems_.push_back({fmt::format("the config file {} cannot be read (got malformed JSON, "
                                       "expected one object of option names)",
                                       path_),
                           "--config"});
      return;
    }
    for (const auto& [key, value] : document.items()) set_json(key, value);
  }

  void read_lines(const std::string& text) {
    std::istringstream in(text);
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      line = trim(line);
      if (line.empty() || line[0] == '#' || line[0] == ';' || line[0] == '[') continue;
      const size_t equals = line.find('=');
      if (equals == std::string::npos) {
        problems_.push_back({fmt::format("line {} of the config file {} is malformed (got {}, "
                                         "expected name = value)",
                                         number, path_, line),
                             "--config"});
        continue;
      }
      const std::string key = trim(line.substr(0, equals));
      note_name(key);
      set(key, [&](const OptionSpec& spec, std::optional<OptionProblem>& problem) {
        return parse_setting(spec, trim(line.substr(equals + 1)), problem);
      });
    }
  }

 private:
  void note_name(const std::string& key) {
    if (seen_.insert(key).second) return;
    problems_.push_back(
        {fmt::format("the config file {} names an option twice (got {})", path_, key), "--config"});
  }

  void set_json(const std::string& key, const nlohmann::json& value) {
    set(key, [&](const OptionSpec& spec, std::optional<OptionProblem>& problem) {
      if (!value.is_array()) {
        return parse_setting(spec, value.is_string() ? value.get<std::string>() : value.dump(),
                             problem);
      }
      std::vector<std::string> words;
      for (const nlohmann::json& item : value) {
        words.push_back(item.is_string() ? item.get<std::string>() : item.dump());
      }
      if (spec.kind == OptionKind::integer_list || spec.kind == OptionKind::text_list) {
        return parse_words(spec, words, problem);
      }
      return parse_setting(spec, value.dump(), problem);
    });
  }

  template <typename Parse>
  void set(std::string key, Parse parse) {
    const std::string written = key;
    std::replace(key.begin(), key.end(), '-', '_');
    const OptionSpec* spec = find_option(key);
    if (spec == nullptr || spec->flags.empty() || spec->name == "config") {
      const std::string nearest = nearest_name(key);
      problems_.push_back({fmt::format("the config file {} has an unknown name (got {}, expected "
                                       "an option's name)",
                                       path_, written),
                           nearest.empty() ? "weft config show" : nearest});
      return;
    }
    std::optional<OptionProblem> problem;
    OptionValue value = parse(*spec, problem);
    if (problem) {
      problem->message += fmt::format(" in the config file {}", path_);
      problems_.push_back(std::move(*problem));
    } else {
      values_.set(spec->name, std::move(value), ValueSource::config_file);
    }
  }

  std::string path_;
  OptionValues& values_;
  std::vector<OptionProblem>& problems_;
  std::set<std::string> seen_;
};

}  // namespace

void apply_config_file(const std::filesystem::path& path, OptionValues& values,
                       std::vector<OptionProblem>& problems) {
  std::string text;
  try {
    text = read_text_file(path, ErrorKind::usage);
  } catch (const Error& error) {
    problems.push_back({error.what(), "--config"});
    return;
  }
  FileReader reader(path.string(), values, problems);
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{')
    reader.read_json(text);
  else
    reader.read_lines(text);
}

}  // namespace weft::train
