#include "host/config/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "host/config/diagnostic.h"
#include "host/config/toml_document.h"
#include "host/config/units.h"

namespace chronik::host {
namespace {

std::string_view view(chr_str text) { return {text.p, text.n}; }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string number_text(KeyType type, int64_t number) {
  switch (type) {
    case KeyType::kDuration:
      return format_duration(number);
    case KeyType::kSize:
      return format_size(number);
    default:
      return std::to_string(number);
  }
}

bool limited(const KeySchema& schema) { return schema.min != 0 || schema.max != 0; }

Result<Scalar> check_range(const KeySchema& schema, int64_t number) {
  if (!limited(schema) || (number >= schema.min && number <= schema.max)) return Scalar(number);
  if (number < schema.min) {
    return fail(Code::kOutOfRange,
                fmt::format("{} is below the least value {}", number_text(schema.type, number),
                            number_text(schema.type, schema.min)));
  }
  return fail(Code::kOutOfRange,
              fmt::format("{} is above the greatest value {}", number_text(schema.type, number),
                          number_text(schema.type, schema.max)));
}

std::string join_choices(const std::vector<std::string>& choices) {
  std::string out;
  for (const std::string& choice : choices) {
    out += fmt::format("{}\"{}\"", out.empty() ? "" : ", ", choice);
  }
  return out;
}

// A text of the schema's type, its quotes already gone.
Result<Scalar> scalar_from_text(const KeySchema& schema, std::string_view text) {
  switch (schema.type) {
    case KeyType::kString:
      return Scalar(std::string(text));
    case KeyType::kDuration:
    case KeyType::kSize: {
      if (text == "-1" && schema.min == -1) return Scalar(int64_t{-1});
      auto number = schema.type == KeyType::kSize ? parse_size(text) : parse_duration(text);
      if (!number) return fail(number.error().code, fmt::format("\"{}\" {}", text, number.error().message));
      return check_range(schema, *number);
    }
    case KeyType::kAddress: {
      const auto address = parse_address(text);
      if (!address)
        return fail(address.error().code, fmt::format("\"{}\" {}", text, address.error().message));
      return Scalar(std::string(text));
    }
    case KeyType::kChoice: {
      if (std::ranges::find(schema.choices, text) != schema.choices.end()) return Scalar(std::string(text));
      const std::string_view near = closest(text, schema.choices);
      return fail(Code::kInvalidArgument,
                  fmt::format("\"{}\" is none of {}{}", text, join_choices(schema.choices),
                              near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)));
    }
    case KeyType::kBool:
    case KeyType::kInt:
      break;
  }
  return fail(Code::kInvalidArgument, fmt::format("expected {}, got {}", schema.expectation(), quote(text)));
}

Result<Scalar> scalar_from_node(const KeySchema& schema, const TomlNode& node) {
  using Kind = TomlNode::Kind;
  if (schema.type == KeyType::kBool && node.kind == Kind::kBool) return Scalar(node.integer);
  if (node.kind == Kind::kInteger) {
    if (schema.type == KeyType::kInt) return check_range(schema, node.integer);
    if (schema.type == KeyType::kDuration || schema.type == KeyType::kSize) {
      return scalar_from_text(schema, std::to_string(node.integer));
    }
  }
  if (node.kind == Kind::kString) return scalar_from_text(schema, node.text);
  std::string got(describe(node.kind));
  if (node.kind == Kind::kInteger) got += fmt::format(" ({})", node.integer);
  return fail(Code::kInvalidArgument, fmt::format("expected {}, got {}", schema.expectation(), got));
}

// Parses "x = <text>"; null where the text is no TOML value.
std::optional<TomlNode> parse_value(std::string_view text) {
  TomlDocument document = parse_toml(fmt::format("x = {}", text));
  if (!document.errors.empty() || document.root.members.size() != 1) return std::nullopt;
  return std::move(document.root.members[0].value);
}

Status check_declaration(const KeySchema& key) {
  if (key.name.empty() ||
      key.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") != std::string::npos) {
    return fail(Code::kInvalidArgument, "a name has lower case letters, digits, underscores and dots only");
  }
  if (key.name == "plugin") return fail(Code::kInvalidArgument, "the name \"plugin\" belongs to the host");
  if (key.type < KeyType::kBool || key.type > KeyType::kChoice) {
    return fail(Code::kUnsupported, "its type is unknown to this host");
  }
  if (key.type == KeyType::kChoice && key.choices.empty())
    return fail(Code::kInvalidArgument, "has no choices");
  if (key.min > key.max) return fail(Code::kInvalidArgument, "min is greater than max");
  if (key.default_text.empty()) return {};
  const auto node = parse_value(key.default_text);
  if (!node) return fail(Code::kInvalidArgument, "its default is no TOML value: " + key.default_text);
  const auto value = check_value(key, *node);
  if (const auto* error = std::get_if<ValueError>(&value)) {
    return fail(Code::kInvalidArgument, "its own default does not fit: " + error->message);
  }
  return {};
}

std::string_view noun(KeyType type, bool plural) {
  switch (type) {
    case KeyType::kBool:
      return plural ? "booleans" : "true or false";
    case KeyType::kInt:
      return plural ? "integers" : "an integer";
    case KeyType::kString:
      return plural ? "strings" : "a string";
    case KeyType::kDuration:
      return plural ? "durations such as \"150ms\"" : "a duration such as \"150ms\"";
    case KeyType::kSize:
      return plural ? "sizes such as \"64MiB\"" : "a size such as \"64MiB\"";
    case KeyType::kAddress:
      return plural ? "addresses \"host:port\"" : "an address \"host:port\"";
    case KeyType::kChoice:
      return plural ? "choices" : "one of";
  }
  return "";
}

}  // namespace

std::string KeySchema::expectation() const {
  std::string out(list ? "a list of " : "");
  out += noun(type, list);
  if (type == KeyType::kChoice) out += " " + join_choices(choices);
  return out;
}

std::string KeySchema::limits() const {
  std::string out;
  if (!default_text.empty()) out = "default " + default_text;
  if (limited(*this)) {
    out += fmt::format("{}range {} .. {}", out.empty() ? "" : ", ", number_text(type, min),
                       number_text(type, max));
  }
  return out;
}

const KeySchema* TableSchema::find(std::string_view key) const {
  const auto it = std::ranges::find(keys, key, &KeySchema::name);
  return it == keys.end() ? nullptr : &*it;
}

std::string TableSchema::full_name(const KeySchema& key) const {
  return table.empty() ? key.name : table + "." + key.name;
}

Result<TableSchema> schema_from_abi(std::string_view table, std::string_view declared_by,
                                    std::span<const chr_config_key> keys) {
  TableSchema schema{
      .table = std::string(table), .declared_by = std::string(declared_by), .doc = {}, .keys = {}};
  for (const chr_config_key& abi : keys) {
    KeySchema key{.name = std::string(view(abi.name)),
                  .type = static_cast<KeyType>(abi.type & ~CHR_CONFIG_LIST),
                  .list = (abi.type & CHR_CONFIG_LIST) != 0,
                  .required = abi.required != 0,
                  .default_text = std::string(view(abi.default_value)),
                  .min = abi.min,
                  .max = abi.max,
                  .choices = split(view(abi.choices), '|'),
                  .doc = std::string(view(abi.doc))};
    Status status = check_declaration(key);
    if (status && schema.find(key.name) != nullptr)
      status = fail(Code::kInvalidArgument, "it is declared twice");
    if (!status) {
      return fail(status.error().code, fmt::format("the schema of {} is wrong at key \"{}\": {}", declared_by,
                                                   key.name, status.error().message));
    }
    schema.keys.push_back(std::move(key));
  }
  return schema;
}

std::variant<Value, ValueError> check_value(const KeySchema& schema, const TomlNode& node) {
  if (!schema.list) {
    auto scalar = scalar_from_node(schema, node);
    if (!scalar) return ValueError{scalar.error().message, &node};
    return Value{false, {std::move(*scalar)}};
  }
  if (node.kind != TomlNode::Kind::kArray) {
    return ValueError{
        fmt::format(
            "expected {}, got {}{}", schema.expectation(), describe(node.kind),
            node.kind == TomlNode::Kind::kString ? fmt::format("; write [{}]", quote(node.text)) : ""),
        &node};
  }
  Value value{true, {}};
  for (const TomlNode& item : node.items) {
    auto scalar = scalar_from_node(schema, item);
    if (!scalar) return ValueError{scalar.error().message, &item};
    value.items.push_back(std::move(*scalar));
  }
  return value;
}

Result<Value> check_text(const KeySchema& schema, std::string_view text) {
  const bool as_toml = (schema.list && text.starts_with('[')) || schema.type == KeyType::kBool ||
                       schema.type == KeyType::kInt ||
                       (text.size() > 1 && text.front() == '"' && text.back() == '"');
  if (as_toml && !(schema.list && !text.starts_with('['))) {
    const auto node = parse_value(text);
    if (!node)
      return fail(Code::kInvalidArgument, fmt::format("expected {}, got \"{}\"", schema.expectation(), text));
    auto checked = check_value(schema, *node);
    if (const auto* error = std::get_if<ValueError>(&checked))
      return fail(Code::kInvalidArgument, error->message);
    return std::get<Value>(std::move(checked));
  }
  Value value{schema.list, {}};
  const KeySchema element{.name = {},
                          .type = schema.type,
                          .list = false,
                          .required = false,
                          .default_text = {},
                          .min = schema.min,
                          .max = schema.max,
                          .choices = schema.choices,
                          .doc = {}};
  if (!schema.list) {
    CHRONIK_TRY(Scalar scalar, scalar_from_text(schema, text));
    value.items.push_back(std::move(scalar));
    return value;
  }
  for (const std::string& part : split(text, ',')) {
    CHRONIK_TRY(Value item, check_text(element, trim(part)));
    value.items.push_back(std::move(item.items.at(0)));
  }
  return value;
}

std::optional<Value> default_value(const KeySchema& schema) {
  if (schema.default_text.empty()) return std::nullopt;
  const auto node = parse_value(schema.default_text);
  if (!node) return std::nullopt;
  auto value = check_value(schema, *node);
  if (std::holds_alternative<ValueError>(value)) return std::nullopt;
  return std::get<Value>(std::move(value));
}

std::string to_toml(const KeySchema& schema, const Value& value) {
  const auto scalar = [&](const Scalar& item) -> std::string {
    if (const auto* text = std::get_if<std::string>(&item)) return quote(*text);
    const int64_t number = std::get<int64_t>(item);
    if (schema.type == KeyType::kBool) return number != 0 ? "true" : "false";
    if (schema.type == KeyType::kInt) return std::to_string(number);
    return quote(number_text(schema.type, number));
  };
  if (!value.is_list) return scalar(value.items.at(0));
  std::string out = "[";
  for (const Scalar& item : value.items) out += (out.size() > 1 ? ", " : "") + scalar(item);
  return out + "]";
}

std::string environment_name(std::string_view full_key) {
  std::string out = "CHRONIK_";
  for (const char c : full_key) {
    if (c == '.') {
      out += "__";
    } else if (c == '-') {
      out += '_';
    } else {
      out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    }
  }
  return out;
}

}  // namespace chronik::host
