#include "history.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

namespace chronik::history {
namespace {

constexpr uint64_t kMostRecords =
    1'000'000'000;  // of one producer and partition; beyond it the line is damaged
constexpr uint64_t kExamples = 5;

// The numbers of a line, from its third character on; what is left is a text.
class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line.substr(std::min<size_t>(line.size(), 2))) {}

  int64_t next() {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{}) complete_ = false;
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    if (!rest_.empty() && rest_.front() != ' ') complete_ = false;
    if (!rest_.empty()) rest_.remove_prefix(1);
    return value;
  }
  uint64_t number() {
    const int64_t value = next();
    if (value < 0) complete_ = false;
    return static_cast<uint64_t>(value);
  }
  std::string_view rest() const { return rest_; }
  bool complete() const { return complete_; }
  bool ended() const { return complete_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool complete_ = true;
};

std::string text(const auto& record) {
  return std::to_string(record.producer) + "." + std::to_string(record.sequence);
}

}  // namespace

std::string_view name_of(Anomaly anomaly) {
  constexpr std::string_view kNames[] = {"lost",     "duplicated", "reordered", "rebound", "vanished",
                                         "invented", "overtaken",  "hole",      "skipped", "stuck"};
  static_assert(std::size(kNames) == static_cast<size_t>(Anomaly::kCount));
  return kNames[static_cast<size_t>(anomaly)];
}

uint64_t Report::anomalies() const { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); }

void Report::found(Anomaly anomaly, std::string example) {
  if (counts[static_cast<size_t>(anomaly)]++ < kExamples)
    examples.push_back(std::string(name_of(anomaly)) + ": " + std::move(example));
}

History::Sent* History::sent(uint64_t producer, uint64_t partition, uint64_t sequence) {
  if (sequence >= kMostRecords) return nullptr;
  std::vector<Sent>& all = partitions_[partition].sent[static_cast<int>(producer)];
  if (all.size() <= sequence) all.resize(sequence + 1);
  return &all[sequence];
}

bool History::add(std::string_view line) {
  Fields fields(line);
  const uint64_t first = fields.number();  // producer or consumer, of "d" the partition
  const uint64_t second = fields.number();
  if (line.size() < 2 || line[1] != ' ') return false;
  switch (line[0]) {
    case 'i':
    case 'a':
    case 'f': {
      const uint64_t sequence = fields.number();
      Sent* const record = fields.complete() ? sent(first, second, sequence) : nullptr;
      if (record == nullptr) return false;
      if (line[0] == 'i') record->invoked = fields.number();
      if (line[0] == 'a') record->offset = fields.next();
      if (line[0] == 'a') record->acknowledged = fields.number();
      if (line[0] == 'f') fields.number();
      if (line[0] == 'f') ++failures_[std::string(fields.rest())];
      return line[0] == 'f' ? fields.complete() : fields.ended();
    }
    case 'r': {
      const auto offset = static_cast<int64_t>(fields.number());
      const Record record{static_cast<int>(fields.number()), fields.number()};
      fields.number();
      if (fields.ended()) partitions_[second].read[static_cast<int>(first)].push_back({offset, record});
      return fields.ended();
    }
    case 'e':
      if (fields.complete()) errors_.emplace_back(line);
      return fields.complete();
    case 'd': {
      const Record record{static_cast<int>(fields.number()), fields.number()};
      if (fields.ended()) partitions_[first].log.push_back({static_cast<int64_t>(second), record});
      return fields.ended();
    }
    default:
      return false;
  }
}

const History::Sent* History::find(const Partition& partition, Record record) {
  const auto all = partition.sent.find(record.producer);
  if (all == partition.sent.end() || all->second.size() <= record.sequence) return nullptr;
  const Sent& sent = all->second[record.sequence];
  return sent.invoked == Sent::kNever ? nullptr : &sent;
}

// The log in itself: each record once, sent by somebody, in its producer's order, without holes.
void History::check_log(const std::string& name, const Partition& partition, Report* report) {
  std::map<int, std::vector<bool>> there;
  std::map<int, uint64_t> newest;
  for (size_t i = 0; i < partition.log.size(); ++i) {
    const auto& [offset, record] = partition.log[i];
    const std::string what = name + " offset " + std::to_string(offset) + " has " + text(record);
    if (offset != partition.log[0].offset + static_cast<int64_t>(i))
      report->found(Anomaly::kHole, what + ", the record before is not at the offset before");
    if (find(partition, record) == nullptr) {
      report->found(Anomaly::kInvented, what);
      continue;
    }
    std::vector<bool>& mine = there[record.producer];
    if (mine.size() <= record.sequence) mine.resize(record.sequence + 1);
    if (mine[record.sequence]) report->found(Anomaly::kDuplicated, what);
    const auto last = newest.find(record.producer);
    if (!mine[record.sequence] && last != newest.end() && record.sequence < last->second)
      report->found(Anomaly::kReordered, what + " behind its " + std::to_string(last->second));
    mine[record.sequence] = true;
    newest[record.producer] = std::max(newest[record.producer], record.sequence);
  }
}

// What was acknowledged is there, where the acknowledgement said.
void History::check_acknowledged(const std::string& name, const Partition& partition, Report* report) {
  std::map<int, std::vector<bool>> there;
  for (const auto& [producer, all] : partition.sent) there[producer].resize(all.size());
  for (const Seen& seen : partition.log)
    if (find(partition, seen.record) != nullptr) there[seen.record.producer][seen.record.sequence] = true;
  const int64_t start = partition.log.empty() ? 0 : partition.log[0].offset;
  for (const auto& [producer, all] : partition.sent) {
    for (uint64_t sequence = 0; sequence < all.size(); ++sequence) {
      const Sent& sent = all[sequence];
      report->sent += sent.invoked != Sent::kNever;
      if (sent.acknowledged == Sent::kNever) continue;
      ++report->acknowledged;
      const Record record{producer, sequence};
      const std::string what = name + " " + text(record) + " at offset " + std::to_string(sent.offset);
      if (!there.at(producer)[sequence]) report->found(Anomaly::kLost, what);
      const int64_t place = sent.offset - start;
      if (sent.offset < 0 || place < 0 || place >= static_cast<int64_t>(partition.log.size())) continue;
      const Seen& at = partition.log[static_cast<size_t>(place)];
      if (at.record != record)
        report->found(Anomaly::kRebound, what + " was acknowledged, there is " + text(at.record));
    }
  }
}

// Consumers saw the log as it is now, offset after offset.
void History::check_reads(const std::string& name, const Partition& partition, Report* report) {
  const int64_t start = partition.log.empty() ? 0 : partition.log[0].offset;
  for (const auto& [consumer, all] : partition.read) {
    report->read += all.size();
    for (size_t i = 0; i < all.size(); ++i) {
      const Seen& seen = all[i];
      const std::string what = name + " consumer " + std::to_string(consumer) + " read " + text(seen.record) +
                               " at offset " + std::to_string(seen.offset);
      if (i > 0 && seen.offset != all[i - 1].offset + 1)
        report->found(Anomaly::kSkipped, what + " after " + std::to_string(all[i - 1].offset));
      const int64_t place = seen.offset - start;
      if (place < 0 || place >= static_cast<int64_t>(partition.log.size())) {
        report->found(Anomaly::kVanished, what);
      } else if (const Seen& at = partition.log[static_cast<size_t>(place)]; at.record != seen.record) {
        report->found(Anomaly::kRebound, what + ", there is " + text(at.record));
      }
    }
  }
}

// What was acknowledged before another was sent stands before it.
void History::check_time(const std::string& name, const Partition& partition, Report* report) {
  const Seen* earliest = nullptr;  // of those behind, the one acknowledged first
  uint64_t acknowledged = Sent::kNever;
  for (size_t i = partition.log.size(); i-- > 0;) {
    const Seen& seen = partition.log[i];
    const Sent* sent = find(partition, seen.record);
    if (sent == nullptr) continue;
    if (earliest != nullptr && acknowledged < sent->invoked)
      report->found(Anomaly::kOvertaken, name + " " + text(seen.record) + " stands before " +
                                             text(earliest->record) +
                                             ", which was acknowledged before the other was sent");
    if (sent->acknowledged < acknowledged) {
      acknowledged = sent->acknowledged;
      earliest = &seen;
    }
  }
}

Report History::check() const {
  Report report;
  report.errors = failures_;
  for (const auto& [error, n] : failures_) report.failed += n;
  for (const std::string& error : errors_) report.found(Anomaly::kStuck, error);
  for (const auto& [number, partition] : partitions_) {
    const std::string name = "partition " + std::to_string(number);
    report.in_log += partition.log.size();
    check_log(name, partition, &report);
    check_acknowledged(name, partition, &report);
    check_reads(name, partition, &report);
    check_time(name, partition, &report);
  }
  return report;
}

}  // namespace chronik::history
