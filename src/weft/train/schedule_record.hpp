#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "weft/optim/optimizer_config.hpp"

namespace weft::train {

/// Whose learning rate and weight decay schedules a resumed run follows.
enum class ScheduleSource {
  agreed,      ///< the flags' and the checkpoint's, which must be the same
  flags,       ///< --override-opt_param-scheduler
  checkpoint,  ///< --use-checkpoint-opt_param-scheduler
};

/// What a checkpoint says about the schedules, under Megatron's names (reference/megatron.md 9.1).
nlohmann::ordered_json to_json(const optim::ScheduleConfig& schedule);

/// The schedules of a run that the flags describe by `wanted`, when its checkpoint says `saved`
/// (reference/megatron.md 9.3, 9). `lines` gets one line for each value that differs. Throws
/// Error{checkpoint} when they have to agree and do not, or when `saved` is damaged.
optim::ScheduleConfig resumed_schedule(const optim::ScheduleConfig& wanted,
                                       const nlohmann::ordered_json& saved, ScheduleSource source,
                                       std::vector<std::string>& lines);

}  // namespace weft::train
