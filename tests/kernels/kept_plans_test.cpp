#include "weft/kernels/kept_plans.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "support/temp_dir.hpp"

namespace weft::kernels {
namespace {

using testing::TempDir;

std::vector<std::filesystem::path> files_of(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files.push_back(entry.path());
  }
  return files;
}

TEST(KeptPlans, GiveBackWhatWasSaved) {
  const TempDir directory;
  const KeptPlans plans(directory / "new", "product");
  EXPECT_EQ(plans.load("a"), std::nullopt);
  plans.save("a", "first\nof two lines\n");
  plans.save("b", "second");
  EXPECT_EQ(plans.load("a"), "first\nof two lines\n");
  EXPECT_EQ(plans.load("b"), "second");
  EXPECT_EQ(plans.load("c"), std::nullopt);
  EXPECT_EQ(KeptPlans(directory / "new", "attention").load("a"), std::nullopt);
  plans.save("a", "again");
  EXPECT_EQ(plans.load("a"), "again");
  // Nothing else is left behind.
  EXPECT_EQ(files_of(directory / "new").size(), 2U);
}

TEST(KeptPlans, TakeADamagedFileForNone) {
  const TempDir directory;
  const KeptPlans plans(directory.path(), "product");
  plans.save("key", "a text");
  const std::filesystem::path file = files_of(directory.path()).at(0);
  const std::string whole = testing::read_file(file);
  for (size_t size = 0; size < whole.size(); ++size) {
    testing::write_file(file, whole.substr(0, size));
    EXPECT_EQ(plans.load("key"), std::nullopt) << "of " << size << " bytes";
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = damaged[i] == '?' ? '!' : '?';
    testing::write_file(file, damaged);
    EXPECT_EQ(plans.load("key"), std::nullopt) << "with byte " << i << " changed";
  }
  plans.save("key", "a text");
  EXPECT_EQ(plans.load("key"), "a text");
}

TEST(KeptPlans, NeedNoDirectory) {
  const TempDir directory;
  // A directory cannot lie under a file.
  testing::write_file(directory / "file", "text");
  for (const KeptPlans& plans : {KeptPlans(directory.path() / "file" / "under", "product"),
                                 KeptPlans({}, "product"), KeptPlans()}) {
    EXPECT_NO_THROW(plans.save("key", "text"));
    EXPECT_EQ(plans.load("key"), std::nullopt);
  }
  EXPECT_FALSE(KeptPlans().keeps());
}

}  // namespace
}  // namespace weft::kernels
