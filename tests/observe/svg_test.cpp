#include "weft/observe/svg.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support/example_logs.hpp"
#include "weft/base/error.hpp"

namespace weft::observe {

using schedule::CommitLog;
using schedule::Mapping;

namespace {

using schedule::testing::breadth_first;
using schedule::testing::one_f_one_b;
using schedule::testing::split_wave;
using ::testing::HasSubstr;
using ::testing::Not;

/// What is wrong with the XML: tags that do not match, attributes without quotes, reserved
/// characters; empty when nothing is. Knows the XML that pictures use: no comments, no CDATA.
std::string xml_fault(std::string_view xml) {
  std::vector<std::string_view> open;
  while (true) {
    const size_t start = xml.find('<');
    const std::string_view text = xml.substr(0, start);
    if (text.find('>') != std::string_view::npos) return "> in text";
    for (size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
      const std::string_view entity = text.substr(at, text.find(';', at) + 1 - at);
      if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;") return "a bare &";
    }
    if (start == std::string_view::npos) break;
    const size_t end = xml.find('>', start);
    if (end == std::string_view::npos) return "a tag without end";
    std::string_view tag = xml.substr(start + 1, end - start - 1);
    xml.remove_prefix(end + 1);
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1)) return "a stray <" + std::string(tag);
      open.pop_back();
      continue;
    }
    const bool is_empty = tag.ends_with('/');
    if (is_empty) tag.remove_suffix(1);
    const std::string_view name = tag.substr(0, tag.find(' '));
    std::string_view attributes = tag.substr(name.size());
    while (!attributes.empty()) {
      const size_t value = attributes.find("=\"");
      const size_t stop = value == std::string_view::npos ? value : attributes.find('"', value + 2);
      if (!attributes.starts_with(' ') || stop == std::string_view::npos) {
        return "a bad attribute in " + std::string(tag);
      }
      attributes.remove_prefix(stop + 1);
    }
    if (!is_empty) open.push_back(name);
  }
  return open.empty() ? "" : "an open <" + std::string(open.back());
}

int64_t count(std::string_view text, std::string_view part) {
  int64_t found = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

TEST(Svg, XmlFaultsAreFound) {
  EXPECT_EQ(xml_fault("<a x=\"1\"><b/>t &amp; t</a>"), "");
  EXPECT_EQ(xml_fault("<a><b></a></b>"), "a stray </a");
  EXPECT_EQ(xml_fault("<a>"), "an open <a");
  EXPECT_EQ(xml_fault("<a x=1/>"), "a bad attribute in a x=1");
  EXPECT_EQ(xml_fault("<a>b & c</a>"), "a bare &");
}

TEST(Svg, PlacesABoxPerTaskByTime) {
  const std::string svg = to_svg(one_f_one_b(2, 1), {.title = "1F1B", .width = 400});
  EXPECT_THAT(svg, HasSubstr("width=\"400\" height=\"194\" viewBox=\"0 0 400 194\""));
  EXPECT_THAT(svg, HasSubstr("<title>1F1B</title>"));
  // 6 units on 278.2 pixels from 59.8; half of each rank's time is idle.
  EXPECT_THAT(svg, HasSubstr(R"(<text class="s" x="152.53" y="127">2</text>)"));
  EXPECT_THAT(svg, HasSubstr(R"svg(<text x="14" y="70">rank 0</text>
<text class="s e" x="386" y="70">50.0%</text>
<g class="c" transform="translate(59.8 54)">
<rect class="i" width="278.2" height="24"/>
<rect class="F1" x="0" width="45.37" height="24"/><text class="l" x="22.68" y="16">0</text>
<rect class="D1" x="185.47" width="91.73" height="24"/><text class="l" x="231.33" y="16">0</text>
</g>
<text x="14" y="98">rank 1</text>
<text class="s e" x="386" y="98">50.0%</text>
<g class="c" transform="translate(59.8 82)">
<rect class="i" width="278.2" height="24"/>
<rect class="F1" x="46.37" width="45.37" height="24"/><text class="l" x="69.05" y="16">0</text>
<rect class="D1" x="92.73" width="91.73" height="24"/><text class="l" x="138.6" y="16">0</text>
</g>
)svg"));
  EXPECT_THAT(svg, HasSubstr(R"(<rect class="F1" x="59.8" y="142" width="16" height="16"/></g>)"
                             R"(<text x="81.8" y="154">F forward</text>)"));
}

TEST(Svg, AnAxisThatGoesOnGivesPicturesOneScale) {
  // 6 of 12 units: the lanes take half of the 278.2 pixels, and idle time is that of the step.
  const std::string svg = to_svg(one_f_one_b(2, 1), {.title = "", .width = 400, .end = 12});
  EXPECT_THAT(svg, HasSubstr(R"(<rect class="i" width="139.1" height="24"/>)"));
  EXPECT_THAT(svg, HasSubstr(R"(<text class="s e" x="386" y="42">50.0%</text>)"));
  EXPECT_THAT(svg, HasSubstr(R"(<text class="s" x="291.63" y="99">10</text>)"));
  // An end before the step's is none.
  EXPECT_EQ(to_svg(one_f_one_b(2, 1), {.title = "", .width = 400, .end = 5}),
            to_svg(one_f_one_b(2, 1), {.title = "", .width = 400}));
}

TEST(Svg, ShadesChunksAndExplainsThem) {
  const std::string svg = to_svg(split_wave(2, 2), {.title = "", .width = 960});
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(svg, Not(HasSubstr("<title>")));
  for (const std::string box_class : {"F0", "F2", "B0", "B2", "W0", "W2"}) {
    // Two ranks with two microbatches, and the legend.
    EXPECT_EQ(count(svg, "<rect class=\"" + box_class + "\""), 5) << box_class;
    EXPECT_THAT(svg, HasSubstr("." + box_class + "{fill:#"));
  }
  EXPECT_THAT(svg, HasSubstr(">B input gradient<"));
  EXPECT_THAT(svg, HasSubstr(">W weight gradient<"));
  EXPECT_THAT(svg, HasSubstr(">numbers: microbatches in the lanes, chunks here<"));
  EXPECT_THAT(to_svg(breadth_first(1, 8, 1), {}), HasSubstr(">6-7</text></g><text"));
}

TEST(Svg, NumbersOnlyWideBoxes) {
  const std::string narrow = to_svg(one_f_one_b(4, 60), {.title = "", .width = 960});
  EXPECT_THAT(narrow, HasSubstr(">9</text>"));
  EXPECT_THAT(narrow, Not(HasSubstr(">10</text>")));
  EXPECT_THAT(to_svg(one_f_one_b(16, 384), {}), Not(HasSubstr("numbers:")));
}

TEST(Svg, EscapesItsTitle) {
  const std::string svg =
      to_svg(one_f_one_b(2, 2), {.title = "</svg><script>\"x\" & \x01 \xff", .width = 960});
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_EQ(count(svg, "&lt;/svg&gt;&lt;script&gt;\"x\" &amp;   ?<"), 2);
}

TEST(Svg, IsWellFormedAndSmall) {
  CommitLog run = one_f_one_b(4, 8, {1834.2, 2010.7, 1700.1, 311});
  run.time_unit = "us";
  CommitLog empty{{Mapping::loop, 2, 1}, 1, "us", {{}, {}}};
  for (const CommitLog& log : {run, empty, CommitLog{}, breadth_first(4, 4, 8)}) {
    for (const int64_t width : {kLeastSvgWidth, int64_t{960}, int64_t{5000}}) {
      const std::string svg = to_svg(log, {.title = "a schedule", .width = width});
      EXPECT_EQ(xml_fault(svg), "");
      EXPECT_LT(svg.size(), 60'000U);
      EXPECT_EQ(svg, to_svg(log, {.title = "a schedule", .width = width}));
      EXPECT_THAT(svg, Not(HasSubstr("nan")));
    }
  }
  EXPECT_THAT(to_svg(run, {}), HasSubstr(">ms</text>"));
  const std::string large = to_svg(one_f_one_b(16, 384), {});
  EXPECT_EQ(xml_fault(large), "");
  EXPECT_EQ(count(large, "<rect class=\"D1\""), 16 * 384 + 1);
  EXPECT_LT(large.size(), 1'000'000U);
}

TEST(Svg, RefusesAWidthBelowTheLeast) {
  try {
    to_svg(one_f_one_b(2, 2), {.title = "", .width = 319});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_STREQ(error.what(), "a picture of 319 pixels (expected at least 320)");
  }
}

}  // namespace
}  // namespace weft::observe
