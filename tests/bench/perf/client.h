// What the verbs of perf_client share: clients, records, pace, what was acknowledged when.
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace perf {

using Clock = std::chrono::steady_clock;
inline constexpr size_t kRecordBytes = 1024;
inline constexpr double kMb = 1e6;

struct Topic {
  const char* bootstrap;
  const char* name;
  int partitions;
};

[[noreturn]] void die(const std::string& what);
double seconds_since(Clock::time_point start);
double cpu_seconds();  // of this process
int64_t now_ns();
// Tells who reads along on stderr that the measurement begins, or has ended.
void mark(const char* name);

struct Counters {
  bool measuring = false;
  uint64_t warm = 0;  // acknowledged before
  uint64_t acknowledged = 0;
  uint64_t failed = 0;
  std::vector<double> latencies_ms;  // of those that had a tag
};

rd_kafka_t* make_producer(const char* bootstrap, Counters* counters, const char* linger_ms);

rd_kafka_t* make_consumer(const char* bootstrap);
// All partitions, from an offset, which may be a logical one.
void assign(rd_kafka_t* consumer, const Topic& topic, int64_t offset);
void close_consumer(rd_kafka_t* consumer);

struct Watermarks {
  int64_t low = 0;
  int64_t high = 0;
};
std::vector<Watermarks> watermarks(rd_kafka_t* client, const Topic& topic);

struct Record {
  std::string_view value;
  int32_t partition = RD_KAFKA_PARTITION_UA;  // chosen by the key
  std::string_view key = {};
  int64_t sent_ns = 0;  // its tag; 0: none
  bool copy = false;    // the value does not stay until it is acknowledged
};
// Waits for room where the queue is full.
void send(rd_kafka_t* producer, const Topic& topic, const Record& record);
void flush(rd_kafka_t* producer);

// Records for a partition in a row, so that batches fill.
inline constexpr uint64_t kInARow = 64;
inline int32_t partition_in_a_row(const Topic& topic, uint64_t i) {
  return static_cast<int32_t>(i / kInARow % static_cast<uint64_t>(topic.partitions));
}

// Bytes that do not compress, the same each time.
std::string payload(size_t bytes = kRecordBytes);

// Sorts them.
class Quantiles {
 public:
  explicit Quantiles(std::vector<double>* all);
  double at(double q) const;
  double longest() const { return at(1); }

 private:
  const std::vector<double>& all_;
};

// `rate` a second from its making on.
class Pace {
 public:
  explicit Pace(double rate) : rate_(rate) {}
  // Waits until the i-th is due, and serves the producer meanwhile.
  void await(uint64_t i, rd_kafka_t* producer) const;
  Clock::time_point start() const { return start_; }

 private:
  Clock::time_point start_ = Clock::now();
  double rate_;
};

}  // namespace perf
