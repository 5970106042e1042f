#include "host/config/host_schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/config/units.h"

namespace chronik::host {
namespace {

constexpr std::string_view kHost = "chronik-server";

KeySchema key(std::string_view name, KeyType type, std::string_view default_text, std::string_view doc,
              int64_t min = 0, int64_t max = 0) {
  KeySchema schema;
  schema.name = name;
  schema.type = type;
  schema.default_text = default_text;
  schema.doc = doc;
  schema.min = min;
  schema.max = max;
  return schema;
}

KeySchema choice(std::string_view name, std::vector<std::string> choices, std::string_view default_text,
                 std::string_view doc) {
  KeySchema schema = key(name, KeyType::kChoice, default_text, doc);
  schema.choices = std::move(choices);
  return schema;
}

TableSchema top_level() {
  TableSchema schema{.table = "", .declared_by = std::string(kHost), .doc = "The node.", .keys = {}};
  schema.keys = {
      key("node_id", KeyType::kInt, "1",
          "Who this node is, unique in its cluster. Required with [[peer]] entries.", 1, INT32_MAX),
      key("data_dir", KeyType::kString, "\"/var/lib/chronik\"",
          "Everything that the node keeps. One node per folder; made when it does not exist."),
      key("rack", KeyType::kString, "",
          "Where the node stands, for placing replicas and for clients that read nearby."),
      key("shards", KeyType::kInt, "0", "Event loops, one thread each. 0: one per core.", 0, 256),
      key("plugin_dir", KeyType::kString, "",
          "Where plugins are found by name. Default: ../plugins from the executable."),
      key("plugins", KeyType::kString, "[]", "Further plugins, beside those that the tables below select."),
      key("drain_timeout", KeyType::kDuration, "\"30s\"",
          "How long a stop may take to end what is in flight. A second signal stops at once.", 0,
          3'600'000'000'000),
      choice("file_io", {"auto", "io_uring", "threads"}, "\"auto\"",
             "How files of plugins are written that leave it to the host. auto: by io_uring where the kernel "
             "lets "
             "this process use it, by threads otherwise."),
  };
  schema.keys[5].list = true;
  return schema;
}

std::string text_of(const Settings& settings, std::string_view name) {
  const Setting* setting = settings.find(name);
  return setting != nullptr && setting->value ? setting->value->text() : std::string();
}

int64_t integer_of(const Settings& settings, std::string_view name, int64_t fallback) {
  const Setting* setting = settings.find(name);
  return setting != nullptr && setting->value ? setting->value->integer() : fallback;
}

std::filesystem::path path_of(const Settings& settings, std::string_view name,
                              const std::filesystem::path& file) {
  std::filesystem::path path = text_of(settings, name);
  if (path.empty() || path.is_absolute()) return path;
  const bool from_file = settings.find(name)->origin == Origin::kFile;
  return std::filesystem::absolute(from_file ? std::filesystem::absolute(file).parent_path() / path : path)
      .lexically_normal();
}

void warn_if_open(Settings& settings) {
  const Setting* listen = settings.find("http.listen");
  if (listen == nullptr || !listen->value) return;
  const auto address = parse_address(listen->value->text());
  if (!address) return;
  const std::string& host = address->host;
  if (host == "localhost" || host == "::1" || host.starts_with("127.")) return;
  Diagnostic warning;
  warning.severity = Severity::kWarning;
  warning.source = listen->at.line != 0 ? settings.diagnostics().file() : listen->source;
  warning.at = listen->at;
  warning.length = listen->end.line == listen->at.line ? listen->end.column - listen->at.column : 1;
  warning.message = "http.listen is open to other machines, and this port asks nobody for a password";
  settings.diagnostics().add(std::move(warning));
}

}  // namespace

std::vector<TableSchema> host_schemas() {
  std::vector<TableSchema> schemas = {top_level()};
  schemas.push_back({.table = "http",
                     .declared_by = std::string(kHost),
                     .doc = "Metrics, health and administration over HTTP.",
                     .keys = {key("listen", KeyType::kAddress, "\"127.0.0.1:9644\"",
                                  "Serves /metrics, /livez, /readyz and /v1.")}});
  schemas.push_back(
      {.table = "log",
       .declared_by = std::string(kHost),
       .doc = "The log, on stderr.",
       .keys = {choice("level", {"error", "warn", "info", "debug", "trace"}, "\"info\"",
                       "The most detailed level."),
                choice("format", {"logfmt", "json"}, "\"logfmt\"", "One event per line in either form.")}});
  for (const Slot& slot : kSlots) {
    schemas.push_back({.table = std::string(slot.table),
                       .declared_by = std::string(kHost),
                       .doc = std::string(slot.doc),
                       .keys = {key("plugin", KeyType::kString, fmt::format("\"{}\"", slot.default_plugin),
                                    "A name, found as <plugin_dir>/<name>.so, or a path.")}});
  }
  for (const SlotList& list : kSlotLists) {
    TableSchema schema{.table = std::string(list.table),
                       .declared_by = std::string(kHost),
                       .doc = std::string(list.doc),
                       .keys = {key("plugins", KeyType::kString, list.default_plugins,
                                    "Names, found as <plugin_dir>/<name>.so, or paths.")}};
    schema.keys[0].list = true;
    schemas.push_back(std::move(schema));
  }
  return schemas;
}

HostConfig read_host_config(Settings& settings, const std::filesystem::path& file) {
  for (const TableSchema& schema : host_schemas()) settings.read(schema);
  HostConfig config;
  config.peers = read_peers(settings);
  config.node_id = static_cast<int32_t>(integer_of(settings, "node_id", 1));
  config.data_dir = path_of(settings, "data_dir", file);
  config.rack = text_of(settings, "rack");
  config.shards = static_cast<uint32_t>(integer_of(settings, "shards", 0));
  config.plugin_dir = path_of(settings, "plugin_dir", file);
  config.http_listen = text_of(settings, "http.listen");
  config.log_level = text_of(settings, "log.level");
  config.log_format = text_of(settings, "log.format");
  config.drain_timeout_ns = integer_of(settings, "drain_timeout", 0);
  config.file_io = text_of(settings, "file_io");
  if (const Setting* plugins = settings.find("plugins"); plugins->value) {
    for (const Scalar& name : plugins->value->items) config.plugins.push_back(std::get<std::string>(name));
  }
  const Setting* data_dir = settings.find("data_dir");
  if (data_dir->value && data_dir->value->text().empty()) {
    settings.refuse(*data_dir, "data_dir is empty; name the folder for the node's data");
  }
  warn_if_open(settings);
  return config;
}

}  // namespace chronik::host
