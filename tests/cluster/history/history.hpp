// What clients did and saw, and whether one log can explain it. Linear in the number of events.
//
// An event is a line; times are CLOCK_MONOTONIC in nanoseconds, one clock for all clients:
//   i PRODUCER PARTITION SEQUENCE TIME                  handed to the client library; sequences begin with 0
//   a PRODUCER PARTITION SEQUENCE OFFSET TIME           acknowledged; offset -1 where the broker did not say
//   f PRODUCER PARTITION SEQUENCE TIME ERROR            failed: whether it is in the log is open
//   r CONSUMER PARTITION OFFSET PRODUCER SEQUENCE TIME  read while the load was on
//   e CONSUMER PARTITION TIME ERROR                     a consumer could not go on
//   d PARTITION OFFSET PRODUCER SEQUENCE                the log at the end, in its order
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::history {

enum class Anomaly {
  kLost,        // acknowledged, and not in the log
  kDuplicated,  // in the log twice
  kReordered,   // a producer's record stands before an earlier one of its own
  kRebound,     // an offset showed another record before: in an acknowledgement, or to a consumer
  kVanished,    // a consumer read an offset that the log does not have
  kInvented,    // in the log, and nobody sent it
  kOvertaken,   // stands before one that was acknowledged before it was sent
  kHole,        // the log misses an offset
  kSkipped,     // a consumer did not see the next offset next
  kStuck,       // a consumer got an error
  kCount,
};

std::string_view name_of(Anomaly anomaly);

struct Report {
  std::array<uint64_t, static_cast<size_t>(Anomaly::kCount)> counts{};
  std::vector<std::string> examples;       // the first few of each kind
  std::map<std::string, uint64_t> errors;  // that reached producers, how often
  uint64_t sent = 0, acknowledged = 0, failed = 0, read = 0, in_log = 0;

  uint64_t count(Anomaly anomaly) const { return counts[static_cast<size_t>(anomaly)]; }
  uint64_t anomalies() const;
  void found(Anomaly anomaly, std::string example);
};

class History {
 public:
  // False where the line is no event: a history that is cut or mixed up proves nothing.
  bool add(std::string_view line);
  Report check() const;

 private:
  struct Record {
    int producer;
    uint64_t sequence;
    bool operator==(const Record&) const = default;
  };
  struct Sent {
    static constexpr uint64_t kNever = ~uint64_t{0};
    uint64_t invoked = kNever;
    uint64_t acknowledged = kNever;
    int64_t offset = -1;
  };
  struct Seen {
    int64_t offset;
    Record record;
  };
  struct Partition {
    std::map<int, std::vector<Sent>> sent;  // by producer, then by sequence
    std::map<int, std::vector<Seen>> read;  // by consumer, in its order
    std::vector<Seen> log;
  };

  Sent* sent(uint64_t producer, uint64_t partition, uint64_t sequence);
  static void check_log(const std::string& name, const Partition& partition, Report* report);
  static void check_acknowledged(const std::string& name, const Partition& partition, Report* report);
  static void check_reads(const std::string& name, const Partition& partition, Report* report);
  static void check_time(const std::string& name, const Partition& partition, Report* report);
  static const Sent* find(const Partition& partition, Record record);

  std::map<uint64_t, Partition> partitions_;
  std::vector<std::string> errors_;  // of consumers
  std::map<std::string, uint64_t> failures_;
};

}  // namespace chronik::history
