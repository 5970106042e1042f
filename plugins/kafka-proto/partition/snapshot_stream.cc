#include "kafka-proto/partition/snapshot_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kafka-proto/partition/observers.h"
#include "kafka-proto/records/encoding.h"

namespace chronik::kafka {
namespace {

template <class T>
void put(std::vector<uint8_t>& out, T value) {
  out.resize(out.size() + sizeof value);
  store_be(out.data() + out.size() - sizeof value, value);
}

std::unexpected<Error> corrupt(const char* what) {
  return fail(Code::kCorrupt, fmt::format("the snapshot of a partition is damaged: {}", what));
}

// Of an observer whose state goes in at once.
class WholeSection final : public SectionLoad {
 public:
  explicit WholeSection(PartitionObserver* observer) : observer_(*observer) {}
  Status load_part(Bytes part) override {
    bytes_.insert(bytes_.end(), part.begin(), part.end());
    return {};
  }
  Status finish() override { return observer_.load(bytes_); }

 private:
  PartitionObserver& observer_;
  std::vector<uint8_t> bytes_;
};

}  // namespace

// ---- out

SnapshotSave::SnapshotSave(const ObserverList& observers, SnapshotFormat format) : format_(format) {
  if (format_ == SnapshotFormat::kSections) {
    put(head_, static_cast<int16_t>(format_));
    put(head_, static_cast<uint16_t>(observers.size()));
  }
  for (const auto& each : observers) {
    if (format_ == SnapshotFormat::kProducersAlone && each->section() != Observers::kProducers) continue;
    Section& section = sections_.emplace_back();
    section.name = each->section();
    section.save = each->begin_save();
    if (section.save == nullptr) each->save(section.parts.emplace_back());
  }
}

bool SnapshotSave::write_piece(size_t max_bytes, const Writer& write) {
  if (!write_all(std::exchange(head_, {}), write)) return false;
  for (size_t done = 0; done < max_bytes && !sections_.empty();) {
    Section& section = sections_.front();
    done += section.save != nullptr ? save_part(section, max_bytes - done)
                                    : write_part(section, max_bytes - done, write);
    if (refused_) return false;
    if (section.save == nullptr && section.begun && section.parts.empty()) sections_.pop_front();
  }
  return !sections_.empty();
}

// How much is done: at least one, so that those which save nothing come to their end too.
size_t SnapshotSave::save_part(Section& section, size_t max_bytes) {
  std::vector<uint8_t> part;
  if (!section.save->save_part(max_bytes, part)) section.save.reset();
  const size_t n = part.size();
  if (n > 0) section.parts.push_back(std::move(part));
  return std::max<size_t>(n, 1);
}

std::vector<uint8_t> SnapshotSave::head_of(const Section& section) const {
  std::vector<uint8_t> head;
  if (format_ == SnapshotFormat::kProducersAlone) return head;
  uint64_t size = 0;
  for (const std::vector<uint8_t>& part : section.parts) size += part.size();
  put(head, static_cast<uint8_t>(section.name.size()));
  head.insert(head.end(), section.name.begin(), section.name.end());
  put(head, size);
  return head;
}

size_t SnapshotSave::write_part(Section& section, size_t max_bytes, const Writer& write) {
  if (!std::exchange(section.begun, true)) {
    const std::vector<uint8_t> head = head_of(section);
    if (!write_all(head, write)) return 0;
  }
  if (section.parts.empty()) return 0;
  const std::vector<uint8_t>& part = section.parts.front();
  const size_t n = std::min(part.size() - section.written, max_bytes);
  if (!write_all(Bytes(part).subspan(section.written, n), write)) return 0;
  section.written += n;
  if (section.written == part.size()) {
    section.parts.pop_front();
    section.written = 0;
  }
  return n;
}

bool SnapshotSave::write_all(Bytes bytes, const Writer& write) {
  refused_ = refused_ || (!bytes.empty() && !write(bytes));
  return !refused_;
}

// ---- in

SnapshotLoad::SnapshotLoad(const ObserverList& observers, uint64_t bytes)
    : observers_(observers), left_(bytes) {}

void SnapshotLoad::expect(Next next, size_t bytes) {
  next_ = next;
  head_.clear();
  head_size_ = bytes;
}

Status SnapshotLoad::load_piece(Bytes piece) {
  while (!piece.empty()) {
    if (next_ == Next::kEnd) return corrupt("bytes are left over");
    const bool body = next_ == Next::kBody;
    const uint64_t wanted = body ? body_left_ : head_size_ - head_.size();
    const Bytes part = piece.subspan(0, std::min<uint64_t>(piece.size(), wanted));
    piece = piece.subspan(part.size());
    left_ -= std::min<uint64_t>(left_, part.size());
    if (body) {
      CHRONIK_CHECK(sections_.back().load->load_part(part));
      body_left_ -= part.size();
      if (body_left_ == 0) end_section();
      continue;
    }
    head_.insert(head_.end(), part.begin(), part.end());
    if (head_.size() == head_size_) CHRONIK_CHECK(read_head());
  }
  return {};
}

// A field before a section is there.
Status SnapshotLoad::read_head() {
  switch (next_) {
    case Next::kFormat:
      return read_format();
    case Next::kCount:
      sections_left_ = load_be<uint16_t>(head_.data());
      expect_section();
      break;
    case Next::kNameSize:
      name_.clear();
      head_[0] == 0 ? expect(Next::kSize, sizeof(uint64_t)) : expect(Next::kName, head_[0]);
      break;
    case Next::kName:
      name_.assign(head_.begin(), head_.end());
      expect(Next::kSize, sizeof(uint64_t));
      break;
    case Next::kSize:
      return begin_section(name_, load_be<uint64_t>(head_.data()));
    case Next::kBody:
    case Next::kEnd:
      break;
  }
  return {};
}

// That of producers alone begins with their own version.
Status SnapshotLoad::read_format() {
  const auto format = load_be<int16_t>(head_.data());
  if (format == static_cast<int16_t>(SnapshotFormat::kProducersAlone)) {
    const std::vector<uint8_t> version = head_;
    sections_left_ = 1;
    CHRONIK_CHECK(begin_section(Observers::kProducers, left_));
    return sections_.back().load->load_part(version);
  }
  if (format != static_cast<int16_t>(SnapshotFormat::kSections))
    return fail(Code::kUnsupported,
                fmt::format("a snapshot of a partition has format {}, this node reads up to {}; upgrade it",
                            format, static_cast<int16_t>(SnapshotFormat::kSections)));
  expect(Next::kCount, sizeof(uint16_t));
  return {};
}

void SnapshotLoad::end_section() {
  --sections_left_;
  expect_section();
}

void SnapshotLoad::expect_section() {
  sections_left_ == 0 ? expect(Next::kEnd, 0) : expect(Next::kNameSize, sizeof(uint8_t));
}

Status SnapshotLoad::begin_section(std::string_view name, uint64_t bytes) {
  if (bytes > left_) return corrupt("a section is cut off");
  const auto is_named = [name](const auto& each) { return each->section() == name; };
  const auto found = std::ranges::find_if(observers_, is_named);
  if (found == observers_.end())
    return fail(Code::kUnsupported,
                fmt::format("a snapshot of a partition has the section '{}', which this node does not know; "
                            "upgrade it",
                            name));
  if (std::ranges::any_of(sections_, [&](const Section& each) { return each.observer->section() == name; }))
    return corrupt("a section is there twice");
  std::unique_ptr<SectionLoad> load = (*found)->begin_load();
  if (load == nullptr) load = std::make_unique<WholeSection>(found->get());
  sections_.push_back({found->get(), std::move(load)});
  next_ = Next::kBody;
  body_left_ = bytes;
  if (bytes == 0) end_section();
  return {};
}

Status SnapshotLoad::finish() {
  if (next_ != Next::kEnd) return corrupt(next_ == Next::kBody ? "a section is cut off" : "it is cut off");
  for (const auto& each : observers_) {
    const auto is_of = [&](const Section& section) { return section.observer == each.get(); };
    const auto found = std::ranges::find_if(sections_, is_of);
    CHRONIK_CHECK(found == sections_.end() ? each->load({}) : found->load->finish());
  }
  return {};
}

}  // namespace chronik::kafka
