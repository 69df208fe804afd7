// The pictures of docs/scheduling.md are those that the program draws.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/temp_dir.hpp"

namespace weft::testing {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = WEFT_SOURCE_DIR;

CommandResult check(const fs::path& root) {
  return run_command("WEFT=" + std::string(WEFT_BINARY) + " " +
                     (root / "scripts/schedule-pictures").string() + " --check");
}

TEST(SchedulePictures, AreWhatTheProgramDraws) {
  const CommandResult result = check(kSource);
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

TEST(SchedulePictures, AStalePictureIsFound) {
  const TempDir dir;
  fs::create_directories(dir / "scripts");
  fs::create_directories(dir / "docs");
  fs::copy(kSource / "scripts/schedule-pictures", dir / "scripts/schedule-pictures");
  fs::copy(kSource / "docs/schedules", dir / "docs/schedules");
  EXPECT_EQ(check(dir.path()).exit_code, 0);
  const fs::path picture = dir / "docs/schedules/zb-v.svg";
  write_file(picture, read_file(picture) + " ");
  const CommandResult stale = check(dir.path());
  EXPECT_EQ(stale.exit_code, 1);
  EXPECT_NE(stale.out.find("zb-v.svg"), std::string::npos) << stale.out;
  EXPECT_NE(stale.err.find("run scripts/schedule-pictures"), std::string::npos) << stale.err;
}

}  // namespace
}  // namespace weft::testing
