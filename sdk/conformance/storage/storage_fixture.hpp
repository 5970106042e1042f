// One running store under test, and the handles that most tests want.
#pragma once

#include "subject.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace chronik::conformance {

class StorageConformance : public ::testing::Test {
 protected:
  void SetUp() override {
    open();
    ASSERT_EQ(store_->failure(), "");
  }
  void open(Store::Settings settings = Store::Settings::kUsual) { store_.emplace(disk_, settings); }
  void reopen() {
    store_.reset();
    open();
    ASSERT_EQ(store_->failure(), "");
  }
  uint64_t group(std::string_view name) { return store_->group(name); }
  void write(const TestWrite& write) { ASSERT_EQ(store_->write(write), CHR_OK); }
  TestWrite to(uint64_t group) const { return TestWrite{group, {}}; }
  std::vector<uint64_t> indexes(const Got& got) const {
    std::vector<uint64_t> indexes;
    for (const TestEntry& entry : got.entries) indexes.push_back(entry.header.index);
    return indexes;
  }
  std::vector<uint64_t> indexes_of(uint64_t group) { return indexes(store_->read(store_->all_of(group))); }
  void expect_same(const TestEntry& is, const TestEntry& should) {
    EXPECT_EQ(std::memcmp(&is.header, &should.header, sizeof is.header), 0)
        << "header of " << should.header.index;
    EXPECT_TRUE(is.payload == should.payload) << "payload of " << should.header.index;
  }

  Disk disk_;
  std::optional<Store> store_;
  EntryMaker maker_{1};
};

using Indexes = std::vector<uint64_t>;

}  // namespace chronik::conformance
