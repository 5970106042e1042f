#include "host/config/toml_document.h"

#include <gtest/gtest.h>

namespace chronik::host {
namespace {

TEST(TomlDocument, KeepsPositions) {
  const TomlDocument document = parse_toml("a = 1\n[t]\n  key = \"ä\" # c\n");
  ASSERT_TRUE(document.errors.empty());
  const TomlMember* table = document.root.find("t");
  ASSERT_NE(table, nullptr);
  const TomlMember* key = table->value.find("key");
  ASSERT_NE(key, nullptr);
  EXPECT_EQ(key->at, (Position{3, 3}));
  EXPECT_EQ(key->value.begin, (Position{3, 9}));
  EXPECT_EQ(key->value.end, (Position{3, 12}));
  EXPECT_EQ(key->value.text, "ä");
}

TEST(TomlDocument, GoesOnBehindASyntaxError) {
  const TomlDocument document = parse_toml("a = \nb = 2\n[t\nc = 3\n[u]\nd = 4x\ne = 5\n");
  ASSERT_EQ(document.errors.size(), 3u);
  EXPECT_EQ(document.errors[0].at.line, 1u);
  EXPECT_EQ(document.errors[1].at.line, 3u);
  EXPECT_EQ(document.errors[2].at.line, 6u);
  EXPECT_TRUE(document.readable);
  EXPECT_NE(document.root.find("b"), nullptr);
  EXPECT_EQ(document.root.find("c"), nullptr)
      << "a key of the lost table must not pass for one of the table before";
  EXPECT_NE(document.root.find("u")->value.find("e"), nullptr);
}

TEST(TomlDocument, AListThatIsNeverClosedIsOneErrorAndUnreadable) {
  const TomlDocument document = parse_toml("listen = [\"a\",\n[http]\nlisten = \"b\"\n");
  EXPECT_EQ(document.errors.size(), 1u);
  EXPECT_FALSE(document.readable);
  EXPECT_TRUE(document.root.members.empty());
}

TEST(TomlDocument, GarbageIsAnError) {
  EXPECT_FALSE(parse_toml("\x7f"
                          "ELF\x02\x01\x01")
                   .errors.empty());
  EXPECT_FALSE(parse_toml(std::string(5000, '[')).errors.empty());
  EXPECT_FALSE(parse_toml("a = \"\xff\xfe\"").errors.empty());
  EXPECT_TRUE(parse_toml("").errors.empty());
}

// Found by fuzzing: toml++ 3.3 is undefined on this character (U+0229) where a key is expected.
TEST(TomlDocumentTest, CharactersThatTomlplusplusTakesForImpossible) {
  EXPECT_FALSE(parse_toml("\xc8\xa9").errors.empty());
  EXPECT_FALSE(parse_toml("a\xc8\xa9 = 1").errors.empty());
}

}  // namespace
}  // namespace chronik::host
