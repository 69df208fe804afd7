#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "apps/weft/commands.hpp"
#include "weft/base/error.hpp"
#include "weft/device/device_choice.hpp"
#include "weft/kernels/context.hpp"
#include "weft/train/text_generator.hpp"

namespace weft::app {

namespace {

struct GenerateOptions {
  std::string load;
  std::string prompt;
  std::string vocab_file;
  std::string merge_file;
  int64_t max_tokens = 100;
  std::string device = "auto";
  model::SamplingConfig sampling;
};

int run(const GenerateOptions& options, bool json) {
  std::string errors;
  for (const std::string& error : options.sampling.validate()) {
    errors += (errors.empty() ? "" : "\n  ") + error;
  }
  check(errors.empty(), ErrorKind::usage, "{}", errors);
  check(options.max_tokens > 0, ErrorKind::usage, "--max-tokens must be positive (got {})",
        options.max_tokens);
  const ComputeDevice device = choose_device(options.device);
  kernels::set_num_threads(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  const train::TextGenerator generator(options.load, options.vocab_file, options.merge_file,
                                       device);

  const auto show = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  if (json) {
    const auto result =
        generator.generate(options.prompt, options.max_tokens, options.sampling, {});
    const nlohmann::ordered_json object = {{"text", result.text},
                                           {"tokens", result.tokens.size()},
                                           {"tokens_per_s", result.tokens_per_second},
                                           {"token_ids", result.tokens}};
    // The prompt may hold bytes that are not UTF-8; JSON may not.
    show(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  } else {
    show(options.prompt);
    generator.generate(options.prompt, options.max_tokens, options.sampling, show);
    show("\n");
  }
  return 0;
}

}  // namespace

void add_generate(Command app, Program& program) {
  const auto options = std::make_shared<GenerateOptions>();
  const Command command = app.add_subcommand("generate", "Sample text from a trained model");
  command.add_option("--load", options->load, "Checkpoint directory (--save of the training run)")
      .required();
  command.add_option("--prompt", options->prompt, "Text to continue; empty starts a document");
  command.add_option("--max-tokens", options->max_tokens, "Longest continuation, tokens")
      .capture_default_str();
  command
      .add_option("--temperature", options->sampling.temperature,
                  "Below 1 more likely, above 1 more varied; 0 takes the most likely token")
      .capture_default_str();
  command
      .add_option("--top-k", options->sampling.top_k,
                  "Choose among the K most likely tokens; 0: among all")
      .capture_default_str();
  command
      .add_option("--top-p", options->sampling.top_p,
                  "Choose among the most likely tokens that together have this probability")
      .capture_default_str();
  command.add_option("--seed", options->sampling.seed, "Seed of the draws").capture_default_str();
  command
      .add_option("--device", options->device,
                  "auto, cpu, cuda or cuda:N; auto is the first GPU that can be used, else the CPU")
      .capture_default_str();
  command.add_option("--vocab-file", options->vocab_file, "Instead of the saved path");
  command.add_option("--merge-file", options->merge_file, "Instead of the saved path");
  command.add_flag("--json", program.json,
                   "One JSON object: text, tokens, tokens_per_s, token_ids");
  command.footer("Example:\n  weft generate --load run/model --prompt \"The cat\" --max-tokens 50");
  command.callback([options, &program] {
    program.run = [options, &program](Logger&) { return run(*options, program.json); };
  });
}

}  // namespace weft::app
