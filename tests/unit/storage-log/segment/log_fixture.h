// One group's log over FakeFiles, written as a store does it, beside the reference model; and a journal that is replayed when it is
// opened again.
#pragma once

#include "model.hpp"
#include "storage-log/segment/direct_write.h"
#include "storage-log/segment/log_reader.h"
#include "storage-log/segment/mover.h"

#include <chronik/crc32c.hpp>
#include <chronik/testing/fake_files.hpp>

#include <gtest/gtest.h>

#include <fstream>

namespace chronik::storage_log {

using conformance::EntryMaker;
using conformance::ModelGroup;
using conformance::TestEntry;
using conformance::TestWrite;
using testing::FakeFiles;
using testing::FakeHost;

constexpr uint64_t kGroup = 7;

struct Published {
  enum Kind { kAppend, kTruncate, kTrim } kind = kAppend;
  std::vector<PlacedEntry> entries;
  std::vector<Lease> leases;
  Boundary boundary;
};

class LogFixture : public ::testing::Test {
 protected:
  explicit LogFixture(FakeFiles::Options files = {}) : fake_files_(host_, std::move(files)) {
    options_.segment_bytes = 256u << 10;
    options_.open_files = 4;
    open();
  }
  ~LogFixture() override { close(); }

  // ---- life ----
  void open() {
    files_ = std::make_unique<SegmentFiles>(*Files::of(Host(host_.core())), options_);
    indexes_ = std::make_unique<SegmentIndexes>(*files_);
    mover_ = std::make_unique<Mover>(*files_, *indexes_);
    reader_ = std::make_unique<LogReader>(*files_, *indexes_);
    log_ = std::make_shared<GroupLog>(kGroup, options_, sums_);
    ASSERT_TRUE(files_->scan());
    if (!image_.empty()) {
      ByteReader image(image_);
      const Status loaded = log_->load(image);
      ASSERT_TRUE(loaded) << loaded.error().message;
    }
    for (const Published& step : journal_) publish(step);
    if (replayed_) replayed_();
    log_->resume();
    check_ = files_->check(*log_);
    ASSERT_TRUE(files_->remove_unlisted_files(std::span(&log_, 1), UINT64_MAX));
    ASSERT_TRUE(files_->remove_some(1000));
    mover_->add(log_);
  }
  void close() {
    log_.reset();
    reader_.reset();
    mover_.reset();
    indexes_.reset();
    files_.reset();
    EXPECT_EQ(sums_.unmoved_bytes, 0u);
    EXPECT_EQ(fake_files_.open_files(), 0u);
  }
  void checkpoint() {
    image_.clear();
    log_->save(&image_);
    ASSERT_TRUE(mover_->move_all());
    ASSERT_TRUE(files_->sync_written());
    journal_.clear();
  }
  // What was not checkpointed comes again from the journal.
  void reopen() {
    close();
    open();
  }

  // ---- writes, each accepted and published at once ----
  std::vector<PlacedEntry> accept(const std::vector<TestEntry>& entries, std::vector<Lease>* leases) {
    std::vector<chr_entry> abi;
    for (const TestEntry& entry : entries) abi.push_back({entry.header, leased(entry.payload, leases)});
    std::vector<PlacedEntry> placed;
    const Status accepted = log_->accept_append(abi, &placed);
    EXPECT_TRUE(accepted) << accepted.error().message;
    for (PlacedEntry& entry : placed) {
      entry.payload_crc = crc32c::extend(0, entry.entry.payload.p, entry.entry.payload.n);
      entry.in_segment = entry.entry.header.bytes >= direct_bytes_;
    }
    return placed;
  }
  void write_direct(std::span<const PlacedEntry> entries) {
    for (const auto& write : plan_direct_writes(kGroup, entries)) {
      std::shared_ptr<OpenSegment> file = files_->ready(write->segment, write->end);
      if (file == nullptr) file = files_->prepare(write->segment, write->end).value();
      ASSERT_EQ(files_->ready(write->segment, write->end), file);
      ASSERT_TRUE(file->file().write(write->at, write->slices, CHR_FILE_DURABLE));
    }
  }
  void append(const std::vector<TestEntry>& entries) {
    Published step;
    log_->begin_write();
    step.entries = accept(entries, &step.leases);
    log_->end_write(true);
    write_direct(step.entries);
    publish(step);
    journal_.push_back(std::move(step));
    mover_->add(log_);
    model_.apply(TestWrite{kGroup, {}}.append(entries));
  }
  void truncate(uint64_t index) {
    log_->accept_truncate(cut(Published::kTruncate, index));
    publish(journal_.back());
    model_.apply(TestWrite{kGroup, {}}.truncate(index));
  }
  void trim(uint64_t index) {
    log_->accept_trim(cut(Published::kTrim, index));
    publish(journal_.back());
    model_.apply(TestWrite{kGroup, {}}.trim(index));
  }
  const Boundary& cut(Published::Kind kind, uint64_t index) {
    auto boundary = reader_->boundary(*log_, index, Wait::kNever);
    if (boundary && !*boundary) boundary = reader_->boundary(*log_, index, Wait::kMay);
    EXPECT_TRUE(boundary && *boundary);
    journal_.push_back({kind, {}, {}, **boundary});
    return journal_.back().boundary;
  }
  bool fits(const Published& step) const {
    const auto cut = [&](Published::Kind kind) {
      return step.kind == kind ? std::optional(step.boundary) : std::nullopt;
    };
    return log_->fits(cut(Published::kTruncate), cut(Published::kTrim), step.entries);
  }
  void publish(const Published& step) {
    EXPECT_TRUE(fits(step)) << "what was accepted is taken from the journal, too";
    std::vector<SegmentId> removed;
    if (step.kind == Published::kAppend) log_->publish_append(step.entries);
    if (step.kind == Published::kTruncate) removed = log_->publish_truncate(step.boundary);
    if (step.kind == Published::kTrim) removed = log_->publish_trim(step.boundary);
    files_->remove(removed);
  }
  // A model's history from here on.
  std::vector<TestEntry> entries(uint64_t n, uint64_t bytes) {
    maker_.resume(model_.last());
    return maker_.batch(n, bytes);
  }
  void move_all() { ASSERT_TRUE(mover_->move_all()); }

  // ---- reads ----
  struct Got {
    Code code{};  // 0: OK
    std::string message;
    chr_entries out{};
    Lease lease;

    bool ok() const { return code == Code{}; }
    std::vector<uint64_t> indexes() const {
      std::vector<uint64_t> indexes;
      for (uint32_t i = 0; i < out.n; ++i) indexes.push_back(out.entries[i].header.index);
      return indexes;
    }
  };
  static chr_storage_read all() {
    chr_storage_read args{};
    args.struct_size = sizeof args;
    args.group = kGroup;
    args.max_bytes = UINT64_MAX;
    return args;
  }
  static chr_storage_read from(uint64_t index) {
    chr_storage_read args = all();
    args.from = index;
    return args;
  }
  // At once where that is possible, otherwise as on a blocking thread.
  Got read(const chr_storage_read& args) {
    Got got;
    Result<bool> done = reader_->read(*log_, args, Wait::kNever, &got.out);
    if (done && !*done) done = reader_->read(*log_, args, Wait::kMay, &got.out);
    got.lease = Lease::adopt(got.out.lease);
    if (!done) got.code = done.error().code;
    if (!done) got.message = done.error().message;
    EXPECT_TRUE(!done || *done);
    return got;
  }
  void expect_same(const chr_entry& is, const TestEntry& should, bool headers_only = false) {
    ASSERT_EQ(std::memcmp(&is.header, &should.header, sizeof is.header), 0) << should.header.index;
    if (headers_only) return;
    ASSERT_EQ(std::string_view(reinterpret_cast<const char*>(is.payload.p), is.payload.n), should.payload);
  }
  // What the model holds from an index on, as far as the limits go.
  void expect_read(const chr_storage_read& args) {
    const Got got = read(args);
    ASSERT_TRUE(got.ok()) << got.message;
    uint64_t bytes = 0;
    uint32_t n = 0;
    for (auto at = model_.entries.lower_bound(args.from); at != model_.entries.end(); ++at) {
      const TestEntry& entry = at->second;
      if (args.to != 0 && at->first >= args.to) break;
      if (args.max_entries != 0 && n == args.max_entries) break;
      bytes += entry.header.bytes;
      if (args.headers_only == 0 && n != 0 && bytes > args.max_bytes) break;
      ASSERT_LT(n, got.out.n);
      ASSERT_NO_FATAL_FAILURE(expect_same(got.out.entries[n++], entry, args.headers_only != 0));
    }
    ASSERT_EQ(got.out.n, n);
  }
  void expect_bounds() {
    chr_storage_bounds bounds{};
    log_->bounds(&bounds);
    ASSERT_EQ(bounds.entries, model_.entries.size());
    ASSERT_EQ(bounds.bytes, model_.bytes());
    ASSERT_EQ(bounds.first_index, model_.entries.empty() ? 0 : model_.entries.begin()->first);
    ASSERT_EQ(bounds.last_index, model_.entries.empty() ? 0 : model_.entries.rbegin()->first);
  }
  void expect_as_model() {
    ASSERT_NO_FATAL_FAILURE(expect_bounds());
    ASSERT_NO_FATAL_FAILURE(expect_read(all()));
  }
  void expect_found(int32_t by, int64_t value) {
    chr_entry_header found{};
    Result<bool> done = reader_->find(*log_, by, value, Wait::kNever, &found);
    if (done && !*done) done = reader_->find(*log_, by, value, Wait::kMay, &found);
    const auto should = model_.find(by, value);
    if (!should) {
      ASSERT_FALSE(done) << "by " << by << " value " << value << " found " << found.index;
      ASSERT_EQ(done.error().code, Code::kNotFound) << done.error().message;
      return;
    }
    ASSERT_TRUE(done) << done.error().message << " by " << by << " value " << value;
    ASSERT_EQ(found.index, should->index) << "by " << by << " value " << value;
  }

  // ---- files ----
  std::string path(uint64_t segment) const { return fake_files_.path(segment_name({kGroup, segment})); }
  std::string index_path(uint64_t segment) const { return fake_files_.path(index_name({kGroup, segment})); }
  void flip(const std::string& path, uint64_t at) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 0x10));
  }

  chr_slice leased(const std::string& bytes, std::vector<Lease>* leases) {
    chr_slice slice{};
    if (bytes.empty()) return slice;
    EXPECT_EQ(Host(host_.core()).alloc(bytes.size(), &slice), CHR_OK);
    std::memcpy(const_cast<uint8_t*>(slice.p), bytes.data(), bytes.size());
    leases->push_back(Lease::adopt(slice.lease));
    return slice;
  }

  FakeHost host_;
  FakeFiles fake_files_;
  SegmentOptions options_;
  LogSums sums_;
  uint64_t direct_bytes_ = 20'000;
  std::unique_ptr<SegmentFiles> files_;
  std::unique_ptr<SegmentIndexes> indexes_;
  std::unique_ptr<Mover> mover_;
  std::unique_ptr<LogReader> reader_;
  std::shared_ptr<GroupLog> log_;
  Status check_;

  ModelGroup model_;
  EntryMaker maker_{20240601};
  std::string image_;
  std::vector<Published> journal_;
  std::function<void()> replayed_;  // called by a start that has the journal behind it, and nothing else
};

}  // namespace chronik::storage_log
