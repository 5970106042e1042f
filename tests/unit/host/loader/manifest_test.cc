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

TEST(Manifest, IdsThatCouldLeaveTheFolderAreRefused) {
  EXPECT_FALSE(parse_manifest("id = \"../x\"\nversion = \"1\"\nabi = \"1.0\"\n"));
  EXPECT_FALSE(parse_manifest("id = \"\"\nversion = \"1\"\nabi = \"1.0\"\n"));
  EXPECT_FALSE(parse_manifest("id = \"x\"\nconfig = \"a b\"\nversion = \"1\"\nabi = \"1.0\"\n"));
  EXPECT_TRUE(parse_manifest("id = \"x\"\nversion = \"1\"\nabi = \"1.0\"\n"));
}

}  // namespace
}  // namespace chronik::host
