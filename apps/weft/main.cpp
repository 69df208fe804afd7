#include <CLI/CLI.hpp>
#include <exception>
#include <nlohmann/json.hpp>

#include "apps/weft/commands.hpp"
#include "weft/base/error.hpp"

namespace {

int report(const weft::Error& error, bool json) {
  const std::string hint = error.hint().empty() ? "" : "; try " + error.hint();
  fmt::print(stderr, "error: {}{}\n", error.what(), hint);
  if (json) {
    const nlohmann::ordered_json object = {
        {"error",
         {{"kind", weft::name(error.kind())}, {"message", error.what()}, {"hint", error.hint()}}}};
    fmt::print("{}\n", object.dump());
  }
  return weft::exit_code(error.kind());
}

}  // namespace

int main(int argc, char** argv) {
  weft::app::Program program;
  CLI::App app{"weft pretrains transformer language models"};
  app.require_subcommand(1);
  try {
    app.parse(argc, argv);
    weft::ConsoleLogger logger(program.quiet);
    return program.run(logger);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : weft::exit_code(weft::ErrorKind::usage);
  } catch (const weft::Error& error) {
    return report(error, program.json);
  } catch (const std::exception& error) {
    return report(weft::Error(weft::ErrorKind::internal, error.what()), program.json);
  }
}
