// What is wrong with a configuration, in the form that editors and people read: file:line:col, the line
// itself, a caret and what to do. Collected, never thrown: all of it is shown at once.
#pragma once

#include "host/config/toml_document.h"

#include <string>
#include <string_view>
#include <vector>

namespace chronik::host {

enum class Severity { kError, kWarning };

struct Diagnostic {
  Severity severity = Severity::kError;
  std::string source;   // the file's name as the user gave it, or the environment variable or flag
  Position at;          // line 0: the source as a whole
  uint32_t length = 1;  // of what is wrong, in code points, within its line
  std::string message;
  std::vector<std::string> notes;
};

class Diagnostics {
 public:
  // The file whose lines are quoted.
  void set_file(std::string name, std::string text);
  const std::string& file() const { return file_; }

  void add(Diagnostic diagnostic) { all_.push_back(std::move(diagnostic)); }
  // An error in the file. The length comes from begin to end where both are in one line.
  void error(Position begin, Position end, std::string message, std::vector<std::string> notes = {});

  // An error in a variable, a flag, or a file as a whole.
  void error_from(std::string source, std::string message, std::vector<std::string> notes = {});

  size_t errors() const { return count(Severity::kError); }
  size_t warnings() const { return count(Severity::kWarning); }
  const std::vector<Diagnostic>& all() const { return all_; }

  // All of them, those of the file first and in its order, then the closing count. outcome is the last
  // sentence, such as "Nothing was started.".
  std::string render(std::string_view outcome) const;

 private:
  size_t count(Severity severity) const;
  void render_one(const Diagnostic& diagnostic, std::string* out) const;
  std::string_view line(uint32_t number) const;

  std::string file_;
  std::string text_;
  std::vector<Diagnostic> all_;
};

// Closest of the candidates by edit distance, or empty where none is near enough to be a slip of the finger.
std::string_view closest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace chronik::host
