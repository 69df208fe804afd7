// What weft simulate draws and writes, and the files that it reads back.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "cli/simulate_runs.hpp"

namespace weft::testing {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

/// Lines of a chart: those after the five of the result.
std::vector<std::string> chart_lines(const std::string& out) {
  std::vector<std::string> lines;
  std::istringstream stream(out);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  lines.erase(lines.begin(), lines.begin() + std::min<std::ptrdiff_t>(5, std::ssize(lines)));
  return lines;
}

/// Characters of UTF-8 text.
int64_t width(const std::string& line) {
  return std::ranges::count_if(line, [](char c) { return (c & 0xC0) != 0x80; });
}

bool is_ascii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 128; });
}

class SimulateOutput : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return (dir / name).string(); }
  TempDir dir;
};

TEST_F(SimulateOutput, ChartsFitTheirWidth) {
  for (const int columns : {20, 33, 40, 60, 80, 100, 133, 400}) {
    for (const char* run : {"--schedule interleaved --pp 4 --vpp 4 --microbatches 8",
                            "--policy dfc --pp 12 --vpp 2 --microbatches 40 --jitter 0.3"}) {
      const CommandResult result = weft(std::string("simulate --draw ") + run,
                                        "LC_ALL=C.UTF-8 COLUMNS=" + std::to_string(columns));
      const std::vector<std::string> lines = chart_lines(result.out);
      ASSERT_GT(lines.size(), 5U) << result.out;
      for (const std::string& line : lines) EXPECT_LE(width(line), columns) << columns << line;
      if (columns >= 80) {
        EXPECT_GT(width(lines[0]), columns / 2) << "wasted width";
      }
    }
  }
}

TEST_F(SimulateOutput, ChartsUseAsciiWhereTheLocaleDoes) {
  const std::string words = "simulate --draw --schedule 1f1b" + kSize;
  for (const char* locale : {"LC_ALL=C", "LC_ALL=de_DE.ISO-8859-1", "LC_ALL= LC_CTYPE= LANG=C",
                             "LC_ALL= LC_CTYPE=C LANG=C.UTF-8"}) {
    const CommandResult result = weft(words, locale);
    EXPECT_TRUE(is_ascii(result.out)) << locale;
    EXPECT_EQ(chart_lines(result.out)[0].substr(0, 9), "rank 0 |F") << locale;
  }
  EXPECT_FALSE(is_ascii(weft(words, "LC_ALL=C.UTF-8").out));
}

TEST_F(SimulateOutput, ColoursAreForTerminalsThatWantThem) {
  if (run_command("command -v script").exit_code != 0) {
    GTEST_SKIP() << "needs script (package bsdutils) for a terminal";
  }
  const std::string command = std::string(WEFT_BINARY) + " simulate --draw --schedule 1f1b" + kSize;
  const auto on_terminal = [&](const std::string& environment) {
    return run_command("env -u NO_COLOR TERM=xterm " + environment + " script -qec '" + command +
                       "' /dev/null </dev/null")
        .out;
  };
  const std::string escape = "\x1b[";
  EXPECT_NE(on_terminal("").find(escape), std::string::npos);
  EXPECT_NE(on_terminal("NO_COLOR=").find(escape), std::string::npos) << "empty is not set";
  EXPECT_EQ(on_terminal("NO_COLOR=1").find(escape), std::string::npos);
  EXPECT_EQ(on_terminal("TERM=dumb").find(escape), std::string::npos);
  EXPECT_EQ(weft("simulate --draw --schedule 1f1b" + kSize).out.find(escape), std::string::npos);
}

TEST_F(SimulateOutput, JsonLeavesStdoutToTheObject) {
  const CommandResult result = weft("simulate --draw --json --schedule 1f1b" + kSize);
  EXPECT_EQ(Json::parse(result.out).at("makespan"), 132);
  EXPECT_NE(result.err.find("rank 3"), std::string::npos);
  EXPECT_EQ(weft("simulate --draw --json --quiet --schedule 1f1b" + kSize).err, "");
}

TEST_F(SimulateOutput, SvgIsThePictureOfTheRun) {
  const CommandResult result =
      weft("simulate --schedule zb-v --svg " + path("a.svg") + kSize + "--json");
  EXPECT_EQ(result.err, "wrote " + path("a.svg") + "\n");
  EXPECT_EQ(Json::parse(result.out).at("makespan"), 102);
  const std::string svg = read_file(path("a.svg"));
  EXPECT_EQ(svg.substr(0, 5), "<svg ");
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
  EXPECT_NE(svg.find("zb-v, 4 ranks, 8 microbatches: makespan 102"), std::string::npos);
  weft("simulate --schedule zb-v --svg-until 300 --svg " + path("b.svg") + kSize);
  const std::string longer = read_file(path("b.svg"));
  EXPECT_NE(longer.find(">300</text>"), std::string::npos);
  EXPECT_EQ(svg.find(">300</text>"), std::string::npos);
}

TEST_F(SimulateOutput, TraceHoldsASlicePerTask) {
  ASSERT_EQ(weft("simulate --schedule zb-v --trace " + path("a.json") + kSize).exit_code, 0);
  const Json trace = Json::parse(read_file(path("a.json")));
  int64_t slices = 0;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") == "X") ++slices;
  }
  EXPECT_EQ(slices, 192);
}

TEST_F(SimulateOutput, OrdersGoRoundThroughCsv) {
  for (const char* name :
       {"gpipe", "1f1b", "interleaved", "breadth-first", "zb-h1", "zb-h2", "zb-v", "v-half",
        "v-min", "dualpipe-v", "interleaved-zb1p", "interleaved-zb-w2", "dynamic"}) {
    const Json direct =
        simulate_json("--schedule " + std::string(name) + " --csv-out " + path("a.csv") + kSize);
    const Json read = simulate_json("--vpp 4 --csv " + path("a.csv"));
    for (const char* field : {"makespan", "max_rank_span", "peak_mem", "tasks", "mapping", "chunks",
                              "lower_bound", "microbatches", "pp"}) {
      EXPECT_EQ(read.at(field), direct.at(field)) << name << " " << field;
    }
    ASSERT_EQ(weft("simulate --csv " + path("a.csv") + " --csv-out " + path("b.csv")).exit_code, 0);
    EXPECT_EQ(read_file(path("b.csv")), read_file(path("a.csv"))) << name;
  }
}

TEST_F(SimulateOutput, APolicysOrderIsASchedule) {
  weft("simulate --policy dfc --cap 16 --jitter 0.3 --csv-out " + path("a.csv") + kSize);
  EXPECT_EQ(makespan("--vpp 4 --jitter 0.3 --csv " + path("a.csv")),
            makespan("--policy dfc --cap 16 --jitter 0.3" + kSize));
}

TEST_F(SimulateOutput, FilesAreWrittenBeforeResultsAndNotInPart) {
  for (const char* flag : {"--svg", "--trace", "--csv-out", "--commit-log"}) {
    const std::string words =
        std::string("simulate --schedule 1f1b ") + flag + " " + path("absent/file") + kSize;
    expect_refused(words, 3, {path("absent/file")});
    const CommandResult json = weft(words + "--json");
    EXPECT_EQ(Json::parse(json.out).at("error").at("kind"), "data") << "one object";
  }
  EXPECT_TRUE(fs::is_empty(dir.path()));
  EXPECT_EQ(weft("simulate --schedule 1f1b --quiet --svg " + path("a") + kSize).err, "");
}

TEST_F(SimulateOutput, TheFileKnowsItsShape) {
  weft("simulate --schedule zb-v --csv-out " + path("a.csv") + kSize);
  const std::string read = "simulate --csv " + path("a.csv") + " ";
  expect_refused(read + "--pp 5", 2, {"--pp contradicts", "got 5, the file has 4", "try --pp 4"});
  expect_refused(read + "--microbatches 9", 2, {"--microbatches contradicts", "the file has 8"});
  expect_refused(read + "--mapping wave", 2, {"--mapping has no use here"});
  expect_refused(read + "--chunks 2", 2, {"--chunks has no use here"});
  expect_refused(read + "--group-size 4", 2, {"--group-size has no use here"});
  expect_refused(read + "--no-split-backward", 2, {"--no-split-backward has no use here"});
  expect_refused(read + "--wip 3", 2, {"--wip has no use here"});
  expect_refused(read + "--cap 4", 2, {"needs more memory than --cap allows", "try --cap 8"});
  EXPECT_EQ(makespan("--pp 4 --microbatches 8 --csv " + path("a.csv")), 51) << "2 chunks, VPP 2";
}

TEST_F(SimulateOutput, HostileFilesAreNamedWithTheirLine) {
  struct File {
    std::string text;
    int exit_code;
    std::string part;
  };
  const std::vector<File> files = {
      {"", 3, "is empty"},
      {std::string("\x7f") + "ELF\x02\x00\xff,\x01", 3, "line 1: cannot read"},
      {"0F0,0B0\n1F0,1D0\n", 3, "line 2: \"1D0\" has an unknown kind"},
      {"0F0,0B0\n1F0,1Bx\n", 3, "line 2: cannot read \"1Bx\""},
      {"0F0,0B0\n99999999999999999999F0,1B0\n", 3, "line 2"},
      {"0F0,0F1,0B0,0B1\n1F0,1B0,1F1,1F1,1B1\n", 2, "line 2: 1F1 comes twice"},
      {"0F0,0F1,0B0,0B1\n1F0,1B0,1F1\n", 2, "line 2: 1B1 (or 1I1 and 1W1) is missing"},
      {"0F0,0B0\n1B0,1F0\n", 2, "line 2: 1B0 comes before 1F0"},
      {"0F0,0B0,0F1,0B1\n1F0,1F1,1B0,1B1\n", 2, "cycle: 0B0 on line 1 waits for 1B0 on line 2"},
  };
  for (const File& file : files) {
    write_file(dir / "a.csv", file.text);
    expect_refused("simulate --csv " + path("a.csv"), file.exit_code, {path("a.csv"), file.part});
  }
  expect_refused("simulate --csv " + path("absent.csv"), 3, {"cannot open", "absent.csv"});
  expect_refused("simulate --csv " + dir.path().string(), 3, {"not a regular file"});
}

}  // namespace
}  // namespace weft::testing
