// The reference: what a storage must do, written as simply as can be, and the writes that tests give to both.
#pragma once

#include <chronik/storage.h>

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace chronik::conformance {

struct TestEntry {
  chr_entry_header header{};
  std::string payload;
};

struct TestStep {
  uint32_t type = 0;
  uint64_t index = 0;
  std::vector<TestEntry> entries;
  std::string key;
  std::string value;
};

// A write that owns what it names.
struct TestWrite {
  uint64_t group = 0;
  std::vector<TestStep> steps;

  TestWrite& append(std::vector<TestEntry> entries) {
    steps.push_back({CHR_STORAGE_APPEND, 0, std::move(entries), {}, {}});
    return *this;
  }
  TestWrite& truncate(uint64_t index) { return add(CHR_STORAGE_TRUNCATE, index); }
  TestWrite& trim(uint64_t index) { return add(CHR_STORAGE_TRIM, index); }
  TestWrite& drop() { return add(CHR_STORAGE_DROP, 0); }
  TestWrite& put(std::string key, std::string value) {
    steps.push_back({CHR_STORAGE_PUT, 0, {}, std::move(key), std::move(value)});
    return *this;
  }
  TestWrite& remove(std::string key) {
    steps.push_back({CHR_STORAGE_DELETE, 0, {}, std::move(key), {}});
    return *this;
  }

 private:
  TestWrite& add(uint32_t type, uint64_t index) {
    steps.push_back({type, index, {}, {}, {}});
    return *this;
  }
};

// Makes entries as consensus would: indexes and offsets ascend, log_max_timestamp is the prefix maximum.
class EntryMaker {
 public:
  explicit EntryMaker(uint64_t seed) : random_(seed) {}

  TestEntry next(uint64_t bytes, uint32_t records = 1, int64_t max_timestamp = -2);
  std::vector<TestEntry> batch(uint64_t n, uint64_t bytes) {
    std::vector<TestEntry> entries;
    for (uint64_t i = 0; i < n; ++i) entries.push_back(next(bytes));
    return entries;
  }
  void skip_indexes(uint64_t n) { last_.index += n; }
  // Goes on as after this entry, or from the start of an empty log.
  void resume(const TestEntry* last) { last_ = last != nullptr ? last->header : empty(); }
  uint64_t next_index() const { return last_.index + 1; }

 private:
  static chr_entry_header empty() {
    chr_entry_header header{};
    header.max_timestamp = header.log_max_timestamp = -1;
    header.term = 1;
    return header;
  }

  std::mt19937_64 random_;
  chr_entry_header last_ = empty();
};

struct ModelGroup {
  std::map<uint64_t, TestEntry> entries;
  std::map<std::string, std::string> keys;

  void apply(const TestWrite& write);
  std::optional<chr_entry_header> find(int32_t by, int64_t value) const;
  const TestEntry* last() const { return entries.empty() ? nullptr : &entries.rbegin()->second; }
  uint64_t bytes() const;
  // Equal where the groups are equal, and only there.
  std::string digest() const;
};

}  // namespace chronik::conformance
