// A TOML text as a tree with source positions. The only door to toml++, so that one file
// alone pays for compiling it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::host {

// A place in a text, both from 1 on, columns in code points; line 0: no place.
struct Position {
  uint32_t line = 0;
  uint32_t column = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

struct TomlMember;

struct TomlNode {
  enum class Kind { kBool, kInteger, kFloat, kString, kDateTime, kArray, kTable };

  Kind kind = Kind::kTable;
  Position begin;
  Position end;                     // one past the last character
  int64_t integer = 0;              // also 0 and 1 for a bool
  std::string text;                 // of a string
  std::vector<TomlNode> items;      // of an array
  std::vector<TomlMember> members;  // of a table, in the order of the text

  const TomlMember* find(std::string_view key) const;
};

struct TomlMember {
  std::string key;
  Position at;
  TomlNode value;
};

struct TomlError {
  Position at;
  std::string message;
};

struct TomlDocument {
  TomlNode root;
  std::vector<TomlError> errors;
  // The tree is what remains when the lines of the errors are left out. If false, even that was not possible
  // and the tree is empty.
  bool readable = true;
};

// "an integer", "a string", ...: for messages.
std::string_view describe(TomlNode::Kind kind);

// Goes on behind a line with a syntax error where the next lines can be understood without it, so that more
// than one such error is found in one run.
TomlDocument parse_toml(std::string_view text);

}  // namespace chronik::host
