#include "weft/observe/xml_text.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace weft::observe {
namespace {

TEST(XmlText, EscapesWhatXmlReserves) {
  EXPECT_EQ(xml_text("a < b && c > \"d\""), "a &lt; b &amp;&amp; c &gt; \"d\"");
  EXPECT_EQ(xml_text("]]>"), "]]&gt;");
  EXPECT_EQ(xml_text(std::string_view("a\0b\nc\x1b[1m\x7f", 10)), "a b c [1m ");
}

TEST(XmlText, KeepsUtf8AndReplacesWhatIsNot) {
  EXPECT_EQ(xml_text("1 µs · 3×4 €  𝛁"), "1 µs · 3×4 €  𝛁");
  EXPECT_EQ(xml_text("\xff"), "?");
  EXPECT_EQ(xml_text("a\xc3"), "a?");               // cut
  EXPECT_EQ(xml_text("\xc0\xaf"), "??");            // overlong
  EXPECT_EQ(xml_text("\xe0\x80\xaf"), "???");       // overlong
  EXPECT_EQ(xml_text("\xed\xa0\x80"), "???");       // surrogate
  EXPECT_EQ(xml_text("\xef\xbf\xbf"), "???");       // U+FFFF
  EXPECT_EQ(xml_text("\xf4\x90\x80\x80"), "????");  // above U+10FFFF
  EXPECT_EQ(xml_text("\x80 b"), "? b");
}

}  // namespace
}  // namespace weft::observe
