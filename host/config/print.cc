#include "host/config/print.h"

#include <fmt/format.h>

#include <algorithm>

namespace chronik::host {
namespace {

constexpr size_t kOriginColumn = 48;
constexpr size_t kWidth = 100;

std::string origin_text(const Setting& setting) {
  switch (setting.origin) {
    case Origin::kDefault:
      return "default";
    case Origin::kPreset:
      return "preset of " + setting.source;
    case Origin::kFile:
      return "file " + setting.source;
    case Origin::kEnvironment:
      return "environment " + setting.source;
    case Origin::kFlag:
      return "flag " + setting.source;
  }
  return {};
}

// A comment, wrapped.
void comment(std::string_view text, std::string* out) {
  std::string line = "#";
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (line.size() + 1 + end > kWidth && line.size() > 1) {
      *out += line + "\n";
      line = "#";
    }
    line += " " + std::string(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  *out += line + "\n";
}

// What stands for a value where a key has no default.
std::string_view example(const KeySchema& key) {
  switch (key.type) {
    case KeyType::kBool:
      return "false";
    case KeyType::kInt:
      return "0";
    case KeyType::kDuration:
      return "\"1s\"";
    case KeyType::kSize:
      return "\"1MiB\"";
    case KeyType::kAddress:
      return "\"host.example.com:9092\"";
    case KeyType::kString:
    case KeyType::kChoice:
      break;
  }
  return "\"\"";
}

void print_key(const TableSchema& schema, const KeySchema& key, std::string* out) {
  *out += "\n";
  if (!key.doc.empty()) comment(key.doc, out);
  std::string facts = key.expectation();
  if (key.min != 0 || key.max != 0) {
    const std::string limits = key.limits();
    facts += ", " + limits.substr(limits.find("range"));
  }
  facts += "; " + environment_name(schema.full_name(key));
  comment("(" + facts + ")", out);
  std::string value = key.default_text;
  if (value.empty()) value = example(key);
  if (key.list && key.default_text.empty()) value = "[" + value + "]";
  *out += fmt::format("{}{} = {}\n", key.required ? "" : "#", key.name, value);
}

}  // namespace

std::string print_config(const Settings& settings, const std::vector<ConfiguredPeer>& peers,
                         bool with_origin) {
  std::string out;
  std::string table;
  for (const Setting& setting : settings.all()) {
    if (!setting.value) continue;
    if (setting.table != table) out += fmt::format("\n[{}]\n", setting.table);
    table = setting.table;
    std::string line = fmt::format("{} = {}", setting.schema.name, to_toml(setting.schema, *setting.value));
    if (with_origin) {
      if (line.size() < kOriginColumn) line.resize(kOriginColumn, ' ');
      line += "  # " + origin_text(setting);
    }
    out += line + "\n";
  }
  for (const ConfiguredPeer& peer : peers) {
    out += fmt::format("\n[[peer]]\nid = {}\nraft = \"{}\"\n", peer.id, peer.raft);
  }
  return out;
}

std::string print_default_config(const std::vector<TableSchema>& schemas) {
  std::string out =
      "# chronik-server: every key with its default. Uncomment what you change; what is left out keeps its "
      "default.\n"
      "# Precedence: --set KEY=VALUE, then the environment variable that stands with each key, then this "
      "file.\n";
  std::vector<std::string> done;
  for (const TableSchema& first : schemas) {
    if (std::ranges::find(done, first.table) != done.end()) continue;
    done.push_back(first.table);
    if (!first.table.empty()) {
      out += "\n";
      if (!first.doc.empty()) comment(first.doc, &out);
      out += fmt::format("[{}]\n", first.table);
    }
    for (const TableSchema& schema : schemas) {
      if (schema.table != first.table) continue;
      for (const KeySchema& key : schema.keys) print_key(schema, key, &out);
    }
  }
  out +=
      "\n# The nodes of a cluster, the same entries in every node's file; a node alone needs none.\n"
      "# (ID@HOST:PORT, with commas between them; CHRONIK_PEER)\n"
      "#[[peer]]\n#id = 1\n#raft = \"10.0.0.1:9093\"\n";
  return out;
}

}  // namespace chronik::host
