#include "host/loader/manifest.h"

#include <gtest/gtest.h>

namespace chronik::host {
namespace {

TEST(Manifest, HoldsWhatItSays) {
  const auto manifest = parse_manifest(R"(
id       = "storage-example"
version  = "1.2.3"
config   = "storage"
provides = ["chronik.storage/1"]
requires = ["chronik.metadata/1"]
optional = ["chronik.retry_policy/1"]
abi      = "1.7"
license  = "Apache-2.0"
future   = "ignored"
)");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->id, "storage-example");
  EXPECT_EQ(manifest->version, "1.2.3");
  EXPECT_EQ(manifest->config, "storage");
  EXPECT_TRUE(manifest->provides_service("chronik.storage/1"));
  EXPECT_FALSE(manifest->provides_service("chronik.storage/2"));
  EXPECT_EQ(manifest->requires_, std::vector<std::string>{"chronik.metadata/1"});
  EXPECT_EQ(manifest->optional, std::vector<std::string>{"chronik.retry_policy/1"});
  EXPECT_EQ(manifest->abi_major, 1u);
  EXPECT_EQ(manifest->abi_minor, 7u);
}

TEST(Manifest, EveryWrongFieldIsNamedAtOnce) {
  const auto manifest = parse_manifest("version = 1\nprovides = [\"storage\"]\noptional = {}\nabi = \"1\"\n");
  ASSERT_FALSE(manifest);
  for (const char* part : {"field \"id\": is missing", "field \"version\": expected a string, got an integer",
                           "field \"provides\": \"storage\" is no service ID such as \"chronik.storage/1\"",
                           "field \"optional\": expected a list of service IDs, got a table",
                           "field \"abi\": \"1\" is not of the form"}) {
    EXPECT_NE(manifest.error().message.find(part), std::string::npos) << part << "\nin\n"
                                                                      << manifest.error().message;
  }
}

TEST(Manifest, ANameStandsBehindTheIdWhereSeveralMayProvideIt) {
  const auto provides = [](std::string_view service) {
    const auto manifest = parse_manifest("id = \"x\"\nversion = \"1\"\nabi = \"1.0\"\nprovides = [\"" +
                                         std::string(service) + "\"]\n");
    return manifest ? std::string("good") : manifest.error().message;
  };
  EXPECT_EQ(provides("chronik.assignor/1:by-rack.2"), "good");
  EXPECT_EQ(provides("others.service/1:name"), "good");
  EXPECT_EQ(provides("others.service/1"), "good");
  EXPECT_NE(provides("chronik.assignor/1").find("write \"chronik.assignor/1:NAME\""), std::string::npos);
  EXPECT_NE(
      provides("chronik.storage/1:fast").find("one plugin provides chronik.storage/1; leave the name out"),
      std::string::npos);
  for (const char* wrong : {"chronik.assignor/1:", "chronik.assignor/1:A", "chronik.assignor/1:a:b",
                            "chronik.assignor/1:a/b", "chronik.assignor:a", ":a", "chronik.assignor/:a"}) {
    EXPECT_NE(provides(wrong).find("is no service ID"), std::string::npos) << wrong;
  }
}

TEST(Manifest, WhoRequiresAnIdGetsAtEachName) {
  EXPECT_TRUE(meets("a/1:left", "a/1"));
  EXPECT_TRUE(meets("a/1:left", "a/1:left"));
  EXPECT_TRUE(meets("a/1", "a/1"));
  EXPECT_FALSE(meets("a/1:left", "a/1:right"));
  EXPECT_FALSE(meets("a/1", "a/1:left"));
  EXPECT_FALSE(meets("a/10", "a/1"));
}

TEST(Manifest, IdsThatCouldLeaveTheFolderAreRefused) {
  EXPECT_FALSE(parse_manifest("id = \"../x\"\nversion = \"1\"\nabi = \"1.0\"\n"));
  EXPECT_FALSE(parse_manifest("id = \"\"\nversion = \"1\"\nabi = \"1.0\"\n"));
  EXPECT_FALSE(parse_manifest("id = \"x\"\nconfig = \"a b\"\nversion = \"1\"\nabi = \"1.0\"\n"));
  EXPECT_TRUE(parse_manifest("id = \"x\"\nversion = \"1\"\nabi = \"1.0\"\n"));
}

}  // namespace
}  // namespace chronik::host
