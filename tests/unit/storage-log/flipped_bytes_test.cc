// Each byte of a stopped store in turn: what is flipped is told, and ends nobody.
#include "stopped_log.h"

namespace chronik::conformance {
namespace {

// Flips bytes of a file, one at a time, and gives fn what the check says.
class EachByte : public StoppedLog {
 protected:
  template <class F>
  void each(const std::string& name, size_t from, size_t to, size_t step, F fn) {
    for (size_t at = from; at < to; at += step) {
      const int mask = 1 << at % 8;
      flip(name, at, mask);
      fn(at, check());
      flip(name, at, mask);
      if (HasFailure()) return;
    }
  }
  // Each byte of these is told.
  void expect_told(const std::string& name, size_t from, size_t n, size_t step = 1) {
    each(name, from, from + n, step,
         [&](size_t at, const Found& found) { ASSERT_FALSE(found.is_silent()) << name << " at " << at; });
  }
  // As damage of this entry.
  void expect_entry(const std::string& name, size_t from, size_t n, size_t step, uint64_t index) {
    const std::string entry = " " + std::to_string(index) + "-" + std::to_string(index) + ": ";
    each(name, from, from + n, step, [&](size_t at, const Found& found) {
      ASSERT_TRUE(found.status && found.seen.damages == 1 && found.has(entry)) << name << " at " << at << "\n"
                                                                               << found.all();
    });
  }
};

TEST_F(EachByte, OfAStoppedStoreIsTold) {
  fill(End::kStop);
  const Image before = disk_.image();
  for (const auto& [name, bytes] : before) {
    if (name.starts_with("checkpoint-")) expect_told(name, 0, bytes.size());
    if (name.ends_with(".value")) expect_told(name, 0, bytes.size(), 61);
    if (!name.ends_with(".segment")) continue;
    RecordHead head;
    for (size_t at = 0, index = 1; index <= 6; ++index, at += storage_log::record_bytes(head.header.bytes)) {
      std::memcpy(&head, bytes.data() + at, sizeof head);
      ASSERT_EQ(head.header.index, index);
      expect_entry(name, at, sizeof head, 1, index);
      expect_entry(name, at + sizeof head, head.header.bytes, head.header.bytes > 100 ? 61 : 1, index);
    }
  }
  EXPECT_TRUE(disk_.image() == before) << "a check changed something";
}

TEST_F(EachByte, OfTheJournalOfAKilledStoreIsTold) {
  fill(End::kKill);
  add_unmarked(2);
  const Image before = disk_.image();
  const std::string& journal = before.at("journal-0");
  const auto all = frames(journal);
  ASSERT_FALSE(all.empty());
  for (const auto& [at, header] : all) {
    const uint64_t ids = header.groups * sizeof(uint64_t);
    expect_told("journal-0", at, sizeof header + header.payload_bytes + ids);
    expect_told("journal-0", at + back_ids(header), ids + sizeof header);
  }
  EXPECT_TRUE(disk_.image() == before) << "a check changed something";
}

// What the check says is what a start does: it tells damage where something is lost, and only there.
TEST_F(EachByte, IsDamageWhereAStartServesLess) {
  fill(End::kKill);
  const Image image = disk_.image();
  for (const auto& [name, bytes] : image) {
    const size_t end = name.starts_with("journal-") ? 17 * 4096 : bytes.size();
    for (size_t at = name.size() % 7; at < std::min(end, bytes.size()); at += 1543) {
      Image damaged = image;
      for (size_t i = at; i < std::min(at + 9, bytes.size()); i += 4) damaged.at(name)[i] ^= 0x20;
      Disk disk(damaged);
      const Found found = check(disk);
      const bool is_whole = found.status && found.seen.damages == 0;
      ASSERT_EQ(is_whole, served(damaged) == content_) << name << " at " << at << "\n" << found.all();
    }
  }
}

}  // namespace
}  // namespace chronik::conformance
