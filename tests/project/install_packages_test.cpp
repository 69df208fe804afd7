// scripts/install-packages, with stand-ins for dpkg-query, apt-get, id and sudo first in PATH.
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
using testing::read_file;
using testing::run_command;
using testing::TempDir;
using testing::write_file;

/// A machine whose package tools are small scripts; apt-get writes its arguments to a log.
class InstallPackages : public ::testing::Test {
 protected:
  InstallPackages() {
    program("id", "echo 0");
    program("dpkg-query", "echo installed");
    apt("");
  }

  void program(const std::string& name, const std::string& body) {
    const auto path = write_file(dir_ / name, "#!/bin/sh\n" + body + "\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }

  /// apt-get that logs its arguments and then runs `body`.
  void apt(const std::string& body) {
    program("apt-get", "echo \"$*\" >>" + (dir_ / "apt.log").string() + "\n" + body);
  }

  CommandResult install(const std::string& sets) {
    return run_command("PATH=" + dir_.path().string() +
                       ":$PATH " WEFT_SOURCE_DIR "/scripts/install-packages " + sets);
  }

  std::string log() {
    const auto path = dir_ / "apt.log";
    return std::filesystem::exists(path) ? read_file(path) : "";
  }

 private:
  TempDir dir_;
};

const std::string kOnlyCcacheMissing =
    "case \"$*\" in *ccache*) exit 1 ;; *) echo installed ;; esac";

TEST_F(InstallPackages, DoesNothingWhenAllIsThere) {
  const CommandResult result = install("build test lint quickstart");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(log(), "");
}

TEST_F(InstallPackages, InstallsOnlyWhatIsMissingWithoutUpdate) {
  program("dpkg-query", kOnlyCcacheMissing);
  const CommandResult result = install("build");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("+ env DEBIAN_FRONTEND=noninteractive apt-get install"));
  EXPECT_THAT(log(), HasSubstr("install -y -q --no-install-recommends ccache\n"));
  EXPECT_THAT(log(), Not(HasSubstr("update")));
}

TEST_F(InstallPackages, UpdatesTheIndexWhenItKnowsNoSuchPackage) {
  program("dpkg-query", kOnlyCcacheMissing);
  apt("case \"$*\" in *-s*) exit 100 ;; esac");
  EXPECT_EQ(install("build").exit_code, 0);
  EXPECT_EQ(log(), "install -s ccache\nupdate -q\ninstall -y -q --no-install-recommends ccache\n");
}

TEST_F(InstallPackages, ReportsWhatAptCouldNotInstall) {
  program("dpkg-query", kOnlyCcacheMissing);
  apt("exit 100");
  const CommandResult result = install("build");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("error: apt-get could not install: ccache"));
}

TEST_F(InstallPackages, UsesSudoOnlyWhenNotRootAndSaysSo) {
  program("dpkg-query", kOnlyCcacheMissing);
  program("sudo", "echo sudo runs \"$@\"");
  EXPECT_THAT(install("build").out, Not(HasSubstr("sudo")));
  program("id", "echo 1000");
  const CommandResult result = install("build");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("installing packages with sudo"));
  EXPECT_THAT(result.out, HasSubstr("sudo runs env DEBIAN_FRONTEND=noninteractive apt-get"));
}

TEST_F(InstallPackages, UnknownSetIsRefused) {
  const CommandResult result = install("everything");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("no package set 'everything'"));
}

}  // namespace
}  // namespace weft
