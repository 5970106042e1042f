#include "host/config/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "host/config/json.h"

namespace chronik::host {
namespace {

constexpr std::string_view kPrefix = "CHRONIK_";

// The member under a dotted path, or null; also null where a part of the path is no table.
const TomlMember* locate(const TomlNode& root, std::string_view path) {
  const TomlNode* node = &root;
  for (;;) {
    const size_t dot = path.find('.');
    const TomlMember* member = node->find(path.substr(0, dot));
    if (member == nullptr || dot == std::string_view::npos) return member;
    if (member->value.kind != TomlNode::Kind::kTable) return nullptr;
    node = &member->value;
    path.remove_prefix(dot + 1);
  }
}

bool starts_path(std::string_view full, std::string_view path) {
  return full.size() > path.size() && full.starts_with(path) && full[path.size()] == '.';
}

std::string_view last_part(std::string_view full) {
  const size_t dot = full.rfind('.');
  return dot == std::string_view::npos ? full : full.substr(dot + 1);
}

// Where a key's name stands in a text, and not within another name; npos: nowhere.
size_t find_word(std::string_view text, std::string_view word) {
  const auto in_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !in_name(text[at - 1])) && (end == text.size() || !in_name(text[end]))) return at;
  }
  return std::string_view::npos;
}

Position past(Position at, size_t columns) { return {at.line, at.column + static_cast<uint32_t>(columns)}; }

}  // namespace

void TableValues::set(std::string key, const KeySchema& schema, Value value, Origin origin) {
  entries_.insert_or_assign(std::move(key), Entry{schema.type, std::move(value), origin});
}

void TableValues::set_default(const KeySchema& schema) {
  entries_.erase(schema.name);
  if (auto value = default_value(schema)) set(schema.name, schema, std::move(*value));
}

const Value* TableValues::find(std::string_view key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second.value;
}

bool TableValues::is_given(std::string_view key) const {
  const auto it = entries_.find(key);
  return it != entries_.end() && it->second.origin != Origin::kDefault;
}

std::string TableValues::json() const {
  JsonObject object;
  for (const auto& [key, entry] : entries_) {
    object.set(key, json_value(entry.value, entry.type == KeyType::kBool));
  }
  return object.text();
}

Settings::Settings(const TomlDocument& document, std::vector<Override> overrides,
                   std::vector<EnvironmentVariable> environment, Diagnostics& diagnostics)
    : document_(document), diagnostics_(diagnostics) {
  for (Override& o : overrides)
    given_.emplace(o.key, Given{std::move(o.text), o.origin, std::move(o.source)});
  for (EnvironmentVariable& v : environment) {
    if (!v.name.starts_with(kPrefix)) continue;
    given_.emplace(v.name, Given{std::move(v.text), Origin::kEnvironment, v.name});
  }
}

void Settings::read(const TableSchema& schema) {
  tables_.insert(schema.table);
  for (const KeySchema& key : schema.keys) read_key(schema, key);
}

void Settings::leave_alone(std::string_view table) { alone_.emplace(table); }

void Settings::read_key(const TableSchema& schema, const KeySchema& key) {
  Setting setting;
  setting.table = schema.table;
  setting.schema = key;
  setting.full_name = schema.full_name(key);
  const bool in_file = read_file(schema, &setting);
  const bool overridden = read_given(schema, &setting, Origin::kEnvironment);
  const bool preset = !in_file && !overridden && read_given(schema, &setting, Origin::kPreset);
  if (!in_file && !overridden && !preset) {
    setting.value = default_value(key);
    if (key.required) {
      Position at = place(schema.table);
      if (schema.table.empty()) at = {};
      diagnostics_.error(at, at, fmt::format("{} is required: {}", setting.full_name, key.expectation()),
                         {fmt::format("declared by {}: {}", schema.declared_by, key.doc)});
      refused_.insert(setting.full_name);
    }
  }
  // Tables stay together in the output, whoever declared a key.
  const auto last = std::find_if(settings_.rbegin(), settings_.rend(),
                                 [&](const Setting& s) { return s.table == schema.table; });
  settings_.insert(last == settings_.rend() ? settings_.end() : last.base(), std::move(setting));
}

bool Settings::read_file(const TableSchema& schema, Setting* setting) {
  const TomlMember* member = locate(document_.root, setting->full_name);
  if (member == nullptr) return false;
  auto checked = check_value(setting->schema, member->value);
  if (const auto* error = std::get_if<ValueError>(&checked)) {
    report(schema, *setting, {}, error->node, error->message);
  } else {
    setting->value = std::get<Value>(std::move(checked));
  }
  setting->origin = Origin::kFile;
  setting->at = member->value.begin;
  setting->end = member->value.end;
  for (const TomlNode& item : member->value.items) setting->items.emplace_back(item.begin, item.end);
  setting->source = fmt::format("{}:{}", diagnostics_.file(), member->at.line);
  return true;
}

bool Settings::read_given(const TableSchema& schema, Setting* setting, Origin least) {
  const Given* best = nullptr;
  for (const std::string& name : {environment_name(setting->full_name), setting->full_name}) {
    const auto [begin, end] = given_.equal_range(name);
    for (auto it = begin; it != end; ++it) {
      it->second.used = true;
      const bool wins = best == nullptr || it->second.origin >= best->origin;
      if (it->second.origin >= least && wins) best = &it->second;
    }
  }
  if (best == nullptr) return false;
  auto value = check_text(setting->schema, best->text);
  if (value) {
    setting->value = std::move(*value);
  } else {
    report(schema, *setting, best->source, nullptr, value.error().message);
  }
  setting->origin = best->origin;
  setting->source = best->source;
  return true;
}

void Settings::report(const TableSchema& schema, const Setting& setting, const std::string& source,
                      const TomlNode* node, const std::string& message) {
  refused_.insert(setting.full_name);
  const std::string limits = setting.schema.limits();
  std::string note = "declared by " + schema.declared_by + (limits.empty() ? "" : "; " + limits);
  const std::string text = setting.full_name + ": " + message;
  if (node != nullptr) {
    diagnostics_.error(node->begin, node->end, text, {std::move(note)});
  } else {
    diagnostics_.error_from(source, text, {std::move(note)});
  }
}

void Settings::report_undeclared() {
  find_unknown(document_.root, "");
  find_unknown_given();
}

void Settings::find_unknown(const TomlNode& table, const std::string& path) {
  for (const TomlMember& member : table.members) {
    const std::string name = path.empty() ? member.key : path + "." + member.key;
    if (find(name) != nullptr || alone_.contains(name)) continue;
    const bool leads_on =
        tables_.contains(name) ||
        std::ranges::any_of(settings_, [&](const Setting& s) { return starts_path(s.full_name, name); }) ||
        std::ranges::any_of(alone_, [&](const auto& t) { return starts_path(t, name); });
    const Position end = past(member.at, member.key.size());
    if (member.value.kind == TomlNode::Kind::kTable && leads_on) {
      find_unknown(member.value, name);
    } else if (leads_on) {
      diagnostics_.error(member.at, end,
                         fmt::format("{} is a table, not {}: write [{}] and its keys below", name,
                                     describe(member.value.kind), name));
    } else {
      const std::string_view what = member.value.kind == TomlNode::Kind::kTable ? "table" : "key";
      diagnostics_.error(member.at, end, fmt::format("unknown {} {}{}", what, name, suggestion(name)));
    }
  }
}

void Settings::find_unknown_given() {
  std::vector<std::string> variables;
  for (const std::string& name : known_names()) variables.push_back(environment_name(name));
  for (const auto& [name, given] : given_) {
    if (given.used) continue;
    const auto hidden = [&](const std::string& table) {
      return name.starts_with(given.origin == Origin::kEnvironment ? environment_name(table) + "__"
                                                                   : table + ".");
    };
    if (std::ranges::any_of(alone_, hidden)) continue;
    Diagnostic diagnostic;
    diagnostic.source = given.source;
    if (given.origin != Origin::kEnvironment) {
      diagnostic.message = fmt::format("unknown key {}{}", name, suggestion(name));
      diagnostics_.add(std::move(diagnostic));
      continue;
    }
    // Other programs use the prefix too (a Kubernetes service named chronik sets CHRONIK_PORT); only what
    // looks like one of our keys is judged.
    const std::string_view near = closest(name, variables);
    const bool nested = name.find("__") != std::string::npos;
    if (near.empty() && !nested) continue;
    diagnostic.severity = nested ? Severity::kError : Severity::kWarning;
    diagnostic.message = fmt::format("no key has this environment variable{}",
                                     near.empty() ? "" : fmt::format("; did you mean {}?", near));
    diagnostics_.add(std::move(diagnostic));
  }
}

std::vector<std::string> Settings::known_names() const {
  std::vector<std::string> names;
  for (const Setting& s : settings_) names.push_back(s.full_name);
  for (const std::string& table : tables_) names.push_back(table);
  for (const std::string& table : alone_) names.push_back(table);
  return names;
}

std::string Settings::suggestion(const std::string& full_name) const {
  const std::vector<std::string> names = known_names();
  // A key in the wrong table is more likely than two slips in one name.
  const std::string_view last = last_part(full_name);
  for (const std::string& name : names) {
    if (last_part(name) == last && last != "plugin") return fmt::format("; did you mean {}?", name);
  }
  const std::string_view table = full_name.find('.') == std::string::npos
                                     ? std::string_view()
                                     : std::string_view(full_name).substr(0, full_name.rfind('.'));
  std::vector<std::string> siblings;
  for (const std::string& name : names) {
    if (table.empty() ? name.find('.') == std::string::npos : starts_path(name, table)) {
      siblings.emplace_back(table.empty() ? name : name.substr(table.size() + 1));
    }
  }
  std::string near(closest(last, siblings));
  if (!near.empty()) return fmt::format("; did you mean {}{}{}?", table, table.empty() ? "" : ".", near);
  near = closest(full_name, names);
  return near.empty() ? "" : fmt::format("; did you mean {}?", near);
}

const Setting* Settings::find(std::string_view full_name) const {
  const auto it = std::ranges::find(settings_, full_name, &Setting::full_name);
  return it == settings_.end() ? nullptr : &*it;
}

TableValues Settings::values(std::string_view table) const {
  TableValues values;
  for (const Setting& s : settings_) {
    if (s.table != table || s.schema.name == "plugin") continue;
    const std::optional<Value> value = s.value ? s.value : default_value(s.schema);
    if (value) values.set(s.schema.name, s.schema, *value, s.origin);
  }
  return values;
}

bool Settings::has_refused(std::string_view table) const {
  return std::ranges::any_of(refused_, [&](const std::string& name) { return starts_path(name, table); });
}

std::vector<const Setting*> Settings::named_in(std::string_view text, std::string_view table) const {
  std::map<size_t, const Setting*> found;
  for (const Setting& setting : settings_) {
    if (setting.table != table || setting.schema.name == "plugin") continue;
    const size_t at = find_word(text, setting.schema.name);
    if (at != std::string_view::npos) found.emplace(at, &setting);
  }
  std::vector<const Setting*> named;
  for (const auto& [at, setting] : found) named.push_back(setting);
  return named;
}

void Settings::refuse(const Setting& setting, std::string message, std::vector<std::string> notes,
                      std::optional<size_t> item) {
  doubt(setting);
  if (setting.origin == Origin::kFile) {
    const bool known = item && *item < setting.items.size();
    const auto [begin, end] = known ? setting.items[*item] : std::pair(setting.at, setting.end);
    diagnostics_.error(begin, end, std::move(message), std::move(notes));
    return;
  }
  const std::string& source = setting.source.empty() ? diagnostics_.file() : setting.source;
  diagnostics_.error_from(source, std::move(message), std::move(notes));
}

Position Settings::place(std::string_view table) const {
  const TomlMember* member = table.empty() ? nullptr : locate(document_.root, table);
  return member == nullptr ? Position{} : member->at;
}

std::optional<Override> Settings::take_override(std::string_view full_name) {
  std::optional<Override> best;
  for (const std::string& name : {environment_name(full_name), std::string(full_name)}) {
    const auto [begin, end] = given_.equal_range(name);
    for (auto it = begin; it != end; ++it) {
      it->second.used = true;
      if (best && it->second.origin < best->origin) continue;
      best = Override{std::string(full_name), it->second.text, it->second.origin, it->second.source};
    }
  }
  return best;
}

}  // namespace chronik::host
