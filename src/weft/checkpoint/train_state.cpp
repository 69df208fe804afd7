#include "weft/checkpoint/train_state.hpp"

#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"

namespace weft::checkpoint {
namespace fs = std::filesystem;

namespace {

using nlohmann::ordered_json;

constexpr const char* kTracker = "latest_checkpointed_iteration.txt";
constexpr const char* kStateFile = "state.json";
constexpr int64_t kFormatVersion = 1;

template <typename Integer>
Integer integer_at(const ordered_json& object, const char* key, const fs::path& path) {
  const auto found = object.find(key);
  const bool is_count = found != object.end() && found->is_number_unsigned();
  check(is_count && std::in_range<Integer>(found->template get<uint64_t>()), ErrorKind::checkpoint,
        "{} has {} as \"{}\"; expected a whole number", path.string(),
        found == object.end() ? "nothing" : found->dump(), key);
  return found->template get<Integer>();
}

/// Checkpoints of before there was a loss scale have none: theirs was 1.
optim::LossScalerState read_scaler(const ordered_json& object, const fs::path& path) {
  optim::LossScalerState scaler;
  const auto found = object.find("loss_scaler");
  if (found == object.end()) return scaler;
  const auto number = [&](const char* key) -> const ordered_json& {
    check(found->is_object() && found->contains(key) && found->at(key).is_number(),
          ErrorKind::checkpoint, "{} has no number as \"loss_scaler.{}\"", path.string(), key);
    return found->at(key);
  };
  scaler.scale = number("scale").get<double>();
  scaler.growth_tracker = number("growth_tracker").get<int64_t>();
  scaler.hysteresis_tracker = number("hysteresis_tracker").get<int64_t>();
  return scaler;
}

TrainState read_state(const fs::path& path) {
  const std::string text = read_text_file(path, ErrorKind::checkpoint);
  const ordered_json object = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  check(object.is_object(), ErrorKind::checkpoint, "{} is not a JSON object", path.string());
  const auto version = integer_at<int64_t>(object, "format_version", path);
  check(version == kFormatVersion, ErrorKind::checkpoint,
        "{} has format_version {}; this program reads {}", path.string(), version, kFormatVersion);
  TrainState state;
  state.iteration = integer_at<int64_t>(object, "iteration", path);
  state.consumed_train_samples = integer_at<int64_t>(object, "consumed_train_samples", path);
  // Checkpoints of before samples could be passed over do not count them.
  if (object.contains("skipped_train_samples")) {
    state.skipped_train_samples = integer_at<int64_t>(object, "skipped_train_samples", path);
  }
  state.consumed_valid_samples = integer_at<int64_t>(object, "consumed_valid_samples", path);
  state.schedule_samples = integer_at<int64_t>(object, "schedule_samples", path);
  state.optimizer_steps = integer_at<int64_t>(object, "optimizer_steps", path);
  state.loss_scaler = read_scaler(object, path);
  state.seed = integer_at<uint64_t>(object, "seed", path);
  // Checkpoints of before they were counted have none.
  if (const auto found = object.find("num_floating_point_operations_so_far");
      found != object.end()) {
    check(found->is_number() && found->get<double>() >= 0.0, ErrorKind::checkpoint,
          "{} has {} as \"{}\"; expected a number of at least 0", path.string(), found->dump(),
          found.key());
    state.floating_point_operations = found->get<double>();
  }
  if (object.contains("schedule")) state.schedule = object.at("schedule");
  check(state.schedule.is_object(), ErrorKind::checkpoint, "{} has no object as \"schedule\"",
        path.string());
  check(object.contains("model"), ErrorKind::checkpoint, "{} has no \"model\"", path.string());
  state.model = object.at("model");
  return state;
}

}  // namespace

fs::path iteration_directory(const fs::path& root, int64_t iteration) {
  return root / fmt::format("iter_{:07d}", iteration);
}

std::optional<int64_t> latest_iteration(const fs::path& root) {
  const fs::path path = root / kTracker;
  std::error_code error_code;
  const bool exists = fs::exists(path, error_code);
  // A run must not start anew because its checkpoint is there but out of reach.
  check(!error_code, ErrorKind::checkpoint, "cannot look for {} ({})", path.string(),
        error_code.message());
  if (!exists) return std::nullopt;
  const std::string text = read_text_file(path, ErrorKind::checkpoint);
  std::string_view digits = text;
  while (!digits.empty() && (digits.back() == '\n' || digits.back() == ' ')) {
    digits.remove_suffix(1);
  }
  int64_t iteration = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), iteration);
  check(error == std::errc() && end == digits.data() + digits.size() && iteration >= 0,
        ErrorKind::checkpoint, "{} holds \"{}\"; expected the number of an iteration",
        path.string(), digits.substr(0, 40));
  return iteration;
}

void write_latest_iteration(const fs::path& root, int64_t iteration) {
  AtomicFile file(root / kTracker, ErrorKind::checkpoint);
  file.write(std::to_string(iteration));
  file.commit();
}

void write_state(const fs::path& directory, const TrainState& state) {
  const ordered_json object = {
      {"format_version", kFormatVersion},
      {"iteration", state.iteration},
      {"consumed_train_samples", state.consumed_train_samples},
      {"skipped_train_samples", state.skipped_train_samples},
      {"consumed_valid_samples", state.consumed_valid_samples},
      {"schedule_samples", state.schedule_samples},
      {"optimizer_steps", state.optimizer_steps},
      {"loss_scaler",
       {{"scale", state.loss_scaler.scale},
        {"growth_tracker", state.loss_scaler.growth_tracker},
        {"hysteresis_tracker", state.loss_scaler.hysteresis_tracker}}},
      {"seed", state.seed},
      {"num_floating_point_operations_so_far", state.floating_point_operations},
      {"schedule", state.schedule},
      {"model", state.model}};
  AtomicFile file(directory / kStateFile, ErrorKind::checkpoint);
  file.write(object.dump(2) + "\n");
  file.commit();
}

std::optional<TrainState> load_state(const fs::path& root, std::optional<int64_t> wanted) {
  std::optional<int64_t> iteration = latest_iteration(root);
  if (!iteration) return std::nullopt;
  if (wanted) iteration = wanted;
  const fs::path path = iteration_directory(root, *iteration) / kStateFile;
  std::error_code unreachable;
  if (wanted && !fs::exists(path.parent_path(), unreachable)) {
    fail_with_hint(ErrorKind::checkpoint, "--ckpt-step of an iteration that was saved",
                   "{} is not there (got --ckpt-step {}, the latest is {})",
                   path.parent_path().string(), *wanted, *latest_iteration(root));
  }
  TrainState state = read_state(path);
  check(state.iteration == *iteration, ErrorKind::checkpoint,
        "{} is of iteration {}; expected {}, as {} says", path.string(), state.iteration,
        *iteration, wanted ? "its directory" : kTracker);
  return state;
}

}  // namespace weft::checkpoint
