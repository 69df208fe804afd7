#include "weft/train/schedule_record.hpp"

#include <fmt/format.h>

#include <array>

#include "weft/base/error.hpp"
#include "weft/train/option_value.hpp"

namespace weft::train {

namespace {

using nlohmann::ordered_json;
using optim::ScheduleConfig;

/// A value that Megatron compares: its key, its name in messages and its place.
struct Number {
  const char* key;
  const char* name;
  double ScheduleConfig::*place;
};
struct Style {
  const char* key;
  const char* name;
  std::string ScheduleConfig::*place;
};

constexpr std::array<Number, 7> kNumbers = {{
    {"max_lr", "learning rate", &ScheduleConfig::lr},
    {"min_lr", "minimum learning rate", &ScheduleConfig::min_lr},
    {"lr_warmup_steps", "warmup iterations", &ScheduleConfig::lr_warmup_samples},
    {"lr_decay_steps", "total number of iterations", &ScheduleConfig::lr_decay_samples},
    {"start_wd", "start weight decay", &ScheduleConfig::start_weight_decay},
    {"end_wd", "end weight decay", &ScheduleConfig::end_weight_decay},
    {"wd_incr_steps", "total number of weight decay iterations",
     &ScheduleConfig::weight_decay_incr_samples},
}};
/// As Number, for a value that most runs lack; a checkpoint of such a run has no key for it.
struct MaybeNumber {
  const char* key;
  const char* name;
  std::optional<double> ScheduleConfig::*place;
};
constexpr std::array<MaybeNumber, 2> kMaybeNumbers = {{
    {"decoupled_max_lr", "decoupled learning rate", &ScheduleConfig::decoupled_lr},
    {"decoupled_min_lr", "decoupled minimum learning rate", &ScheduleConfig::decoupled_min_lr},
}};
constexpr std::array<Style, 2> kStyles = {{
    {"lr_decay_style", "learning rate decay style", &ScheduleConfig::lr_decay_style},
    {"wd_incr_style", "weight decay incr style", &ScheduleConfig::weight_decay_incr_style},
}};

std::string printed(double value) { return print_python(value); }
std::string printed(const std::string& value) { return value; }
std::string printed(const std::optional<double>& value) {
  return value ? print_python(*value) : "None";
}

template <typename Value>
Value saved_value(const ordered_json& saved, const char* key) {
  const auto found = saved.find(key);
  constexpr bool is_number = std::is_same_v<Value, double>;
  check(found != saved.end() && (is_number ? found->is_number() : found->is_string()),
        ErrorKind::checkpoint, "the checkpoint has no {} as \"schedule.{}\"",
        is_number ? "number" : "text", key);
  return found->template get<Value>();
}

/// Settles one value: `wanted` becomes what the run uses.
template <typename Value>
void settle(Value& wanted, const Value& saved, const char* name, ScheduleSource source,
            std::vector<std::string>& lines) {
  if (wanted == saved) return;
  switch (source) {
    case ScheduleSource::flags:
      lines.push_back(fmt::format(" > overriding {} value to {}", name, printed(wanted)));
      return;
    case ScheduleSource::checkpoint:
      lines.push_back(fmt::format(" > using checkpoint value {} for {}", printed(saved), name));
      wanted = saved;
      return;
    case ScheduleSource::agreed:
      break;
  }
  fail_with_hint(ErrorKind::checkpoint,
                 "--override-opt_param-scheduler to follow the flags, or "
                 "--use-checkpoint-opt_param-scheduler to follow the checkpoint",
                 "class input value {} and checkpointvalue {} for {} do not match", printed(wanted),
                 printed(saved), name);
}

}  // namespace

ordered_json to_json(const ScheduleConfig& schedule) {
  ordered_json json = ordered_json::object();
  for (const Number& number : kNumbers) json[number.key] = schedule.*number.place;
  for (const MaybeNumber& number : kMaybeNumbers) {
    if (schedule.*number.place) json[number.key] = *(schedule.*number.place);
  }
  for (const Style& style : kStyles) json[style.key] = schedule.*style.place;
  return json;
}

ScheduleConfig resumed_schedule(const ScheduleConfig& wanted, const ordered_json& saved,
                                ScheduleSource source, std::vector<std::string>& lines) {
  ScheduleConfig schedule = wanted;
  if (saved.empty()) return schedule;  // a checkpoint of before schedules were saved
  for (const Number& number : kNumbers) {
    settle(schedule.*number.place, saved_value<double>(saved, number.key), number.name, source,
           lines);
  }
  for (const MaybeNumber& number : kMaybeNumbers) {
    std::optional<double> value;
    if (saved.contains(number.key)) value = saved_value<double>(saved, number.key);
    settle(schedule.*number.place, value, number.name, source, lines);
  }
  for (const Style& style : kStyles) {
    settle(schedule.*style.place, saved_value<std::string>(saved, style.key), style.name, source,
           lines);
  }
  return schedule;
}

}  // namespace weft::train
