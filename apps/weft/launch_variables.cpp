#include "apps/weft/launch_variables.hpp"

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace weft::app {

comm::Launch launch_of_environment() {
  std::vector<comm::LaunchVariable> variables;
  for (const std::string_view name : comm::launch_variable_names()) {
    const char* value = std::getenv(std::string(name).c_str());
    if (value != nullptr) variables.push_back({std::string(name), value});
  }
  return comm::detect_launch(std::move(variables));
}

}  // namespace weft::app
