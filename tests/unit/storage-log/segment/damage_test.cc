// Damaged segments and indexes: never served, contained, told by name.
#include "log_fixture.h"
#include "storage-log/segment/log_check.h"

namespace chronik::storage_log {
namespace {

class DamagedLog : public LogFixture {
 protected:
  using Indexes = std::vector<uint64_t>;

  void expect_damaged(uint64_t index) {
    const Got got = read(from(index));
    ASSERT_EQ(got.code, Code::kCorrupt) << "from " << index;
    ASSERT_NE(got.message.find("is damaged on disk"), std::string::npos) << got.message;
    ASSERT_EQ(got.out.n, 0u);
  }
  // Everything lies in segments, also after a restart.
  void settle() {
    ASSERT_NO_FATAL_FAILURE(checkpoint());
    ASSERT_NO_FATAL_FAILURE(reopen());
    ASSERT_TRUE(check_);
  }
};

TEST_F(DamagedLog, EachFlippedByteOfARecordIsFoundOut) {
  ASSERT_NO_FATAL_FAILURE(append(entries(5, 101)));
  ASSERT_NO_FATAL_FAILURE(settle());
  const uint64_t record = record_bytes(101);
  for (uint64_t byte = 0; byte < sizeof(RecordHead) + 101; ++byte) {
    SCOPED_TRACE("byte " + std::to_string(byte));
    flip(path(1), 2 * record + byte);
    EXPECT_EQ(read(all()).indexes(), (Indexes{1, 2}));
    ASSERT_NO_FATAL_FAILURE(expect_damaged(3));
    EXPECT_EQ(read(from(4)).indexes(), (Indexes{4, 5})) << "what lies behind is whole";
    flip(path(1), 2 * record + byte);
  }
  ASSERT_NO_FATAL_FAILURE(expect_as_model());
}

// A head's checksum is no secret, and a size near 2^64 must not wrap to a record of no bytes.
TEST_F(DamagedLog, ASizeThatDoesNotFitIsDamage) {
  ASSERT_NO_FATAL_FAILURE(append(entries(5, 101)));
  ASSERT_NO_FATAL_FAILURE(settle());
  const uint64_t at = 2 * record_bytes(101);
  for (const uint64_t bytes : {UINT64_MAX - sizeof(RecordHead) + 1, UINT64_MAX, uint64_t{1} << 63}) {
    PlacedEntry lie;
    lie.entry.header = model_.entries.at(3).header;
    lie.entry.header.bytes = bytes;
    lie.place = {1, at};
    const RecordHead head = make_head(kGroup, lie);
    std::fstream file(path(1), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.write(reinterpret_cast<const char*>(&head), sizeof head);
    file.close();
    const auto segment = files_->open({kGroup, 1});
    ASSERT_TRUE(segment);
    Result<SegmentView> view = SegmentView::open(*files_, *segment, 0, 5 * record_bytes(101), Wait::kMay);
    ASSERT_TRUE(view);
    RecordHead out;
    ASSERT_EQ(view->head(at, &out), SegmentView::Found::kDamaged) << bytes;
    EXPECT_EQ(read(all()).indexes(), (Indexes{1, 2}));
    ASSERT_NO_FATAL_FAILURE(expect_damaged(3));
    EXPECT_EQ(read(from(4)).indexes(), (Indexes{4, 5}));
  }
}

TEST_F(DamagedLog, ADamagedHeadIsInTheWayOfSearchesThatMeetIt) {
  ASSERT_NO_FATAL_FAILURE(append(entries(5, 101)));
  ASSERT_NO_FATAL_FAILURE(settle());
  flip(path(1), 2 * record_bytes(101) + 40);
  chr_entry_header found{};
  EXPECT_TRUE(reader_->find(*log_, CHR_FIND_OFFSET, 1, Wait::kMay, &found));
  EXPECT_EQ(found.index, 2u);
  const Result<bool> past = reader_->find(*log_, CHR_FIND_OFFSET, 3, Wait::kMay, &found);
  ASSERT_FALSE(past);
  EXPECT_EQ(past.error().code, Code::kCorrupt);
}

TEST_F(DamagedLog, CutsBesideADamagedHeadKeepItInTheLog) {
  ASSERT_NO_FATAL_FAILURE(append(entries(6, 101)));
  ASSERT_NO_FATAL_FAILURE(settle());
  flip(path(1), 3 * record_bytes(101) + 40);  // entry 4
  const std::string image = image_;
  truncate(5);
  chr_storage_bounds bounds{};
  log_->bounds(&bounds);
  EXPECT_EQ(bounds.last_index, 4u);
  EXPECT_EQ(read(all()).indexes(), (Indexes{1, 2, 3}));
  ASSERT_NO_FATAL_FAILURE(expect_damaged(4));
  journal_.clear();
  ASSERT_NO_FATAL_FAILURE(reopen());
  trim(4);
  log_->bounds(&bounds);
  EXPECT_EQ(bounds.first_index, 4u);
  EXPECT_EQ(bounds.entries, 3u);
  ASSERT_NO_FATAL_FAILURE(expect_damaged(4));
  EXPECT_EQ(read(from(5)).indexes(), (Indexes{5, 6}));
}

// What stays of the segment has no bytes.
TEST_F(DamagedLog, ACutBehindADamagedFirstEntryKeepsItInTheLog) {
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 101)));
  ASSERT_NO_FATAL_FAILURE(settle());
  flip(path(1), 40);
  truncate(2);
  for (int round = 0; round < 2; ++round) {
    chr_storage_bounds bounds{};
    log_->bounds(&bounds);
    EXPECT_EQ(bounds.last_index, 1u);
    ASSERT_NO_FATAL_FAILURE(expect_damaged(1));
    ASSERT_NO_FATAL_FAILURE(settle());
  }
}

TEST_F(DamagedLog, ACutSegmentIsNamed) {
  for (int i = 0; i < 6; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(10, 9'000)));
  ASSERT_NO_FATAL_FAILURE(settle());
  const std::vector<Segment> segments = log_->segments();
  ASSERT_GE(segments.size(), 3u);
  const uint64_t kept = 5 * record_bytes(9'000) + 1'000;
  std::filesystem::resize_file(path(segments[1].number), kept);
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_FALSE(check_);
  EXPECT_EQ(check_.error().code, Code::kCorrupt);
  EXPECT_NE(check_.error().message.find("7-2.segment has " + std::to_string(kept) + " bytes"),
            std::string::npos)
      << check_.error().message;
  Indexes before;
  for (uint64_t i = 1; i < segments[1].first + 5; ++i) before.push_back(i);
  EXPECT_EQ(read(all()).indexes(), before);
  ASSERT_NO_FATAL_FAILURE(expect_damaged(segments[1].first + 5));
  ASSERT_NO_FATAL_FAILURE(expect_damaged(segments[1].end.last));
  ASSERT_NO_FATAL_FAILURE(expect_read(from(segments[2].first)));
}

TEST_F(DamagedLog, AMissingSegmentIsNamed) {
  for (int i = 0; i < 6; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(10, 9'000)));
  ASSERT_NO_FATAL_FAILURE(settle());
  const std::vector<Segment> segments = log_->segments();
  std::filesystem::remove(path(segments[1].number));
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_FALSE(check_);
  EXPECT_NE(check_.error().message.find("7-2.segment has 0 bytes"), std::string::npos);
  EXPECT_EQ(read(all()).out.n, segments[0].end.last);
  const Got got = read(from(segments[1].first));
  EXPECT_EQ(got.code, Code::kCorrupt);
  EXPECT_EQ(got.message, "the file 7-2.segment is missing");
  ASSERT_NO_FATAL_FAILURE(expect_read(from(segments[2].first)));
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 100))) << "the log goes on";
  ASSERT_NO_FATAL_FAILURE(expect_read(from(segments[2].first)));
}

TEST_F(DamagedLog, WhatTheDiskCannotReadIsDamaged) {
  ASSERT_NO_FATAL_FAILURE(append(entries(20, 9'000)));
  ASSERT_NO_FATAL_FAILURE(settle());
  fake_files_.fault = [](const FakeFiles::Call& call) {
    const bool hits = call.at <= 100'000 && call.at + call.n > 100'000;
    return call.kind == FakeFiles::Kind::kLoad && hits ? CHR_E_IO : CHR_OK;
  };
  chr_entries out{};
  ASSERT_TRUE(reader_->read(*log_, all(), Wait::kMay, &out));
  const Lease lease = Lease::adopt(out.lease);
  EXPECT_EQ(out.n, 11u) << "of entries that take 9,088 bytes each";
  EXPECT_FALSE(reader_->read(*log_, from(12), Wait::kMay, &out));
  EXPECT_TRUE(reader_->read(*log_, from(13), Wait::kMay, &out));
  Lease::adopt(out.lease);
}

// A check tells the damage that it met before, and then why it could not go on.
TEST_F(DamagedLog, WhatCannotBeLoadedForNowIsNotDamaged) {
  ASSERT_NO_FATAL_FAILURE(append(entries(20, 9'000)));
  ASSERT_NO_FATAL_FAILURE(settle());
  flip(path(1), 2 * record_bytes(9'000) + sizeof(RecordHead));
  fake_files_.fault = [](const FakeFiles::Call& call) {
    const bool hits = call.at <= 100'000 && call.at + call.n > 100'000;
    return call.kind == FakeFiles::Kind::kLoad && hits ? CHR_E_OVERLOADED : CHR_OK;
  };
  chr_entries out{};
  const Result<bool> read = reader_->read(*log_, from(12), Wait::kMay, &out);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kOverloaded);
  std::vector<uint64_t> found;
  const auto note = [&](const LogCheck::Finding& finding) {
    for (uint64_t index = finding.first; index <= finding.last; ++index) found.push_back(index);
    return Status();
  };
  const LogCheck::Events events{note, [](uint64_t) { return Status(); }, {}};
  const Status checked = LogCheck(*files_, *indexes_, *log_, events).run();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, Code::kOverloaded);
  EXPECT_EQ(found, (Indexes{3}));
  fake_files_.fault = nullptr;
  EXPECT_TRUE(LogCheck(*files_, *indexes_, *log_, events).run());
  EXPECT_EQ(found, (Indexes{3, 3}));
}

class DamagedIndex : public DamagedLog {
 protected:
  // Two segments, of which the first has an index in its file.
  void write_two_segments() {
    for (int i = 0; i < 90; ++i) ASSERT_NO_FATAL_FAILURE(append(entries(1, 4'000)));
    ASSERT_NO_FATAL_FAILURE(settle());
    ASSERT_GE(log_->segments().size(), 2u);
    ASSERT_TRUE(std::filesystem::exists(index_path(1)));
  }
  void expect_reads_everywhere() {
    const uint64_t last = model_.entries.rbegin()->first;
    for (uint64_t index = 1; index <= last; index += 7) {
      chr_storage_read args = from(index);
      args.max_entries = 2;
      ASSERT_NO_FATAL_FAILURE(expect_read(args));
    }
    ASSERT_NO_FATAL_FAILURE(expect_found(CHR_FIND_OFFSET, static_cast<int64_t>(last / 2)));
    ASSERT_NO_FATAL_FAILURE(expect_found(CHR_FIND_TIMESTAMP, 1'300));
  }
};

TEST_F(DamagedIndex, AFlippedByteIsFoundOut) {
  ASSERT_NO_FATAL_FAILURE(write_two_segments());
  for (const uint64_t byte : {0, 4, 8, 16, 24, 32, 50, 100, 200, 4000}) {
    flip(index_path(1), byte);
    ASSERT_NO_FATAL_FAILURE(reopen());
    ASSERT_NO_FATAL_FAILURE(expect_reads_everywhere()) << "byte " << byte;
    flip(index_path(1), byte);
  }
}

TEST_F(DamagedIndex, ALostOneIsMadeAgain) {
  ASSERT_NO_FATAL_FAILURE(write_two_segments());
  std::filesystem::remove(index_path(1));
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_NO_FATAL_FAILURE(expect_reads_everywhere());
}

TEST_F(DamagedIndex, ASparseOneTakesNoMemory) {
  ASSERT_NO_FATAL_FAILURE(write_two_segments());
  std::filesystem::resize_file(index_path(1), 1ull << 42);
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_NO_FATAL_FAILURE(expect_reads_everywhere());
}

TEST_F(DamagedIndex, ThatOfAnotherSegmentSaysNothing) {
  ASSERT_NO_FATAL_FAILURE(write_two_segments());
  std::filesystem::copy_file(index_path(1), index_path(2), std::filesystem::copy_options::overwrite_existing);
  ASSERT_NO_FATAL_FAILURE(reopen());
  ASSERT_NO_FATAL_FAILURE(expect_reads_everywhere());
}

TEST_F(DamagedIndex, PointsWhereNoRecordLiesAreNotBelieved) {
  ASSERT_NO_FATAL_FAILURE(write_two_segments());
  std::filesystem::remove(index_path(1));
  const std::vector<IndexPoint> lies = {{1, 0, 1'000, 8}, {9, 1, 1'001, 40'000}, {20, 15, 1'200, 200'000}};
  ASSERT_TRUE(SegmentIndexes(*files_).append({kGroup, 1}, lies));
  ASSERT_NO_FATAL_FAILURE(reopen());
  for (const uint64_t index : {2, 9, 10, 19, 20, 30, 50}) {
    chr_storage_read args = from(index);
    args.max_entries = 3;
    ASSERT_NO_FATAL_FAILURE(expect_read(args)) << index;
  }
}

TEST_F(DamagedIndex, IsOfNoUseBesideADamagedHead) {
  ASSERT_NO_FATAL_FAILURE(write_two_segments());
  std::filesystem::remove(index_path(1));
  flip(path(1), 20 * record_bytes(4'000) + 30);
  ASSERT_NO_FATAL_FAILURE(reopen());
  EXPECT_EQ(read(all()).out.n, 20u);
  ASSERT_NO_FATAL_FAILURE(expect_damaged(21));
  ASSERT_NO_FATAL_FAILURE(expect_read(from(22)));
  ASSERT_NO_FATAL_FAILURE(expect_read(from(40)));
}

TEST_F(DamagedLog, WhatIsLostBehindTheEndIsToldAlsoAfterARestart) {
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 100)));
  const std::string why = "a frame of the journal is damaged on disk";
  log_->break_off(why);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(read(all()).indexes(), (Indexes{1, 2, 3}));
    ASSERT_NO_FATAL_FAILURE(expect_damaged(4));
    std::vector<PlacedEntry> placed;
    chr_entry entry{entries(1, 0)[0].header, {}};
    const Status refused = log_->accept_append({&entry, 1}, &placed);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kCorrupt);
    EXPECT_EQ(refused.error().message, why);
    ASSERT_NO_FATAL_FAILURE(settle());
  }
}

TEST_F(DamagedLog, AnImageThatWasCutIsNone) {
  ASSERT_NO_FATAL_FAILURE(append(entries(3, 100)));
  std::string image;
  log_->save(&image);
  for (size_t n = 0; n < image.size(); ++n) {
    ByteReader part(std::string_view(image).substr(0, n));
    GroupLog log(kGroup, options_, sums_);
    const Status loaded = log.load(part);
    ASSERT_FALSE(loaded) << n;
    EXPECT_EQ(loaded.error().code, Code::kCorrupt);
  }
  // No segments; another last entry than theirs; a first one behind the last; a segment that begins past all, or has no number.
  for (const auto& [at, number] : std::vector<std::pair<size_t, uint64_t>>{
           {104, 0}, {40, 9}, {8, 4}, {112 + 16, UINT64_MAX}, {88, 0}, {88, UINT64_MAX}}) {
    std::string lie = image;
    std::memcpy(lie.data() + at, &number, sizeof number);
    ByteReader lies(lie);
    GroupLog log(kGroup, options_, sums_);
    const Status loaded = log.load(lies);
    ASSERT_FALSE(loaded) << at;
    EXPECT_EQ(loaded.error().code, Code::kCorrupt);
  }
  ByteReader whole(image);
  GroupLog other(kGroup + 1, options_, sums_);
  EXPECT_FALSE(other.load(whole)) << "of another group";
}

class LyingFrame : public LogFixture {
 protected:
  using Cut = std::optional<Boundary>;
  // Entries 1 to 6 in two segments, the first of which is trimmed; the cut before entry 5.
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(append(entries(3, 100)));
    truncate(3);
    ASSERT_NO_FATAL_FAILURE(append(entries(4, 100)));
    trim(2);
    cut_ = **reader_->boundary(*log_, 5, Wait::kNever);
    ASSERT_EQ(cut_.above, 5u);
    ASSERT_TRUE(log_->fits(cut_, {}, {}));
    ASSERT_TRUE(log_->fits({}, cut_, {}));
  }
  Boundary lie(auto change) const {
    Boundary out = cut_;
    change(out);
    return out;
  }
  PlacedEntry entry(uint64_t index, Place place) const {
    PlacedEntry out;
    out.entry.header.index = index;
    out.place = place;
    return out;
  }
  bool fits(const Cut& truncate, const Cut& trim, const std::vector<PlacedEntry>& entries) const {
    return log_->fits(truncate, trim, entries);
  }

  Boundary cut_;
};

TEST_F(LyingFrame, OfACutIsNotBelieved) {
  using B = Boundary;
  for (const Boundary& cut :
       {lie([](B& b) { b.below.next = {}; }), lie([](B& b) { b.below.next.segment = 3; }),
        lie([](B& b) { b.below.next.at += 1 << 20; }), lie([](B& b) { b.below.last = 5; }),
        lie([](B& b) { b.below.last = 1; }), lie([](B& b) { b.below.last = 0; }),
        lie([](B& b) { b.above = 7; }), lie([](B& b) { b.above = 4; })})
    EXPECT_FALSE(fits(cut, {}, {})) << cut.above << " " << cut.below.last << " " << cut.below.next.segment;
  for (const Boundary& cut :
       {lie([](B& b) { b.above = 7; }), lie([](B& b) { b.above = 1; }), lie([](B& b) { b.below.last = 5; })})
    EXPECT_FALSE(fits({}, cut, {})) << cut.above << " " << cut.below.last;
  EXPECT_FALSE(fits(cut_, cut_, {})) << "it cuts what is cut off already";
  GroupLog empty(kGroup, options_, sums_);
  EXPECT_FALSE(empty.fits(cut_, {}, {}));
  EXPECT_FALSE(empty.fits({}, cut_, {}));
}

TEST_F(LyingFrame, OfAnEntryIsNotBelieved) {
  const Place next = log_->segments().back().end.next;
  Boundary all;
  all.index = UINT64_MAX;
  EXPECT_TRUE(fits({}, {}, {entry(7, next)}));
  EXPECT_TRUE(fits({}, {}, {entry(9, {3, 0}), entry(10, {3, record_bytes(0)})}));
  EXPECT_TRUE(fits(cut_, {}, {entry(5, {3, 0})}));
  EXPECT_TRUE(fits({}, all, {entry(1, {3, 0})}));
  EXPECT_FALSE(fits({}, {}, {entry(6, next)})) << "its index is taken";
  EXPECT_FALSE(fits({}, {}, {entry(7, {2, 0})})) << "its place is taken";
  EXPECT_FALSE(fits({}, {}, {entry(7, {UINT64_MAX, 0})})) << "the next one would wrap";
  EXPECT_FALSE(fits({}, {}, {entry(7, {3, 8})}));
  EXPECT_FALSE(fits({}, {}, {entry(7, {next.segment, next.at + 8})}));
  EXPECT_FALSE(fits({}, {}, {entry(7, next), entry(7, {3, 0})}));
  EXPECT_FALSE(fits(cut_, {}, {entry(5, cut_.below.next)})) << "a cut begins a segment";
  EXPECT_FALSE(fits({}, all, {entry(1, next)}));
}

}  // namespace
}  // namespace chronik::storage_log
