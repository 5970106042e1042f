// The snapshot of a partition in pieces: the bytes of before, as of when it was begun, whatever is applied meanwhile.
#include "kafka-proto/partition/snapshot_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "kafka-proto/partition/observers.h"

namespace chronik::kafka::testing {
namespace {

using Buffer = std::vector<uint8_t>;

// Its state is bytes; in parts it goes where it is told to.
class Sized final : public PartitionObserver {
 public:
  Sized(std::string name, size_t bytes, bool in_parts) : name_(std::move(name)), in_parts_(in_parts) {
    for (size_t i = 0; i < bytes; ++i) state.push_back(static_cast<uint8_t>(i));
  }

  std::string_view section() const override { return name_; }
  Status applied(const chr_entry&, const BatchHeader&) override {
    state.push_back(99);
    return {};
  }
  void save(Buffer& section) const override { section.insert(section.end(), state.begin(), state.end()); }
  Status load(Bytes section) override {
    state.assign(section.begin(), section.end());
    return {};
  }
  std::unique_ptr<SectionSave> begin_save() const override {
    return in_parts_ ? std::make_unique<Save>(state) : nullptr;
  }
  std::unique_ptr<SectionLoad> begin_load() override {
    return in_parts_ ? std::make_unique<Load>(this) : nullptr;
  }

  Buffer state;
  size_t largest_part = 0;  // of those loaded
  bool refuses = false;

 private:
  struct Save final : SectionSave {
    explicit Save(Buffer of) : view(std::move(of)) {}
    bool save_part(size_t max_bytes, Buffer& section) override {
      const size_t n = std::min(max_bytes, view.size() - at);
      section.insert(section.end(), view.begin() + static_cast<ptrdiff_t>(at),
                     view.begin() + static_cast<ptrdiff_t>(at + n));
      at += n;
      return at < view.size();
    }
    Buffer view;
    size_t at = 0;
  };
  struct Load final : SectionLoad {
    explicit Load(Sized* to) : owner(*to) {}
    Status load_part(Bytes part) override {
      if (owner.refuses) return fail(Code::kCorrupt, "a part is wrong");
      owner.largest_part = std::max(owner.largest_part, part.size());
      bytes.insert(bytes.end(), part.begin(), part.end());
      return {};
    }
    Status finish() override {
      owner.state = bytes;
      return {};
    }
    Sized& owner;
    Buffer bytes;
  };
  const std::string name_;
  const bool in_parts_;
};

class SnapshotStream : public ::testing::Test {
 protected:
  explicit SnapshotStream(size_t large = 10'000) : large_(std::make_shared<Sized>("large", large, true)) {
    for (const auto& each : {producers_, large_, empty_}) observers_.add_observer(each);
  }
  // Each piece of it; between() runs between two of them.
  std::vector<Buffer> save_pieces(size_t max_bytes, const std::function<void()>& between = [] {}) {
    std::vector<Buffer> pieces;
    const auto save = observers_.begin_save(3);
    for (bool more = true; more; between())
      more = save->write_piece(max_bytes, [&, piece = &pieces.emplace_back()](Bytes bytes) {
        piece->insert(piece->end(), bytes.begin(), bytes.end());
        return true;
      });
    return pieces;
  }
  static Buffer joined(const std::vector<Buffer>& pieces) {
    Buffer all;
    for (const Buffer& piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
    return all;
  }
  Status load_pieces(const Buffer& bytes, size_t size) {
    const auto load = observers_.begin_load(bytes.size());
    for (size_t at = 0; at < bytes.size(); at += size)
      CHRONIK_CHECK(load->load_piece(Bytes(bytes).subspan(at, std::min(size, bytes.size() - at))));
    return load->finish();
  }

  std::shared_ptr<Sized> producers_ = std::make_shared<Sized>("producers", 5, false);
  std::shared_ptr<Sized> large_;
  std::shared_ptr<Sized> empty_ = std::make_shared<Sized>("empty", 0, true);
  Observers observers_;
};

TEST_F(SnapshotStream, HasTheSameBytesWhateverThePieces) {
  const Buffer at_once = observers_.save(3);
  for (const size_t max_bytes : {1, 7, 1000, 1 << 20}) EXPECT_TRUE(joined(save_pieces(max_bytes)) == at_once);
}

TEST_F(SnapshotStream, WritesNoPieceThatIsMuchLarger) {
  const std::vector<Buffer> pieces = save_pieces(1000);
  EXPECT_GT(pieces.size(), 10u);
  for (const Buffer& piece : pieces) EXPECT_LE(piece.size(), 1000u + 64u);
}

TEST_F(SnapshotStream, IsOfTheStateAtWhichItBegan) {
  const Buffer at_once = observers_.save(3);
  const Buffer saved = joined(save_pieces(1000, [&] { observers_.applied({}, {}); }));
  EXPECT_TRUE(saved == at_once);
  EXPECT_GT(large_->state.size(), 10'010u);
  EXPECT_GT(producers_->state.size(), 15u);
}

TEST_F(SnapshotStream, IsLoadedWhereverItIsCut) {
  const Buffer saved = observers_.save(3);
  const Buffer state = large_->state;
  for (const size_t size : {1, 3, 100, 1 << 20}) {
    large_->state = producers_->state = empty_->state = {42};
    ASSERT_TRUE(load_pieces(saved, size)) << size;
    EXPECT_TRUE(large_->state == state);
    EXPECT_EQ(producers_->state.size(), 5u);
    EXPECT_TRUE(empty_->state.empty());
  }
}

TEST_F(SnapshotStream, ReplacesNothingBeforeItsEnd) {
  const Buffer saved = observers_.save(3);
  large_->state = {42};
  {
    const auto load = observers_.begin_load(saved.size());
    ASSERT_TRUE(load->load_piece(saved));
    EXPECT_EQ(large_->state, Buffer{42});
  }
  EXPECT_EQ(large_->state, Buffer{42}) << "it was dropped";
}

TEST_F(SnapshotStream, EndsWithWhatASectionRefuses) {
  const Buffer saved = observers_.save(3);
  large_->refuses = true;
  const Status loaded = load_pieces(saved, 100);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message, "a part is wrong");
}

TEST_F(SnapshotStream, EndsWhereTheWriterRefuses) {
  const auto save = observers_.begin_save(3);
  EXPECT_FALSE(save->write_piece(1000, [](Bytes) { return false; }));
  EXPECT_TRUE(save->is_refused());
}

class SmallSnapshotStream : public SnapshotStream {
 protected:
  SmallSnapshotStream() : SnapshotStream(3) {}
};

TEST_F(SmallSnapshotStream, RefusesWhatIsCutOffOrTooLong) {
  const Buffer saved = observers_.save(3);
  for (size_t n = 0; n < saved.size(); ++n) {
    const Status cut = load_pieces(Buffer(saved.begin(), saved.begin() + static_cast<ptrdiff_t>(n)), 1);
    ASSERT_FALSE(cut) << n;
    EXPECT_EQ(cut.error().code, Code::kCorrupt) << n;
  }
  Buffer longer = saved;
  longer.push_back(0);
  EXPECT_FALSE(load_pieces(longer, 1));
}

// A section that claims more than there is is refused before its first byte.
TEST_F(SmallSnapshotStream, BelievesNoLength) {
  const std::string claim("\0\2\0\1\5large\x7f\0\0\0\0\0\0\0", 18);
  EXPECT_FALSE(load_pieces(Buffer(claim.begin(), claim.end()), 100));
  EXPECT_EQ(large_->largest_part, 0u);
}

}  // namespace
}  // namespace chronik::kafka::testing
