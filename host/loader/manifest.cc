#include "host/loader/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "host/config/toml_document.h"
#include "host/loader/service_tables.h"

namespace chronik::host {
namespace {

constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

// Collects what is wrong, field by field.
class ManifestReader {
 public:
  explicit ManifestReader(const TomlNode& root) : root_(root) {}

  std::string string(std::string_view field, bool required) {
    const TomlMember* member = root_.find(field);
    if (member == nullptr) {
      if (required) wrong(field, "is missing");
      return {};
    }
    if (member->value.kind != TomlNode::Kind::kString) {
      wrong(field, fmt::format("expected a string, got {}", describe(member->value.kind)));
      return {};
    }
    if (required && member->value.text.empty()) wrong(field, "is empty");
    return member->value.text;
  }

  std::vector<std::string> services(std::string_view field) {
    std::vector<std::string> out;
    const TomlMember* member = root_.find(field);
    if (member == nullptr) return out;
    if (member->value.kind != TomlNode::Kind::kArray) {
      wrong(field, fmt::format("expected a list of service IDs, got {}", describe(member->value.kind)));
      return out;
    }
    for (const TomlNode& item : member->value.items) {
      if (item.kind != TomlNode::Kind::kString) {
        wrong(field, fmt::format("expected service IDs, got {}", describe(item.kind)));
      } else if (!is_service(item.text)) {
        wrong(field, fmt::format("\"{}\" is no service ID such as \"chronik.storage/1\"", item.text));
      } else if (std::ranges::find(out, item.text) != out.end()) {
        wrong(field, fmt::format("\"{}\" stands there twice", item.text));
      } else {
        out.push_back(item.text);
      }
    }
    return out;
  }

  std::vector<std::string> provides() {
    std::vector<std::string> out = services("provides");
    for (const std::string& service : out) {
      if (const Status named = check_service_name(service); !named)
        wrong("provides", fmt::format("\"{}\": {}", service, named.error().message));
    }
    return out;
  }

  void abi(Manifest* manifest) {
    const std::string text = string("abi", true);
    if (text.empty()) return;
    const char* end = text.data() + text.size();
    const auto major = std::from_chars(text.data(), end, manifest->abi_major);
    if (major.ec == std::errc() && major.ptr != end && *major.ptr == '.') {
      const auto minor = std::from_chars(major.ptr + 1, end, manifest->abi_minor);
      if (minor.ec == std::errc() && minor.ptr == end) return;
    }
    wrong("abi", fmt::format("\"{}\" is not of the form \"1.0\"", text));
  }

  void wrong(std::string_view field, std::string_view what) {
    if (!errors_.empty()) errors_ += "; ";
    errors_ += fmt::format("field \"{}\": {}", field, what);
  }
  const std::string& errors() const { return errors_; }

  static bool is_name(std::string_view text) {
    return text.find_first_not_of(kNameCharacters) == std::string_view::npos;
  }

 private:
  static bool is_service(std::string_view text) {
    const std::string_view id = without_name(text);
    const std::string_view name = text.substr(id.size());  // with its colon
    if (name == ":" || (!name.empty() && !is_name(name.substr(1)))) return false;
    const size_t slash = id.find('/');
    if (slash == std::string_view::npos || slash == 0 || slash + 1 == id.size()) return false;
    return is_name(id.substr(0, slash)) &&
           id.substr(slash + 1).find_first_not_of("0123456789") == std::string_view::npos;
  }

  const TomlNode& root_;
  std::string errors_;
};

}  // namespace

std::string_view without_name(std::string_view service) { return service.substr(0, service.find(':')); }

bool Manifest::provides_service(std::string_view service) const {
  return std::ranges::find(provides, service) != provides.end();
}

bool Manifest::meets_requirement(std::string_view service) const {
  return std::ranges::any_of(provides, [&](const std::string& s) { return meets(s, service); });
}

Result<Manifest> parse_manifest(std::string_view text) {
  while (text.ends_with('\0')) text.remove_suffix(1);
  const TomlDocument document = parse_toml(text);
  if (!document.errors.empty()) {
    const TomlError& error = document.errors[0];
    return fail(Code::kInvalidArgument,
                fmt::format("its manifest is no TOML: line {}: {}", error.at.line, error.message));
  }
  ManifestReader reader(document.root);
  Manifest manifest;
  manifest.id = reader.string("id", true);
  manifest.version = reader.string("version", true);
  manifest.config = reader.string("config", false);
  manifest.provides = reader.provides();
  manifest.requires_ = reader.services("requires");
  manifest.optional = reader.services("optional");
  manifest.license = reader.string("license", false);
  reader.abi(&manifest);
  if (!ManifestReader::is_name(manifest.id)) {
    reader.wrong("id", fmt::format("\"{}\" has other characters than a-z 0-9 - _ .", manifest.id));
  }
  if (!ManifestReader::is_name(manifest.config)) {
    reader.wrong("config", fmt::format("\"{}\" has other characters than a-z 0-9 - _ .", manifest.config));
  }
  if (!reader.errors().empty()) {
    return fail(Code::kInvalidArgument, "its manifest is wrong: " + reader.errors());
  }
  return manifest;
}

}  // namespace chronik::host
