// That the copies of the kernels' loops stay apart, and what the tests of kernels cannot run here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "support/kernel_variants.hpp"
#include "support/temp_dir.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(InstructionSets, EverySetIsTestedHere) {
  if (best_instruction_set() != InstructionSet::v4) {
    GTEST_SKIP() << "this processor lacks AVX-512 or its bf16 instructions: kernels compiled for "
                 << name(InstructionSet::v4) << " are not tested";
  }
  EXPECT_EQ(weft::testing::instruction_sets().size(), 2u);
}

TEST(InstructionSets, EachHasLoopsOfItsOwn) {
  const Stream v3({}, InstructionSet::v3);
  const Stream v4({}, InstructionSet::v4);
  EXPECT_NE(kernel_table(v3).adamw, kernel_table(v4).adamw);
  EXPECT_NE(kernel_table(v3).layer_norm_forward, kernel_table(v4).layer_norm_forward);
}

/// Symbols in nm's output that the linker would merge with those of other objects, although they
/// do not stand in the namespace v4. DW.ref.* are addresses, the same from whichever object.
std::vector<std::string> shared_symbols(const std::string& nm_output) {
  std::vector<std::string> found;
  std::istringstream lines(nm_output);
  for (std::string line; std::getline(lines, line);) {
    const bool merged = line.find(" W ") != std::string::npos ||
                        line.find(" V ") != std::string::npos ||
                        line.find(" u ") != std::string::npos;
    const bool own =
        line.find("v4") != std::string::npos || line.find(" DW.ref.") != std::string::npos;
    if (merged && !own) found.push_back(line);
  }
  return found;
}

TEST(InstructionSets, SharedSymbolsAreFound) {
  EXPECT_THAT(shared_symbols("000 T weft::kernels::cpu::v4::add\n000 W weft::kernels::v4::store\n"
                             "                 U std::terminate()\n000 W long const& std::min\n"),
              ElementsAre("000 W long const& std::min"));
}

// A function compiled for AVX-512 that replaces the one of the same name elsewhere ends the program
// on older processors.
TEST(InstructionSets, ObjectsOfV4ShareNoFunctionWithOthers) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "inline functions stay functions in builds with sanitizers, which run only on "
                  "the machine that they are made on";
#endif
  const auto result = weft::testing::run_command("nm -C " WEFT_V4_OBJECTS);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  ASSERT_THAT(result.out, HasSubstr(" T weft::kernels::cpu::v4::layer_norm_forward("));
  EXPECT_THAT(shared_symbols(result.out), IsEmpty());
}

}  // namespace
}  // namespace weft::kernels
