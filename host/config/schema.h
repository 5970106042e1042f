// What keys a configuration may have. The host's own keys and those that plugins declare
// look the same from here on.
#pragma once

#include <chronik/plugin.h>
#include <chronik/result.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace chronik::host {

struct TomlNode;

enum class KeyType {
  kBool = CHR_CONFIG_BOOL,
  kInt = CHR_CONFIG_INT,
  kString = CHR_CONFIG_STRING,
  kDuration = CHR_CONFIG_DURATION,
  kSize = CHR_CONFIG_SIZE,
  kAddress = CHR_CONFIG_ADDRESS,
  kChoice = CHR_CONFIG_CHOICE,
};

// A checked value: an integer (bool, int, ns, bytes) or a text, or a list of either.
using Scalar = std::variant<int64_t, std::string>;
struct Value {
  bool is_list = false;
  std::vector<Scalar> items;  // one item unless it is a list

  int64_t integer() const { return std::get<int64_t>(items.at(0)); }
  const std::string& text() const { return std::get<std::string>(items.at(0)); }
  friend bool operator==(const Value&, const Value&) = default;
};

struct KeySchema {
  std::string name;  // within its table; dots for nested tables
  KeyType type = KeyType::kString;
  bool list = false;
  bool required = false;
  std::string default_text;  // as it would stand in the TOML; empty: none
  int64_t min = 0, max = 0;  // both 0: unchecked
  std::vector<std::string> choices;
  std::string doc;

  // "a duration such as \"150ms\"", "a list of addresses \"host:port\"", ...
  std::string expectation() const;
  // "default \"16GiB\", range 1MiB .. 1TiB", or empty.
  std::string limits() const;
};

// The keys of one table. `declared_by` is for messages: "storage-lmdb 1.0.0", "chronik-server".
struct TableSchema {
  std::string table;  // empty: the top level
  std::string declared_by;
  std::string doc;
  std::vector<KeySchema> keys;

  const KeySchema* find(std::string_view key) const;
  std::string full_name(const KeySchema& key) const;  // "storage.map_size"
};

// Checks a plugin's declaration itself: names, types, defaults that fit their own
// limits. The error names the key.
Result<TableSchema> schema_from_abi(std::string_view table, std::string_view declared_by,
                                    std::span<const chr_config_key> keys);

// What the TOML says under a key, checked. The error has no name of the key in front.
struct ValueError {
  std::string message;
  const TomlNode* node;  // the part that is wrong
};
std::variant<Value, ValueError> check_value(const KeySchema& schema, const TomlNode& node);
// The same from an environment variable or a flag: lists with commas or as TOML, other texts without quotes.
Result<Value> check_text(const KeySchema& schema, std::string_view text);
// Absent if the schema has none.
std::optional<Value> default_value(const KeySchema& schema);

// As it would stand in the TOML.
std::string to_toml(const KeySchema& schema, const Value& value);

// CHRONIK_STORAGE__MAP_SIZE for storage.map_size.
std::string environment_name(std::string_view full_key);

}  // namespace chronik::host
