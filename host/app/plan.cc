#include "host/app/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>

#include "host/loader/trial.h"

namespace chronik::host {
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;

Result<std::string> read_text(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) return fail(Code::kNotFound, "no such file");
  if (!std::filesystem::is_regular_file(status)) return fail(Code::kInvalidArgument, "is not a regular file");
  if (std::filesystem::file_size(file, error) > kMaxConfigBytes) {
    return fail(Code::kOutOfRange, "is larger than 1 MiB, so it is no configuration");
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Code::kIo, std::strerror(errno));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The plugins that a directory has, for a suggestion.
std::vector<std::string> plugin_names(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".so") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

std::string declared_by(const Manifest& manifest) { return manifest.id + " " + manifest.version; }

}  // namespace

std::filesystem::path default_plugin_dir() {
  std::error_code error;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", error);
  return (executable.parent_path() / ".." / "plugins").lexically_normal();
}

NodePlan::NodePlan(const PlanOptions& options) {
  const bool readable = read_file(options.file);
  settings_ = std::make_unique<Settings>(document_, options.overrides, options.environment, diagnostics_);
  config_ = read_host_config(*settings_, options.file);
  schemas_ = host_schemas();
  if (!readable) return;
  std::vector<Selected> selected = select();
  for (Selected& s : selected) probe(&s);
  resolve(&selected);
  load();
  settings_->finish();
  for (size_t i = 0; i < plugins_.size(); ++i) validate(i);
  for (size_t i = 0; i < plugins_.size(); ++i) try_instance(i);
}

bool NodePlan::read_file(const std::filesystem::path& file) {
  if (file.empty()) {
    diagnostics_.set_file("(no file)", "");
    return true;
  }
  auto text = read_text(file);
  if (!text) {
    diagnostics_.set_file(file.string(), "");
    diagnostics_.error_from(file.string(), text.error().message);
    return false;
  }
  document_ = parse_toml(*text);
  diagnostics_.set_file(file.string(), std::move(*text));
  for (const TomlError& error : document_.errors) diagnostics_.error(error.at, error.at, error.message);
  return document_.readable;
}

std::vector<NodePlan::Selected> NodePlan::select() {
  if (config_.plugin_dir.empty()) config_.plugin_dir = default_plugin_dir();
  std::vector<Selected> selected;
  for (const Slot& slot : kSlots) {
    const std::string key = fmt::format("{}.plugin", slot.table);
    const Setting* setting = settings_->find(key);
    if (!setting->value) leave_alone(std::string(slot.table));
    if (!setting->value || setting->value->text() == kNoPlugin) continue;
    selected.push_back({std::string(slot.table), key, setting->value->text(), std::nullopt});
    if (slot.keeps_data) data_plugin_ = setting->value->text();
  }
  for (const std::string& name : config_.plugins) selected.push_back({{}, "plugins", name, std::nullopt});
  return selected;
}

void NodePlan::error_at(const std::string& key, std::string message) {
  const Setting* setting = settings_->find(key);
  if (setting != nullptr && setting->origin == Origin::kFile) {
    diagnostics_.error(setting->at, setting->end, std::move(message));
  } else {
    const bool given = setting != nullptr && !setting->source.empty();
    diagnostics_.error_from(given ? setting->source : diagnostics_.file(),
                            fmt::format("{}: {}", key, message));
  }
}

void NodePlan::probe(Selected* selected) {
  const std::filesystem::path path = plugin_path(config_.plugin_dir, selected->name);
  auto file = PluginFile::probe(path);
  if (file) {
    selected->file = std::move(*file);
    check_table(selected);
    return;
  }
  std::string message =
      fmt::format("the plugin \"{}\" cannot be used: {}", selected->name, file.error().message);
  if (file.error().code == Code::kNotFound) {
    const std::vector<std::string> names = plugin_names(path.parent_path());
    const std::string_view near = closest(path.stem().string(), names);
    message = fmt::format("there is no plugin \"{}\": {} does not exist", selected->name, path.string());
    if (!near.empty()) message += fmt::format("; did you mean \"{}\"?", near);
  }
  error_at(selected->key, std::move(message));
}

// A slot takes only plugins made for it, and further plugins bring tables of their own.
void NodePlan::check_table(Selected* selected) {
  const Manifest& manifest = selected->file->manifest();
  std::string message;
  if (!selected->table.empty() && manifest.config != selected->table) {
    message = fmt::format("the plugin \"{}\" is made for [{}], not for [{}]", selected->name, manifest.config,
                          selected->table);
  } else if (selected->table.empty()) {
    const bool slot = std::ranges::any_of(kSlots, [&](const Slot& s) { return s.table == manifest.config; });
    if (slot) {
      message = fmt::format("the plugin \"{}\" is made for [{}]; select it there: plugin = \"{}\"",
                            selected->name, manifest.config, selected->name);
    } else if (manifest.config == "http" || manifest.config == "log" || manifest.config == "peer") {
      message = fmt::format("the plugin \"{}\" claims the table [{}], which belongs to the host",
                            selected->name, manifest.config);
    }
  }
  if (message.empty()) return;
  error_at(selected->key, std::move(message));
  selected->file.reset();
}

// Whether the plugins fit together, and which keys they have, are two questions: all that could be probed are
// kept, so that the keys of each are judged whatever is wrong with another.
void NodePlan::resolve(std::vector<Selected>* selected) {
  std::vector<PluginFile> files;
  bool complete = true;
  for (Selected& s : *selected) {
    if (!s.file) {
      complete = false;
      leave_alone(s.table);
      continue;
    }
    selected_by_.emplace(s.file->manifest().id, s.key);
    if (s.name == data_plugin_ && !s.table.empty()) data_plugin_ = s.file->manifest().id;
    files.push_back(std::move(*s.file));
  }
  for (const PluginSet::Problem& problem : PluginSet::problems(files)) {
    // A plugin that could not be probed may be the one that provides it, and its absence was reported.
    if (problem.is_absence && !complete) continue;
    error_at(selected_by_[problem.plugin], problem.message);
  }
  set_ = PluginSet::unresolved(std::move(files));
}

void NodePlan::load() {
  for (size_t i = 0; i < set_.size(); ++i) {
    const Manifest& manifest = set_[i].manifest();
    PlannedPlugin plugin{manifest.config, {}, {}};
    Status status = try_loading(set_[i].file());
    if (status) status = set_[i].load();
    if (status) status = read_plugin_table(set_[i], &plugin);
    if (!status) {
      error_at(selected_by_[manifest.id], status.error().message);
      settings_->leave_alone(manifest.config);
    }
    plugins_.push_back(std::move(plugin));
  }
}

Status NodePlan::read_plugin_table(const LoadedPlugin& from, PlannedPlugin* plugin) {
  CHRONIK_TRY(TableSchema schema,
              schema_from_abi(plugin->table, declared_by(from.manifest()), from.schema()));
  if (!plugin->table.empty()) {
    settings_->read(schema);
    schemas_.push_back(std::move(schema));
    plugin->values = settings_->values(plugin->table);
  }
  plugin->json = plugin->values.json();
  return {};
}

// The keys of a table are not judged where the plugin that would declare them is missing. A further plugin
// (table empty) could have any table that is not the host's.
void NodePlan::leave_alone(const std::string& table) {
  if (!table.empty()) {
    settings_->leave_alone(table);
    return;
  }
  for (const TomlMember& member : document_.root.members) {
    const bool slot = std::ranges::any_of(kSlots, [&](const Slot& s) { return s.table == member.key; });
    const bool host = slot || member.key == "http" || member.key == "log";
    if (member.value.kind == TomlNode::Kind::kTable && !host) settings_->leave_alone(member.key);
  }
}

void NodePlan::validate(size_t i) {
  const std::string& table = plugins_[i].table;
  if (plugins_[i].json.empty()) return;
  const Status status = set_[i].validate(plugins_[i].json);
  if (status) return;
  std::string message = status.error().message;
  if (settings_->follows_from_another(table, message)) return;
  // Where the message begins with a key of the table, the error belongs to its value.
  const std::string word = message.substr(0, message.find_first_of(" :,"));
  const std::string prefix = table + ".";
  const std::string key = word.starts_with(prefix) ? word : prefix + word;
  const Setting* setting = settings_->find(key);
  if (setting != nullptr && setting->at.line != 0 && setting->origin == Origin::kFile) {
    diagnostics_.error(setting->at, setting->end, message,
                       {"declared by " + declared_by(set_[i].manifest())});
    return;
  }
  if (setting != nullptr && !setting->source.empty()) {
    diagnostics_.error_from(setting->source, message, {"declared by " + declared_by(set_[i].manifest())});
    return;
  }
  const Position at = settings_->place(table);
  diagnostics_.error(at, {at.line, at.column + static_cast<uint32_t>(table.size())},
                     fmt::format("[{}]: {}", table, message));
}

void NodePlan::try_instance(size_t i) {
  if (plugins_[i].json.empty() || settings_->has_refused(plugins_[i].table)) return;
  const Status tried = try_creating(set_[i].file(), plugins_[i].values, Instances::Missing::kAllowed);
  if (!tried) error_at(selected_by_[set_[i].id()], tried.error().message);
}

}  // namespace chronik::host
