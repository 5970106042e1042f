// A node's folder with a store of storage-log that does not run, and what a check says of it.
#pragma once

#include "storage-log/format/frame.h"
#include "storage-log/segment/record.h"
#include "tests/unit/storage-log/log_subject.h"
#include "tests/unit/storage_check.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace chronik::conformance {

using storage_log::FrameHeader;
using storage_log::RecordHead;

class StoppedLog : public ::testing::Test {
 protected:
  void SetUp() override { open_with_segments_of(65536); }
  static void open_with_segments_of(int64_t bytes) { use_storage_log(256 << 10, 4096, bytes); }

  static Found check(Disk& disk) { return conformance::check(disk); }
  Found check() { return check(disk_); }

  // Groups a and b: five entries of 40 bytes, one of 6000, which goes straight to its segment, small keys and one that has a file.
  enum class End { kStop, kKill };
  void fill(End end) {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    for (const char* name : {"a", "b"}) {
      EntryMaker maker(*name);
      const uint64_t g = store.group(name);
      for (int i = 0; i < 6; ++i)
        ASSERT_EQ(store.write(TestWrite{g, {}}.append({maker.next(i == 2 ? 6000 : 40)})), CHR_OK);
      ASSERT_EQ(store.write(TestWrite{g, {}}.put("vote", name).put("piece", std::string(5000, *name))),
                CHR_OK);
    }
    content_ = content_of(store);
    if (end == End::kStop) return;
    store.host().advance(std::chrono::milliseconds(60));  // the mark is written, and small entries are moved
    store.crash();
  }
  // More commits, of which no header says that they were durable.
  void add_unmarked(int n) {
    Store store(disk_);
    ASSERT_EQ(store.failure(), "");
    for (int i = 0; i < n; ++i)
      ASSERT_EQ(store.write(TestWrite{store.group("a"), {}}.put("n", std::to_string(i))), CHR_OK);
    store.crash();
  }
  // All that a start serves; "" where it refuses, or serves less.
  static std::string content_of(Store& store) {
    std::string content;
    for (const char* name : {"a", "b"}) {
      uint64_t g = 0;
      if (store.table().open_group(store.self(), to_abi(name), &g, nullptr) != CHR_OK) return "";
      chr_storage_bounds bounds{};
      if (store.table().bounds(store.self(), g, &bounds) != CHR_OK) return "";
      content += std::to_string(bounds.entries) + " entries of " + std::to_string(bounds.bytes);
      ModelGroup model;
      Got got = store.read(store.all_of(g));
      if (got.code != CHR_OK) return "";
      for (TestEntry& entry : got.entries) model.entries[entry.header.index] = std::move(entry);
      for (const char* key : {"vote", "piece"}) {
        Got value = store.get(g, key);
        if (value.code != CHR_OK) return "";
        model.keys[key] = value.value;
      }
      content += model.digest();
    }
    return content;
  }
  static std::string served(const Image& image) {
    Disk disk(image);
    Store store(disk);
    return store.failure().empty() ? content_of(store) : "";
  }

  std::string path(const std::string& name) const { return disk_.directory() + "/" + name; }
  // The first file whose name begins and ends so.
  std::string find(const std::string& begin, const std::string& end = "") const {
    for (const auto& [name, bytes] : disk_.image())
      if (name.starts_with(begin) && name.ends_with(end)) return name;
    ADD_FAILURE() << "there is no file " << begin << "*" << end;
    return "";
  }
  void flip(const std::string& name, size_t at, int mask = 0x10) const {
    std::fstream file(path(name), std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get() ^ mask;
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte));
  }
  void cut(const std::string& name, uint64_t size) const { std::filesystem::resize_file(path(name), size); }
  static size_t place_of(const std::string& bytes, const std::string& part) {
    const size_t at = bytes.find(part);
    EXPECT_NE(at, std::string::npos) << "the bytes are not in the file";
    return at;
  }
  // Where the record with this index lies.
  static size_t record_at(const std::string& segment, uint64_t index) {
    RecordHead head;
    for (size_t at = 0; at + sizeof head <= segment.size();
         at += storage_log::record_bytes(head.header.bytes)) {
      std::memcpy(&head, segment.data() + at, sizeof head);
      if (head.header.index == index) return at;
    }
    ADD_FAILURE() << "no record has the index " << index;
    return 0;
  }
  // The frames of the last run, in order: where they lie in journal-0.
  static std::vector<std::pair<size_t, FrameHeader>> frames(const std::string& journal) {
    std::vector<std::pair<size_t, FrameHeader>> out;
    for (size_t at = 0; at < journal.size(); at += out.back().second.size) {
      const auto header = storage_log::parse_header(reinterpret_cast<const uint8_t*>(journal.data()) + at);
      if (!header || (!out.empty() && header->sequence != out.back().second.sequence + 1)) break;
      out.emplace_back(at, *header);
    }
    return out;
  }

  Disk disk_;
  std::string content_;
};

}  // namespace chronik::conformance
