#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/weft/commands.hpp"
#include "apps/weft/option_sources.hpp"
#include "apps/weft/time_flags.hpp"
#include "weft/base/error.hpp"
#include "weft/comm/world.hpp"
#include "weft/device/process_memory.hpp"
#include "weft/kernels/context.hpp"
#include "weft/schedule/cost_model.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/make_train_config.hpp"
#include "weft/train/run_plan.hpp"

namespace weft::app {

namespace {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

constexpr const char* kHelp =
    "Usage: weft plan [FLAGS of weft pretrain] [--costs F,B,W] [--schedule NAME|all] [--json]\n"
    "\n"
    "Says what that training command would do, without doing it: what every rank holds, and how "
    "every\n"
    "schedule would run the step in the reference model of weft simulate.\n"
    "\n"
    "  --costs F,B,W    times of forward, input gradient and weight gradient of a virtual chunk;\n"
    "                   else they follow from the stages' operations, the head's included\n"
    "  --schedule NAME  only this one of the schedules [all]\n"
    "\n"
    "Example:\n  weft plan --model gpt2-350m --pipeline-model-parallel-size 4 --micro-batch-size 1 "
    "\\\n      --global-batch-size 16 --seq-length 1024 --lr 1e-4 --train-iters 1 --mock-data \\\n"
    "      --tokenizer-type NullTokenizer --vocab-size 50256";

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 0x1p20; }

/// The word after `flag`, both taken out of the words.
std::optional<std::string> take(Words& words, const std::string& flag) {
  const auto found = std::ranges::find(words, flag);
  if (found == words.end()) return std::nullopt;
  if (found + 1 == words.end()) {
    fail_with_hint(ErrorKind::usage, flag + " VALUE", "{} has no value (got nothing)", flag);
  }
  const std::string value = *(found + 1);
  words.erase(found, found + 2);
  return value;
}

std::optional<train::ChunkCosts> costs_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  schedule::CostModel model;
  set_costs(*text, model);
  return train::ChunkCosts{model.forward, model.backward_input, model.backward_weight};
}

/// "0-3, 8-11"
std::string layers_of(const train::PlannedRank& rank) {
  std::string text;
  for (const parallel::StageLayers& part : rank.parts) {
    if (part.num_layers == 0) continue;
    text +=
        fmt::format("{}{}-{}", text.empty() ? "" : ", ", part.first_layer, part.end_layer() - 1);
  }
  return text.empty() ? "none" : text;
}

void keep_schedule(const std::string& name, train::RunPlan& plan) {
  if (name == "all") return;
  std::erase_if(plan.schedules,
                [&](const train::PlannedSchedule& one) { return one.name != name; });
  if (!plan.schedules.empty()) return;
  fail_with_hint(ErrorKind::usage, "--schedule all",
                 "no schedule of the plan has this name (got {})", name);
}

void print_text(const train::RunPlan& plan, Logger& logger) {
  logger.result(
      "rank  pp  dp  layers           parameters  weights MB  optimizer MB  "
      "activations MB  buffers MB  total MB");
  for (const train::PlannedRank& rank : plan.ranks) {
    logger.result(
        fmt::format("{:>4} {:>3} {:>3}  {:<15} {:>11} {:>11.1f} {:>13.1f} {:>15.1f} "
                    "{:>11.1f} {:>9.1f}",
                    rank.rank, rank.pp, rank.dp, layers_of(rank), rank.parameters,
                    megabytes(rank.memory.parameter_bytes), megabytes(rank.memory.optimizer_bytes),
                    megabytes(rank.memory.activation_bytes), megabytes(rank.memory.buffer_bytes),
                    megabytes(rank.memory.total())));
  }
  logger.result("");
  logger.result("schedule            makespan  bubble  largest rank MB  fits");
  for (const train::PlannedSchedule& one : plan.schedules) {
    if (!one.problem.empty()) {
      logger.result(fmt::format("{:<18}         -  {}", one.name, one.problem));
      continue;
    }
    logger.result(fmt::format("{:<18} {:>9.2f} {:>5.1f} % {:>16.1f}  {}{}", one.name, one.makespan,
                              1e2 * one.bubble, megabytes(one.peak_bytes), one.fits ? "yes" : "no",
                              one.name == plan.chosen ? "  <- the run's" : ""));
  }
}

Json to_json(const train::RunPlan& plan) {
  Json object;
  for (const train::PlannedRank& rank : plan.ranks) {
    Json layers = Json::array();
    for (const parallel::StageLayers& part : rank.parts) {
      for (int64_t layer = part.first_layer; layer < part.end_layer(); ++layer) {
        layers.push_back(layer);
      }
    }
    object["ranks"].push_back({{"rank", rank.rank},
                               {"tp", 0},
                               {"pp", rank.pp},
                               {"dp", rank.dp},
                               {"layers", std::move(layers)},
                               {"parameters", rank.parameters},
                               {"weight_bytes", rank.memory.parameter_bytes},
                               {"gradient_bytes", rank.memory.gradient_bytes},
                               {"optimizer_bytes", rank.memory.optimizer_bytes},
                               {"activation_bytes", rank.memory.activation_bytes},
                               {"buffer_bytes", rank.memory.buffer_bytes},
                               {"total_bytes", rank.memory.total()}});
  }
  for (const train::PlannedSchedule& one : plan.schedules) {
    Json entry = {{"name", one.name}};
    if (one.problem.empty()) {
      entry.update({{"makespan", one.makespan}, {"bubble", one.bubble}});
      entry.update({{"peak_bytes", one.peak_bytes}});
    } else {
      entry["problem"] = one.problem;
    }
    entry["fits"] = one.fits;
    object["schedules"].push_back(std::move(entry));
  }
  object["chosen"] = plan.chosen;
  return object;
}

int run(Program& program, Logger& logger) {
  Words words = program.option_words;
  if (asks_for_help(words)) {
    logger.result(kHelp);
    return 0;
  }
  const auto costs = costs_of(take(words, "--costs"));
  const std::string wanted = take(words, "--schedule").value_or("all");
  train::PreparedRun prepared = train::prepare_run(option_sources(words));
  program.json = prepared.options.values.flag("json");
  program.quiet = prepared.options.values.flag("quiet");
  train::TrainConfig& config = prepared.config;
  const auto tokenizer = tokenizer::make_tokenizer(config.tokenizer);
  config.model.vocab_size =
      tokenizer::padded_vocab_size(tokenizer->vocab_size(), config.make_vocab_size_divisible_by, 1);
  const auto ranks = static_cast<int>(config.pipeline.world_size());
  kernels::set_num_threads(config.threads_per_rank > 0 ? config.threads_per_rank
                                                       : comm::default_threads_per_rank(ranks));
  train::RunPlan plan = train::plan_run(config, costs, machine_memory());
  keep_schedule(wanted, plan);
  if (program.json) {
    logger.result(to_json(plan).dump());
  } else {
    print_text(plan, logger);
  }
  return 0;
}

}  // namespace

void add_plan(Command app, Program& program) {
  const Command command = app.add_subcommand(
      "plan", "What a training command would do, per rank and schedule (weft plan --help)");
  command.callback(
      [&program] { program.run = [&program](Logger& logger) { return run(program, logger); }; });
}

}  // namespace weft::app
