#include "host/app/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "host/app/config_file.h"
#include "host/loader/trial.h"

namespace chronik::host {
namespace {

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

bool is_host_key(const TomlMember& member) { return member.key == "plugin" || member.key == "plugins"; }

// Whether a table is one of a list's: [assignor.range] of [assignor].
bool is_of_list(std::string_view table, std::string_view list) {
  return table.size() > list.size() && table.starts_with(list) && table[list.size()] == '.';
}

// The slot, or list of slots, that a plugin with this table is made for; empty: none.
std::string_view slot_for(std::string_view table) {
  if (std::ranges::find(kSlots, table, &Slot::table) != kSlots.end()) return table;
  for (const SlotList& list : kSlotLists) {
    if (table == list.table || is_of_list(table, list.table)) return list.table;
  }
  return {};
}

bool is_list(std::string_view table) {
  return std::ranges::find(kSlotLists, table, &SlotList::table) != kSlotLists.end();
}

std::string declared_by(const Manifest& manifest) { return manifest.id + " " + manifest.version; }

}  // namespace

std::filesystem::path default_plugin_dir() {
  std::error_code error;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", error);
  return (executable.parent_path() / ".." / "plugins").lexically_normal();
}

NodePlan::NodePlan(const PlanOptions& options) {
  const bool readable = read_config_file(options.file, &document_, &diagnostics_);
  settings_ = std::make_unique<Settings>(document_, options.overrides, options.environment, diagnostics_);
  config_ = read_host_config(*settings_, options.file);
  schemas_ = host_schemas();
  if (!readable) return;
  std::vector<Selected> selected = select();
  for (Selected& s : selected) probe(&s);
  resolve(&selected);
  load();
  settings_->report_undeclared();
  check_listen_addresses(*settings_, config_);
  for (size_t i = 0; i < plugins_.size(); ++i) validate(i);
  for (const SlotList& list : kSlotLists) check_names(list);
  for (size_t i = 0; i < plugins_.size(); ++i) try_instance(i);
}

std::vector<NodePlan::Selected> NodePlan::select() {
  if (config_.plugin_dir.empty()) config_.plugin_dir = default_plugin_dir();
  std::vector<Selected> selected;
  for (const Slot& slot : kSlots) {
    const std::string key = fmt::format("{}.plugin", slot.table);
    const Setting* setting = settings_->find(key);
    // Where the name is no string, the keys of the default are the best guess.
    const std::string name = setting->value ? setting->value->text() : std::string(slot.default_plugin);
    if (setting->value && name == kNoPlugin) continue;
    selected.push_back({std::string(slot.table), key, name, std::nullopt, !setting->value, false});
    if (slot.keeps_data) data_plugin_ = name;
  }
  select_lists(&selected);
  for (const std::string& name : config_.plugins) selected.push_back({{}, "plugins", name, std::nullopt});
  return selected;
}

void NodePlan::select_lists(std::vector<Selected>* selected) {
  for (const SlotList& list : kSlotLists) {
    const std::string key = fmt::format("{}.plugins", list.table);
    const Setting* setting = settings_->find(key);
    const Setting* user = settings_->find(fmt::format("{}.plugin", list.user));
    const bool is_used = !user->value || user->value->text() != kNoPlugin;
    if (setting->value && setting->origin == Origin::kDefault && !is_used) continue;
    // Where the list is none, those of the default are the best guess, and tables of others are not judged.
    if (!setting->value) unread_.emplace(list.table);
    const Value names = setting->value.value_or(*default_value(setting->schema));
    for (const Scalar& name : names.items)
      selected->push_back(
          {std::string(list.table), key, std::get<std::string>(name), std::nullopt, !setting->value, false});
  }
}

void NodePlan::error_at(const std::string& key, const std::string& message, std::vector<std::string> notes) {
  settings_->refuse(*settings_->find(key), fmt::format("{}: {}", key, message), std::move(notes));
}

void NodePlan::probe(Selected* selected) {
  const std::filesystem::path path = plugin_path(config_.plugin_dir, selected->name);
  auto file = PluginFile::probe(path);
  if (selected->stands_in) {
    if (file && wrong_table(*selected, file->manifest()).empty()) selected->file = std::move(*file);
    return;
  }
  if (!file && file.error().code != Code::kNotFound) {
    selected->is_absent = true;
    return error_at(selected->key,
                    fmt::format("the plugin \"{}\" cannot be used: {}", selected->name, file.error().message),
                    unjudged(selected->table));
  }
  const std::string wrong =
      file ? wrong_table(*selected, file->manifest())
           : fmt::format("there is no plugin \"{}\": {} does not exist", selected->name, path.string());
  if (wrong.empty()) {
    selected->file = std::move(*file);
    return;
  }
  selected->is_absent = !file;
  const std::string meant = find_stand_in(selected, path);
  const bool suggests = !file && !meant.empty();
  std::vector<std::string> notes = unjudged(selected->table);
  if (!notes.empty() && selected->file)
    notes = {fmt::format("the keys of [{}] are read as those of {}", selected->table, meant)};
  error_at(selected->key, wrong + (suggests ? fmt::format("; did you mean \"{}\"?", meant) : ""),
           std::move(notes));
}

// A slot takes only plugins made for it, and further plugins bring tables of their own.
std::string NodePlan::wrong_table(const Selected& selected, const Manifest& manifest) {
  const std::string_view slot = slot_for(manifest.config);
  if (!selected.table.empty() && manifest.config.empty()) {
    return fmt::format(
        "the plugin \"{}\" is not made for [{}]: its manifest names no table; {}", selected.name,
        selected.table,
        is_list(selected.table)
            ? fmt::format("one for this list says config = \"{}.NAME\", also where it has no keys",
                          selected.table)
            : "a further plugin is selected by plugins = [...]");
  }
  if (!selected.table.empty() && slot != selected.table) {
    return fmt::format("the plugin \"{}\" is made for [{}], not for [{}]", selected.name, manifest.config,
                       selected.table);
  }
  if (is_list(slot) && manifest.config == slot) {
    return fmt::format(
        "the plugin \"{}\" claims the table [{}], which is that of a list of plugins; its own would "
        "be [{}.NAME]",
        selected.name, slot, slot);
  }
  if (!selected.table.empty()) return {};
  if (!slot.empty()) {
    return fmt::format("the plugin \"{}\" is made for [{}]; select it there: {}", selected.name, slot,
                       is_list(slot) ? fmt::format("plugins = [..., \"{}\"]", selected.name)
                                     : fmt::format("plugin = \"{}\"", selected.name));
  }
  if (manifest.config == "http" || manifest.config == "log" || manifest.config == "peer") {
    return fmt::format("the plugin \"{}\" claims the table [{}], which belongs to the host", selected.name,
                       manifest.config);
  }
  return {};
}

// The plugin that was most likely meant, whose keys show what else is wrong under the table: the one with the
// closest name beside where it was sought; in place of one that belongs elsewhere, the slot's default.
std::string NodePlan::find_stand_in(Selected* selected, const std::filesystem::path& sought) const {
  const std::filesystem::path folder = selected->is_absent ? sought.parent_path() : config_.plugin_dir;
  std::map<std::string, PluginFile> fitting;
  std::vector<std::string> names;
  for (const std::string& name : plugin_names(folder)) {
    auto file = PluginFile::probe(plugin_path(folder, name));
    if (!file || !wrong_table({selected->table, {}, name, {}}, file->manifest()).empty()) continue;
    names.push_back(name);
    fitting.emplace(name, std::move(*file));
  }
  const std::string word = sought.stem().string();
  std::string meant;
  if (!selected->is_absent) {
    const auto slot = std::ranges::find(kSlots, selected->table, &Slot::table);
    if (slot != kSlots.end()) meant = slot->default_plugin;
  } else if (const std::string_view near = closest(word, names); !near.empty()) {
    meant = near;
  } else {
    const auto has_word = [&](const std::string& name) { return name.find(word) != std::string::npos; };
    if (const auto part = std::ranges::find_if(names, has_word); part != names.end()) meant = *part;
  }
  const auto found = fitting.find(meant);
  if (found == fitting.end()) return {};
  selected->file = std::move(found->second);
  selected->stands_in = true;
  return meant;
}

// What is said of a table whose keys nobody knows; nothing where it has none.
std::vector<std::string> NodePlan::unjudged(const std::string& table) const {
  const TomlMember* member = document_.root.find(table);
  if (table.empty() || member == nullptr || std::ranges::all_of(member->value.members, is_host_key))
    return {};
  return {fmt::format("the keys of [{}] are not judged before that is right", table)};
}

// Whether the plugins fit together, and which keys they have, are two questions: all that could be probed are
// kept, so that the keys of each are judged whatever is wrong with another.
void NodePlan::resolve(std::vector<Selected>* selected) {
  std::vector<PluginFile> files;
  for (Selected& s : *selected) {
    if (!s.file && !s.table.empty()) unread_.insert(s.table);
    lacks_further_ |= s.is_absent && !s.file && s.table.empty();
    if (!s.file || s.stands_in) continue;
    selected_by_.emplace(s.file->manifest().id, s.key);
    if (s.name == data_plugin_ && !s.table.empty()) data_plugin_ = s.file->manifest().id;
    files.push_back(std::move(*s.file));
  }
  is_complete_ = files.size() == selected->size();
  for (const PluginSet::Problem& problem : PluginSet::problems(files)) {
    // A plugin that could not be probed may be the one that provides it, and its absence was reported.
    if (problem.is_absence && !is_complete_) continue;
    error_at(selected_by_[problem.plugin], problem.message);
  }
  for (Selected& s : *selected) {
    if (s.file && s.stands_in) files.push_back(std::move(*s.file));
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
    // One that only stands in for another is nobody's mistake.
    if (const auto by = selected_by_.find(manifest.id); !status && by != selected_by_.end()) {
      bool is_judged = false;
      for (size_t j = 0; j < set_.size(); ++j)
        is_judged |= j != i && set_[j].manifest().config == manifest.config;
      error_at(by->second, status.error().message,
               is_judged ? std::vector<std::string>() : unjudged(manifest.config));
    }
    plugins_.push_back(std::move(plugin));
  }
  leave_alone();
}

Status NodePlan::read_plugin_table(const LoadedPlugin& from, PlannedPlugin* plugin) {
  CHRONIK_TRY(TableSchema schema,
              schema_from_abi(plugin->table, declared_by(from.manifest()), from.schema()));
  if (!plugin->table.empty()) {
    settings_->read(schema);
    if (!schema.keys.empty()) schemas_.push_back(std::move(schema));
    plugin->values = settings_->values(plugin->table);
  }
  plugin->json = plugin->values.json();
  return {};
}

// The keys of a table are not judged where the plugin that would declare them is missing, or did not say
// them. A further plugin could have any table that is no other's.
void NodePlan::leave_alone() {
  std::set<std::string> known = {"http", "log"};
  for (const Slot& slot : kSlots) known.emplace(slot.table);
  for (const SlotList& list : kSlotLists) known.emplace(list.table);
  for (const PlannedPlugin& plugin : plugins_) {
    if (plugin.json.empty()) {
      settings_->leave_alone(plugin.table);
    } else {
      known.insert(plugin.table);
    }
  }
  for (const std::string& table : unread_) settings_->leave_alone(table);
  if (!lacks_further_) return;
  for (const TomlMember& member : document_.root.members) {
    const bool is_table = member.value.kind == TomlNode::Kind::kTable;
    if (is_table && !known.contains(member.key)) settings_->leave_alone(member.key);
  }
}

// The user of a list asks for services by name, and finds out at its start which there are.
void NodePlan::check_names(const SlotList& list) {
  const std::string key = fmt::format("{}.plugins", list.table);
  const Setting* const names = settings_->find(fmt::format("{}.{}", list.user, list.names_key));
  if (names == nullptr || !names->value || settings_->is_refused(*names)) return;
  if (!is_complete_ || settings_->has_refused(list.table)) return;
  std::set<std::string, std::less<>> provided;
  for (const auto& [id, by] : selected_by_) {
    const std::optional<size_t> plugin = set_.find(id);
    if (by != key || !plugin) continue;
    for (const std::string& service : set_[*plugin].manifest().provides)
      if (const size_t id_size = without_name(service).size(); id_size < service.size())
        provided.insert(service.substr(id_size + 1));
  }
  std::vector<std::string> missing;
  std::optional<size_t> first;
  for (size_t i = 0; i < names->value->items.size(); ++i) {
    const auto& name = std::get<std::string>(names->value->items[i]);
    if (provided.contains(name)) continue;
    missing.push_back(fmt::format("\"{}\"", name));
    if (!first) first = i;
  }
  if (missing.empty() || provided.empty()) return;  // that none is provided was told
  const bool is_given = names->origin != Origin::kDefault;
  settings_->refuse(is_given ? *names : *settings_->find(key),
                    fmt::format("{} names {}, which no plugin of {} provides; they provide: {}",
                                names->full_name, fmt::join(missing, ", "), key, fmt::join(provided, ", ")),
                    {}, is_given ? first : std::nullopt);
}

void NodePlan::validate(size_t i) {
  const PlannedPlugin& plugin = plugins_[i];
  if (plugin.json.empty()) return;
  // A plugin says one thing at a time: with the keys that it named as they are by default, it says the next.
  TableValues values = plugin.values;
  std::set<const Setting*> taken_back;
  for (;;) {
    const Status status = try_validating(set_[i], values.json());
    if (status) return;
    std::vector<const Setting*> named;
    if (!plugin.table.empty()) named = settings_->named_in(status.error().message, plugin.table);
    // What names a key that something was said of is likely to follow from that.
    const auto is_told = [this](const Setting* s) { return settings_->is_refused(*s); };
    if (std::ranges::none_of(named, is_told)) report_invalid(i, status.error().message, named);
    bool goes_on = false;
    for (const Setting* setting : named) {
      settings_->doubt(*setting);
      values.set_default(setting->schema);
      goes_on |= taken_back.insert(setting).second;
    }
    if (!goes_on) return;
  }
}

// At the first of the keys that was given: only that one can be changed.
void NodePlan::report_invalid(size_t i, std::string message, const std::vector<const Setting*>& named) {
  const std::string& table = plugins_[i].table;
  std::vector<std::string> notes = {"declared by " + declared_by(set_[i].manifest())};
  if (table.empty()) {
    const auto by = selected_by_.find(set_[i].id());
    if (by != selected_by_.end()) error_at(by->second, message, std::move(notes));
    return;
  }
  if (named.empty()) {
    const Position at = settings_->place(table);
    return diagnostics_.error(at, {at.line, at.column + static_cast<uint32_t>(table.size())},
                              fmt::format("[{}]: {}", table, message));
  }
  if (message.starts_with(named[0]->schema.name)) message = fmt::format("{}.{}", table, message);
  const auto is_given = [](const Setting* s) { return s->origin != Origin::kDefault; };
  const auto given = std::ranges::find_if(named, is_given);
  settings_->refuse(given == named.end() ? *named[0] : **given, std::move(message), std::move(notes));
}

void NodePlan::try_instance(size_t i) {
  if (plugins_[i].json.empty() || settings_->has_refused(plugins_[i].table)) return;
  const Status tried = try_creating(set_[i].file(), plugins_[i].values, Instances::Missing::kAllowed);
  const auto by = selected_by_.find(set_[i].id());
  if (!tried && by != selected_by_.end()) error_at(by->second, tried.error().message);
}

}  // namespace chronik::host
