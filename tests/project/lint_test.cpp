// scripts/lint: each check must fail on a tree that breaks its rule and pass on one that does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using testing::CommandResult;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_command;
using testing::TempDir;
using testing::write_file;

/// A small tree of two libraries in which every rule holds.
class LintTree : public ::testing::Test {
 protected:
  LintTree() {
    write("docs/map.md",
          "# Map\n\n## Libraries\n\n| library | holds |\n|---|---|\n| `base` | errors |\n"
          "| `tensor` | shapes |\n| `apps` | commands |\n\n## Tests\n\n| `tests` | tests |\n");
    write("src/weft/base/error.hpp", "#pragma once\n#include <string>\n");
    write("src/weft/tensor/shape.hpp", "#pragma once\n#include \"weft/base/error.hpp\"\n");
    write("apps/weft/main.cpp", "#include \"weft/tensor/shape.hpp\"\n\nint main() {}\n");
  }

  void write(const std::string& name, const std::string& text) {
    const auto path = dir_ / name;
    std::filesystem::create_directories(path.parent_path());
    write_file(path, text);
  }

  std::string path(const std::string& name) const { return (dir_ / name).string(); }

  CommandResult lint(const std::string& check) {
    return run_command(WEFT_SOURCE_DIR "/scripts/lint --root " + dir_.path().string() + " " +
                       check);
  }

  void expect_pass(const std::string& check) {
    const CommandResult result = lint(check);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  }

  void expect_fault(const std::string& check, const std::string& message) {
    const CommandResult result = lint(check);
    EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr(message));
    EXPECT_THAT(result.out, HasSubstr("lint failed: " + check));
  }

 private:
  TempDir dir_;
};

TEST_F(LintTree, PassesWhenEveryRuleHolds) { expect_pass("includes links words length headers"); }

TEST_F(LintTree, IncludeThatPointsDownFails) {
  write("src/weft/base/error.cpp", "#include <string>\n#include \"weft/tensor/shape.hpp\"\n");
  expect_fault("includes",
               "src/weft/base/error.cpp:2: weft/tensor/shape.hpp: base may not include tensor");
}

TEST_F(LintTree, IncludeOfTheProgramOrTestSupportFails) {
  write("src/weft/base/error.cpp", "#include \"apps/weft/commands.hpp\"\n");
  expect_fault("includes", "base may not include apps");
  write("src/weft/base/error.cpp", "#  include <support/temp_dir.hpp>\n");
  expect_fault("includes", "support is no library of docs/map.md");
}

TEST_F(LintTree, LibraryWithoutAPlaceInTheMapFails) {
  write("src/weft/extra/x.hpp", "#include \"weft/base/error.hpp\"\n");
  expect_fault("includes", "library extra is not in docs/map.md");
}

TEST_F(LintTree, MapAndBuildMustAgreeOnTheOrder) {
  write("CMakeLists.txt", "weft_library(base)\nweft_library(tensor DEPS weft_base)\n");
  expect_pass("includes");
  write("CMakeLists.txt", "weft_library(tensor)\nweft_library(base)\n");
  expect_fault("includes", "another order");
}

TEST_F(LintTree, DeadLinkFails) {
  write("docs/guide.md",
        "See [the map](map.md#libraries), [a page](https://example.org/x) and\n"
        "[the library](../src/weft/base/).\n");
  expect_pass("links");
  write("docs/guide.md", "See [the map](map.md).\n\nSee [more](more.md).\n");
  expect_fault("links", "docs/guide.md:3: link to more.md");
}

TEST_F(LintTree, MarkOfUnfinishedWorkFails) {
  write("src/weft/base/error.cpp", "int todo_count = 0;\n");
  expect_pass("words");
  write("src/weft/base/error.cpp", std::string("// TO") + "DO: later\n");
  expect_fault("words", "src/weft/base/error.cpp:1:");
}

TEST_F(LintTree, LongFileNeedsItsReason) {
  std::string lines;
  for (int i = 0; i < 401; ++i) lines += "\n";
  write("src/weft/base/error.cpp", "// One long table.\n" + lines);
  expect_pass("length");
  write("src/weft/base/error.cpp", "// Errors.\n" + lines);
  expect_fault("length", "src/weft/base/error.cpp: 402 lines");
}

TEST_F(LintTree, HeaderThatNeedsAnotherFails) {
  write("src/weft/base/error.hpp", "#pragma once\n\nstd::string message();\n");
  expect_fault("headers", "src/weft/base/error.hpp: does not compile alone");
}

TEST_F(LintTree, WrongFormatFails) {
  if (run_command("command -v clang-format").exit_code != 0) GTEST_SKIP() << "needs clang-format";
  write(".clang-format", "BasedOnStyle: Google\n");
  expect_pass("format");
  write("src/weft/base/error.cpp", "int  x=0;\n");
  expect_fault("format", "error.cpp:1");
}

/// Sources of one library, which clang-tidy reads as one text, and a command that it reads alone.
class TidyTree : public LintTree {
 protected:
  TidyTree() {
    write(".clang-tidy",
          "Checks: '-*,misc-unused-using-decls,readability-duplicate-include'\n"
          "WarningsAsErrors: '*'\nHeaderFilterRegex: '.*/src/weft/.*'\n");
    write("src/weft/base/one.cpp", "#include <string>\n\nstatic int one() { return 1; }\n");
    write("src/weft/base/two.cpp", "#include <string>\n\nint two() { return 2; }\n");
    write("build/relassert/compile_commands.json", "[\n" + entry("src/weft/base/one.cpp") + ",\n" +
                                                       entry("src/weft/base/two.cpp") + ",\n" +
                                                       entry("apps/weft/main.cpp") + "\n]\n");
  }

  void SetUp() override {
    if (run_command("command -v run-clang-tidy-16").exit_code != 0) GTEST_SKIP() << "no clang-tidy";
  }

 private:
  std::string entry(const std::string& name) const {
    const std::string file = path(name);
    return "{\n  \"directory\": \"" + path("") + "\",\n  \"command\": \"c++ -std=c++20 -I" +
           path("src") + " -o x.o -c " + file + "\",\n  \"file\": \"" + file + "\"\n}";
  }
};

constexpr const char* kUnusedUsing = "#include <algorithm>\n\nusing std::max;\n";

TEST_F(TidyTree, PassesWithoutFindings) { expect_pass("tidy"); }

TEST_F(TidyTree, FindingIsShownAtItsPlace) {
  write("src/weft/base/two.cpp", kUnusedUsing);
  expect_fault("tidy", path("src/weft/base/two.cpp") + ":3:12: error: using decl 'max' is unused");
}

TEST_F(TidyTree, FindingInACommandFails) {
  write("apps/weft/main.cpp", kUnusedUsing);
  expect_fault("tidy", path("apps/weft/main.cpp") + ":3:12: error: using decl");
}

TEST_F(TidyTree, SourcesWhoseNamesCollideAreReadAlone) {
  write("src/weft/base/two.cpp", "static int one() { return 2; }\n");
  expect_pass("tidy");
  write("src/weft/base/one.cpp", std::string(kUnusedUsing) + "static int one() { return 1; }\n");
  expect_fault("tidy", path("src/weft/base/one.cpp") + ":3:12: error: using decl");
}

TEST_F(TidyTree, SourceThatDoesNotCompileFails) {
  write("src/weft/base/two.cpp", "int two() { return three; }\n");
  expect_fault("tidy",
               path("src/weft/base/two.cpp") + ":1:20: error: use of undeclared identifier");
}

TEST_F(LintTree, UnknownCheckIsRefused) {
  const CommandResult result = lint("spelling");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("no check 'spelling'"));
  EXPECT_THAT(result.out, Not(HasSubstr("ok")));
}

}  // namespace
}  // namespace weft
