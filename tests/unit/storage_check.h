// What a check of a stopped store tells, of any storage that the conformance kit can open.
#pragma once

#include "subject.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace chronik::conformance {

struct Found {
  Status status;
  std::vector<std::string> lines;  // "damage group 1 (a) 41-97 key: what [place]"
  chr_storage_check seen{};

  bool has(std::string_view part) const {
    return std::ranges::any_of(lines, [&](const std::string& line) { return line.contains(part); });
  }
  std::string all() const {
    std::string out = status ? "" : status.error().message + "\n";
    for (const std::string& line : lines) out += line + "\n";
    return out;
  }
  bool is_silent() const { return status && lines.empty(); }
};

inline std::string line_of(const chr_storage_report& r) {
  std::string line = r.kind == CHR_REPORT_DAMAGE ? "damage" : "note";
  if (r.group != 0) line += " group " + std::to_string(r.group) + " (" + std::string(from_abi(r.name)) + ")";
  if (r.last_index == UINT64_MAX)
    line += " " + std::to_string(r.first_index) + "-";
  else if (r.last_index != 0)
    line += " " + std::to_string(r.first_index) + "-" + std::to_string(r.last_index);
  if (r.key.n != 0) line += " key " + std::string(from_abi(r.key));
  return line + ": " + std::string(from_abi(r.what)) + " [" + std::string(from_abi(r.place)) + "]";
}

inline Found check(Disk& disk) {
  Found found;
  Store store(disk, Store::Settings::kUsual, Store::Life::kStopped);
  found.status = store.admin().check(
      [&](const chr_storage_report& r) {
        EXPECT_LE(r.done_bytes, r.all_bytes);
        if (r.kind != CHR_REPORT_PROGRESS) found.lines.push_back(line_of(r));
        return true;
      },
      &found.seen);
  EXPECT_TRUE(store.host().logs().empty()) << "it is told twice: " << store.host().logs()[0].message;
  return found;
}

}  // namespace chronik::conformance
