// The effective configuration: what the file, the environment and the flags say, checked against the schemas,
// with the origin of every value. Precedence: flag, environment, file, preset (of `dev`), default.
//
//     Settings settings(document, overrides, environment, diagnostics);
//     for (const TableSchema& schema : host_schemas()) settings.read(schema);
//     ... find the plugins that are selected; settings.read(schema of each) ...
//     settings.report_undeclared();  // what nobody declared is an error
#pragma once

#include "host/config/diagnostic.h"
#include "host/config/schema.h"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace chronik::host {

enum class Origin { kDefault, kPreset, kFile, kEnvironment, kFlag };

// A value given outside of the file. key is full: "storage.map_size".
struct Override {
  std::string key;
  std::string text;
  Origin origin = Origin::kFlag;
  std::string source;  // how it was given, for messages: "--set storage.map_size=1"
};

struct EnvironmentVariable {
  std::string name;
  std::string text;
};

struct Setting {
  std::string table;
  KeySchema schema;
  std::string full_name;
  std::optional<Value> value;  // absent: no default, and not given (or given wrongly)
  Origin origin = Origin::kDefault;
  std::string source;  // "node.toml:4", "CHRONIK_NODE_ID", "--set ..."; empty for a default
  Position at, end;    // of the value in the file, where it has one
  std::vector<std::pair<Position, Position>> items;  // of a list's
};

// A plugin's table, as the plugin sees it. Keys are within the table.
class TableValues {
 public:
  void set(std::string key, const KeySchema& schema, Value value, Origin origin = Origin::kDefault);
  void set_default(const KeySchema& schema);
  const Value* find(std::string_view key) const;
  // Whether something else than the schema said the value.
  bool is_given(std::string_view key) const;
  template <class Fn>  // (const std::string& key, const Value& value)
  void for_each(Fn&& fn) const {
    for (const auto& [key, entry] : entries_) fn(key, entry.value);
  }
  // Canonical JSON: defaults filled in, durations in ns, sizes in bytes, dots as nested objects, keys sorted.
  std::string json() const;

 private:
  struct Entry {
    KeyType type;
    Value value;
    Origin origin;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

class Settings {
 public:
  // All three outlive this object. Variables whose name does not begin with CHRONIK_ are ignored.
  Settings(const TomlDocument& document, std::vector<Override> overrides,
           std::vector<EnvironmentVariable> environment, Diagnostics& diagnostics);

  // Reads the keys of a schema, and reports what is wrong with them. A table may have several schemas.
  void read(const TableSchema& schema);
  // Its keys are not judged: what would declare them could not be loaded, or reads them in another way.
  void leave_alone(std::string_view table);
  // Reports tables, keys, variables and flags that nobody declared.
  void report_undeclared();

  const Setting* find(std::string_view full_name) const;
  // The values of a table but for the host's own key `plugin`; the default stands for a value that is wrong.
  TableValues values(std::string_view table) const;
  // Whether an error was reported about a key of this table, or about this key.
  bool has_refused(std::string_view table) const;
  bool is_refused(const Setting& setting) const { return refused_.contains(setting.full_name); }
  // The keys of a table that a text names, in its order.
  std::vector<const Setting*> named_in(std::string_view text, std::string_view table) const;
  // Reports an error about a key, where its value was given. item: of a list.
  void refuse(const Setting& setting, std::string message, std::vector<std::string> notes = {},
              std::optional<size_t> item = {});
  // What an error about another key says of this one, too: what follows from it is not reported.
  void doubt(const Setting& setting) { refused_.insert(setting.full_name); }
  // In the order of reading, tables kept together.
  const std::deque<Setting>& all() const { return settings_; }
  // The header of a table, or the place of its first key; line 0 if the file does not have it.
  Position place(std::string_view table) const;
  // A value from outside of the file that matches no schema, such as that of [[peer]]; marks it as known.
  std::optional<Override> take_override(std::string_view full_name);

  Diagnostics& diagnostics() { return diagnostics_; }
  const TomlDocument& document() const { return document_; }

 private:
  struct Given {
    std::string text;
    Origin origin;
    std::string source;
    bool used = false;
  };

  void read_key(const TableSchema& schema, const KeySchema& key);
  bool read_file(const TableSchema& schema, Setting* setting);
  bool read_given(const TableSchema& schema, Setting* setting, Origin least);
  void report(const TableSchema& schema, const Setting& setting, const std::string& source,
              const TomlNode* node, const std::string& message);
  void find_unknown(const TomlNode& table, const std::string& path);
  void find_unknown_given();
  std::string suggestion(const std::string& full_name) const;
  std::vector<std::string> known_names() const;

  const TomlDocument& document_;
  Diagnostics& diagnostics_;
  std::multimap<std::string, Given, std::less<>> given_;  // flags and presets by key, variables by their name
  std::deque<Setting> settings_;
  std::set<std::string, std::less<>> tables_;
  std::set<std::string, std::less<>> alone_;
  std::set<std::string, std::less<>>
      refused_;  // keys whose value is wrong, or missing, or does not go with another
};

}  // namespace chronik::host
