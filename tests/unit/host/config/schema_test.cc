#include "host/config/schema.h"

#include <gtest/gtest.h>
#include <chronik/plugin.hpp>

#include "host/config/json.h"
#include "host/config/toml_document.h"

namespace chronik::host {
namespace {

KeySchema make(KeyType type, int64_t min = 0, int64_t max = 0, bool list = false) {
  KeySchema key;
  key.name = "key";
  key.type = type;
  key.min = min;
  key.max = max;
  key.list = list;
  return key;
}

// The value under "x", or the error's message.
std::string checked(const KeySchema& key, const std::string& toml) {
  const TomlDocument document = parse_toml("x = " + toml);
  EXPECT_TRUE(document.errors.empty()) << toml;
  const auto value = check_value(key, document.root.members.at(0).value);
  if (const auto* error = std::get_if<ValueError>(&value)) return error->message;
  return to_toml(key, std::get<Value>(value));
}

TEST(Schema, ValuesAreCheckedByType) {
  EXPECT_EQ(checked(make(KeyType::kBool), "true"), "true");
  EXPECT_EQ(checked(make(KeyType::kBool), "1"), "expected true or false, got an integer (1)");
  EXPECT_EQ(checked(make(KeyType::kInt, 1, 9), "7"), "7");
  EXPECT_EQ(checked(make(KeyType::kInt, 1, 9), "10"), "10 is above the greatest value 9");
  EXPECT_EQ(checked(make(KeyType::kInt, 1, 9), "\"7\""), "expected an integer, got \"7\"");
  EXPECT_EQ(checked(make(KeyType::kInt), "1.5"), "expected an integer, got a number with a fraction");
  EXPECT_EQ(checked(make(KeyType::kDuration), "\"1500ms\""), "\"1500ms\"");
  EXPECT_EQ(checked(make(KeyType::kDuration), "\"60s\""), "\"1m\"");
  EXPECT_EQ(checked(make(KeyType::kDuration), "150"), "\"150\" has no unit; did you mean \"150ms\"?");
  EXPECT_EQ(checked(make(KeyType::kSize, 1024, 1 << 20), "\"1B\""), "1B is below the least value 1KiB");
  EXPECT_EQ(checked(make(KeyType::kSize, -1, 1 << 20), "-1"), "\"-1\"");
  EXPECT_EQ(checked(make(KeyType::kAddress), "\"host\""), "\"host\" has no port; write \"host:PORT\"");
  EXPECT_EQ(checked(make(KeyType::kString), "[1]"), "expected a string, got a list");
}

TEST(Schema, ListsNameTheElementThatIsWrong) {
  const KeySchema key = make(KeyType::kAddress, 0, 0, true);
  EXPECT_EQ(checked(key, "[\"a:1\", \"b:2\"]"), "[\"a:1\", \"b:2\"]");
  EXPECT_EQ(checked(key, "\"a:1\""),
            "expected a list of addresses \"host:port\", got a string; write [\"a:1\"]");
  EXPECT_EQ(checked(key, "[\"a:1\", \"b\"]"), "\"b\" has no port; write \"b:PORT\"");
}

TEST(Schema, ChoicesSuggest) {
  KeySchema key = make(KeyType::kChoice);
  key.choices = {"error", "warn", "info"};
  EXPECT_EQ(checked(key, "\"info\""), "\"info\"");
  EXPECT_EQ(checked(key, "\"wran\""),
            "\"wran\" is none of \"error\", \"warn\", \"info\"; did you mean \"warn\"?");
}

TEST(Schema, TextsOfVariablesAndFlags) {
  EXPECT_EQ(to_toml(make(KeyType::kString), check_text(make(KeyType::kString), "a b").value()), "\"a b\"");
  EXPECT_EQ(to_toml(make(KeyType::kInt), check_text(make(KeyType::kInt), "7").value()), "7");
  const KeySchema list = make(KeyType::kAddress, 0, 0, true);
  EXPECT_EQ(to_toml(list, check_text(list, "a:1, b:2").value()), "[\"a:1\", \"b:2\"]");
  EXPECT_EQ(to_toml(list, check_text(list, "[\"a:1\"]").value()), "[\"a:1\"]");
  EXPECT_EQ(check_text(make(KeyType::kInt), "7\ny = 8").error().message,
            "expected an integer, got \"7\ny = 8\"");
  EXPECT_FALSE(check_text(make(KeyType::kBool), "yes"));
}

TEST(Schema, PluginsDeclareThroughTheAbi) {
  constexpr chr_config_key kKeys[] = {
      config_key("map_size", CHR_CONFIG_SIZE, "\"16GiB\"", "How large.", 1 << 20, 1LL << 40),
      config_key("tls.listen", CHR_CONFIG_ADDRESS | CHR_CONFIG_LIST, "[]", "Where."),
      config_key("mode", CHR_CONFIG_CHOICE, "\"a\"", "How.", 0, 0, "a|b"),
  };
  const auto schema = schema_from_abi("storage", "storage-x 1.0.0", kKeys);
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->keys[0].limits(), "default \"16GiB\", range 1MiB .. 1TiB");
  EXPECT_TRUE(schema->keys[1].list);
  EXPECT_EQ(schema->keys[2].choices, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(default_value(schema->keys[0])->integer(), 16LL << 30);
}

TEST(Schema, AWrongDeclarationNamesTheKey) {
  constexpr chr_config_key kPlugin[] = {config_key("plugin", CHR_CONFIG_STRING, "", "")};
  constexpr chr_config_key kDefault[] = {config_key("size", CHR_CONFIG_SIZE, "\"1XB\"", "")};
  constexpr chr_config_key kType[] = {config_key("size", 99, "", "")};
  constexpr chr_config_key kTwice[] = {config_key("a", CHR_CONFIG_INT, "", ""),
                                       config_key("a", CHR_CONFIG_INT, "", "")};
  const auto message = [](std::span<const chr_config_key> keys) {
    return schema_from_abi("t", "x 1", keys).error().message;
  };
  EXPECT_EQ(message(kPlugin),
            "the schema of x 1 is wrong at key \"plugin\": the name \"plugin\" belongs to the host");
  EXPECT_NE(message(kDefault).find("its own default does not fit"), std::string::npos);
  EXPECT_NE(message(kType).find("its type is unknown to this host"), std::string::npos);
  EXPECT_NE(message(kTwice).find("declared twice"), std::string::npos);
}

TEST(Json, IsCanonicalAndNestsDots) {
  JsonObject object;
  object.set("b", "1");
  object.set("a.y", json_quote("q\"\\\n"));
  object.set("a.x", json_value(Value{true, {int64_t{1}, int64_t{0}}}, true));
  EXPECT_EQ(object.text(), "{\"a\":{\"x\":[true,false],\"y\":\"q\\\"\\\\\\u000a\"},\"b\":1}");
}

TEST(Environment, Names) {
  EXPECT_EQ(environment_name("node_id"), "CHRONIK_NODE_ID");
  EXPECT_EQ(environment_name("storage.map_size"), "CHRONIK_STORAGE__MAP_SIZE");
  EXPECT_EQ(environment_name("admin-http.tls.cert"), "CHRONIK_ADMIN_HTTP__TLS__CERT");
}

}  // namespace
}  // namespace chronik::host
