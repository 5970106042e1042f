// The snapshot of a partition in pieces, in the formats of observers.h: SnapshotSave writes one, as of when it was
// made, SnapshotLoad reads one, and replaces the states of the observers in finish() alone.
//
// A section's length stands before it: what is saved of a section is kept until all of it is there.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/partition/observer.h"

namespace chronik::kafka {

using ObserverList = std::vector<std::shared_ptr<PartitionObserver>>;

enum class SnapshotFormat : int16_t { kProducersAlone = 1, kSections = 2 };

class SnapshotSave {
 public:
  SnapshotSave(const ObserverList& observers, SnapshotFormat format);

  // Writes on, of max_bytes and little more; false: that was all, or the writer refused it, see is_refused().
  using Writer = std::function<bool(Bytes)>;
  bool write_piece(size_t max_bytes, const Writer& write);
  bool is_refused() const { return refused_; }

 private:
  struct Section {
    std::string_view name;
    std::unique_ptr<SectionSave> save;  // null once all is saved
    std::deque<std::vector<uint8_t>> parts;
    size_t written = 0;  // of the first part
    bool begun = false;  // to be written
  };
  static size_t save_part(Section& section, size_t max_bytes);
  std::vector<uint8_t> head_of(const Section& section) const;
  size_t write_part(Section& section, size_t max_bytes, const Writer& write);
  bool write_all(Bytes bytes, const Writer& write);

  const SnapshotFormat format_;
  std::deque<Section> sections_;  // still to be written
  std::vector<uint8_t> head_;     // of the snapshot, until it is written
  bool refused_ = false;
};

class SnapshotLoad {
 public:
  // As many bytes come.
  SnapshotLoad(const ObserverList& observers, uint64_t bytes);

  // UNSUPPORTED: of a newer build; CORRUPT. In order, cut anywhere.
  Status load_piece(Bytes piece);
  Status finish();

 private:
  enum class Next : uint8_t { kFormat, kCount, kNameSize, kName, kSize, kBody, kEnd };
  struct Section {
    PartitionObserver* observer;
    std::unique_ptr<SectionLoad> load;
  };
  void expect(Next next, size_t bytes);
  void expect_section();
  Status read_head();
  Status read_format();
  void end_section();
  Status begin_section(std::string_view name, uint64_t bytes);

  const ObserverList& observers_;
  uint64_t left_;  // of the snapshot
  Next next_ = Next::kFormat;
  std::vector<uint8_t> head_;  // what came of a field
  size_t head_size_ = sizeof(int16_t);
  std::string name_;  // of the section that comes
  uint16_t sections_left_ = 0;
  uint64_t body_left_ = 0;
  std::vector<Section> sections_;  // so far
};

}  // namespace chronik::kafka
