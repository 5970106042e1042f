// Many consumers at the tail: each takes all that is produced.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "bench/perf/verbs.h"

namespace perf {
namespace {

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

// In front of a record's bytes: which one it is, and when it was sent.
struct Stamp {
  uint64_t number;
  int64_t sent_ns;
};

void send_stamped(rd_kafka_t* producer, const Topic& topic, int32_t partition, uint64_t number,
                  std::string* value) {
  const Stamp stamp{number, now_ns()};
  std::memcpy(value->data(), &stamp, sizeof stamp);
  send(producer, topic, {.value = *value, .partition = partition, .copy = true});
}

Stamp stamp_of(const rd_kafka_message_t* message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_message_errstr(message));
  if (message->len < sizeof(Stamp)) die("a record without a stamp");
  Stamp stamp;
  std::memcpy(&stamp, message->payload, sizeof stamp);
  return stamp;
}

// A consumer in a thread of its own, until stop().
class Reader {
 public:
  explicit Reader(const Topic& topic) : topic_(topic) {}
  ~Reader() { stop(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  template <class Fn>
  void start(int64_t from, Fn take) {
    thread_ = std::thread([this, from, take] {
      rd_kafka_t* consumer = make_consumer(topic_.bootstrap);
      assign(consumer, topic_, from);
      rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
      std::vector<rd_kafka_message_t*> messages(1000);
      while (!stopped_.load(std::memory_order_relaxed)) {
        const ssize_t n = rd_kafka_consume_batch_queue(queue, 20, messages.data(), messages.size());
        for (ssize_t i = 0; i < n; ++i) {
          rd_kafka_message_t* message = messages[static_cast<size_t>(i)];
          take(stamp_of(message));
          rd_kafka_message_destroy(message);
        }
      }
      rd_kafka_queue_destroy(queue);
      close_consumer(consumer);
    });
  }
  void stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  Topic topic_;
  std::atomic<bool> stopped_ = false;
  std::thread thread_;
};

double ms_since(int64_t ns) { return 1e-6 * static_cast<double>(now_ns() - ns); }

// One of many at the tail: counts the records of the measurement.
struct Follower {
  explicit Follower(const Topic& topic) : reader(topic) {}
  std::atomic<uint64_t> records = 0;
  std::vector<double> ages_ms;  // its reader's, until that has ended
  Reader reader;                // last: it uses both
};

uint64_t records_of(const std::vector<std::unique_ptr<Follower>>& followers) {
  uint64_t sum = 0;
  for (const auto& follower : followers) sum += follower->records;
  return sum;
}

void await_all(const std::vector<std::unique_ptr<Follower>>& followers, uint64_t expected) {
  const Clock::time_point from = Clock::now();
  while (records_of(followers) < expected) {
    if (seconds_since(from) > 30)
      die("consumers have " + std::to_string(records_of(followers)) + " of " + std::to_string(expected) +
          " records");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

int fanout(const Topic& topic, Window window, double mb_per_s, const char* linger_ms, size_t consumers) {
  std::atomic<uint64_t> from = kNever;  // the first record that is measured
  std::vector<std::unique_ptr<Follower>> followers;
  for (size_t c = 0; c < consumers; ++c) {
    Follower& follower = *followers.emplace_back(std::make_unique<Follower>(topic));
    follower.reader.start(RD_KAFKA_OFFSET_END, [&follower, &from](const Stamp& stamp) {
      if (stamp.number < from) return;
      ++follower.records;
      follower.ages_ms.push_back(ms_since(stamp.sent_ns));
    });
  }
  Counters counters;
  rd_kafka_t* producer = make_producer(topic.bootstrap, &counters, linger_ms);
  std::string value = payload();
  const double rate = mb_per_s * kMb / kRecordBytes;
  const auto warm = static_cast<uint64_t>(window.warmup_s * rate);
  const uint64_t total = warm + static_cast<uint64_t>(window.run_s * rate);
  double cpu_from = 0;
  const Pace pace(rate);
  for (uint64_t i = 0; i < total; ++i) {
    pace.await(i, producer);
    if (i == warm) {
      from = i;
      cpu_from = cpu_seconds();
      mark("measuring");
    }
    send_stamped(producer, topic, static_cast<int32_t>(i % static_cast<uint64_t>(topic.partitions)), i,
                 &value);
  }
  flush(producer);
  await_all(followers, (total - warm) * consumers);
  mark("measured");
  const double cores = (cpu_seconds() - cpu_from) / window.run_s;
  std::vector<double> ages_ms;
  for (const auto& follower : followers) {
    follower->reader.stop();
    ages_ms.insert(ages_ms.end(), follower->ages_ms.begin(), follower->ages_ms.end());
  }
  rd_kafka_destroy(producer);
  if (ages_ms.empty()) ages_ms.push_back(0);  // of no consumers
  const Quantiles ages(&ages_ms);
  const double sent = static_cast<double>((total - warm) * consumers) * kRecordBytes;
  std::printf(
      "{\"bytes\": %.0f, \"sent_mb_per_s\": %.1f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"client_cores\": "
      "%.2f, "
      "\"failed\": %llu}\n",
      sent, sent / window.run_s / kMb, ages.at(0.5), ages.at(0.99), cores,
      static_cast<unsigned long long>(counters.failed));
  return counters.failed == 0 ? 0 : 1;
}

}  // namespace perf
