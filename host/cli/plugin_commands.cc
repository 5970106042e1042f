#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "host/app/plan.h"
#include "host/cli/commands.h"
#include "host/loader/trial.h"

namespace chronik::host {
namespace {

std::string list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out.empty() ? "-" : out;
}

std::filesystem::path directory_or_default(const std::filesystem::path& directory) {
  return directory.empty() ? default_plugin_dir() : directory;
}

// A table with columns as wide as they need to be.
void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

std::optional<PluginFile> probe(const std::filesystem::path& directory, const std::string& plugin) {
  std::filesystem::path path = plugin_path(directory_or_default(directory), plugin);
  if (plugin.ends_with(".so")) path = plugin;
  auto file = PluginFile::probe(path);
  if (file) return std::move(*file);
  fmt::print(stderr, "{}\n", file.error().message);
  return std::nullopt;
}

// An instance with the default of every key, and all that the manifest promises.
Status try_with_defaults(const PluginFile& file) {
  LoadedPlugin plugin(file);
  CHRONIK_CHECK(plugin.load());
  CHRONIK_TRY(const TableSchema schema,
              schema_from_abi(file.manifest().config, file.manifest().id, plugin.schema()));
  TableValues values;
  for (const KeySchema& key : schema.keys) {
    if (const auto value = default_value(key)) values.set(key.name, key, *value);
    if (key.required) return {};  // nothing can be tried without it
  }
  return try_creating(file, values, Instances::Missing::kRefused);
}

}  // namespace

int command_plugin_ls(const std::filesystem::path& directory) {
  const std::filesystem::path where = directory_or_default(directory);
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(where, error)) {
    if (entry.path().extension() == ".so") files.push_back(entry.path());
  }
  if (error) {
    fmt::print(stderr, "chronik-server: cannot read {}: {}\n", where.string(), error.message());
    return kExitFailed;
  }
  std::ranges::sort(files);
  std::vector<std::vector<std::string>> rows = {{"PLUGIN", "VERSION", "TABLE", "PROVIDES", "REQUIRES"}};
  bool good = true;
  for (const std::filesystem::path& path : files) {
    const auto file = PluginFile::probe(path);
    if (!file) {
      fmt::print(stderr, "{}\n", file.error().message);
      good = false;
      continue;
    }
    const Manifest& m = file->manifest();
    rows.push_back({m.id, m.version, m.config.empty() ? "-" : m.config, list(m.provides), list(m.requires_)});
  }
  print_table(rows);
  return good ? kExitOk : kExitFailed;
}

int command_plugin_info(const std::filesystem::path& directory, const std::string& plugin) {
  const auto file = probe(directory, plugin);
  if (!file) return kExitFailed;
  const Manifest& m = file->manifest();
  fmt::print("id        {}\n", m.id);
  fmt::print("version   {}\n", m.version);
  fmt::print("file      {}\n", file->path().string());
  fmt::print("table     {}\n", m.config.empty() ? "-" : "[" + m.config + "]");
  fmt::print("provides  {}\n", list(m.provides));
  fmt::print("requires  {}\n", list(m.requires_));
  fmt::print("optional  {}\n", list(m.optional));
  fmt::print("abi       {}.{}\n", m.abi_major, m.abi_minor);
  fmt::print("license   {}\n", m.license.empty() ? "-" : m.license);
  return kExitOk;
}

int command_plugin_check(const std::filesystem::path& directory, const std::string& plugin) {
  const auto file = probe(directory, plugin);
  if (!file) return kExitFailed;
  std::vector<std::string> problems;
  for (const std::string& symbol : file->forbidden_imports()) {
    problems.push_back(
        fmt::format("imports {}, which reaches around the host; use the host's service instead", symbol));
  }
  for (const std::string& symbol : file->exported()) {
    if (symbol == "chronik_plugin_v1") continue;
    problems.push_back(fmt::format("exports {}; a plugin exports chronik_plugin_v1 only", symbol));
  }
  Status tried = try_loading(*file);
  if (tried) tried = try_with_defaults(*file);
  if (!tried) problems.push_back(tried.error().message);
  const std::string& id = file->manifest().id;
  for (const std::string& problem : problems)
    fmt::print("{}{}\n", problem.starts_with(id) ? "" : id + ": ", problem);
  if (!problems.empty()) return kExitFailed;
  fmt::print("{} {}: good\n", file->manifest().id, file->manifest().version);
  return kExitOk;
}

int command_version(bool verbose) {
  fmt::print("chronik-server {}\n", CHRONIK_VERSION);
  if (!verbose) return kExitOk;
  fmt::print("abi       {}.{}\n", CHR_ABI_MAJOR, CHR_ABI_MINOR);
#if defined(__clang__)
  fmt::print("compiler  clang {}\n", __clang_version__);
#else
  fmt::print("compiler  gcc {}\n", __VERSION__);
#endif
  fmt::print("plugins   {}\n", default_plugin_dir().string());
  return kExitOk;
}

}  // namespace chronik::host
