#include "host/config/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "host/config/units.h"

namespace chronik::host {
namespace {

constexpr size_t kMaxQuoted = 160;  // code points of a line that are shown

size_t code_points(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The first n code points.
std::string_view prefix(std::string_view text, size_t n) {
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (n-- == 0) return text.substr(0, i);
  }
  return text;
}

// Insertions, deletions, replacements, and swaps of neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

void Diagnostics::set_file(std::string name, std::string text) {
  file_ = std::move(name);
  text_ = std::move(text);
}

void Diagnostics::error(Position begin, Position end, std::string message, std::vector<std::string> notes) {
  const bool one_line = begin.line == end.line && end.column > begin.column;
  add({.severity = Severity::kError,
       .source = file_,
       .at = begin,
       .length = one_line ? end.column - begin.column : 1,
       .message = std::move(message),
       .notes = std::move(notes)});
}

void Diagnostics::error_from(std::string source, std::string message, std::vector<std::string> notes) {
  add({.severity = Severity::kError,
       .source = std::move(source),
       .at = {},
       .length = 1,
       .message = std::move(message),
       .notes = std::move(notes)});
}

size_t Diagnostics::count(Severity severity) const {
  return static_cast<size_t>(
      std::count_if(all_.begin(), all_.end(), [&](const Diagnostic& d) { return d.severity == severity; }));
}

std::string_view Diagnostics::line(uint32_t number) const {
  std::string_view rest = text_;
  for (uint32_t i = 1; i < number; ++i) {
    const size_t end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
  std::string_view found = rest.substr(0, rest.find('\n'));
  if (found.ends_with('\r')) found.remove_suffix(1);
  return found;
}

void Diagnostics::render_one(const Diagnostic& d, std::string* out) const {
  const std::string_view kind = d.severity == Severity::kError ? "error" : "warning";
  auto to = std::back_inserter(*out);
  if (d.at.line == 0) {
    fmt::format_to(to, "{}: {}: {}\n", d.source, kind, d.message);
  } else {
    fmt::format_to(to, "{}:{}:{}: {}: {}\n", d.source, d.at.line, d.at.column, kind, d.message);
    std::string quoted(prefix(line(d.at.line), kMaxQuoted));
    std::replace(quoted.begin(), quoted.end(), '\t', ' ');  // so that the caret stands where it should
    std::replace_if(quoted.begin(), quoted.end(), [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
    if (!quoted.empty()) fmt::format_to(to, "{:>5} | {}\n", d.at.line, quoted);
    const size_t width = code_points(quoted);
    if (!quoted.empty() && d.at.column <= width + 1) {
      const size_t length = std::clamp<size_t>(d.length, 1, std::max<size_t>(1, width + 1 - d.at.column));
      fmt::format_to(to, "      | {}^{}\n", std::string(d.at.column - 1, ' '), std::string(length - 1, '~'));
    }
  }
  for (const std::string& note : d.notes) fmt::format_to(to, "      = {}\n", note);
}

std::string Diagnostics::render(std::string_view outcome) const {
  std::vector<const Diagnostic*> order;
  for (const Diagnostic& d : all_) order.push_back(&d);
  std::stable_sort(order.begin(), order.end(), [](const Diagnostic* a, const Diagnostic* b) {
    const bool a_placed = a->at.line != 0, b_placed = b->at.line != 0;
    return a_placed != b_placed ? a_placed : a->at < b->at;
  });
  std::string out;
  for (const Diagnostic* d : order) render_one(*d, &out);
  fmt::format_to(std::back_inserter(out), "{}, {}.{}{}\n", plural(errors(), "error", "errors"),
                 plural(warnings(), "warning", "warnings"), outcome.empty() ? "" : " ", outcome);
  return out;
}

std::string_view closest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace chronik::host
