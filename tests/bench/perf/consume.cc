// Verbs that read what is there: all of it, its ends, how much it is.
#include <cstdio>
#include <vector>

#include "verbs.h"

namespace perf {
namespace {

// Takes one record of each partition, the first one that comes; what comes after it is let go, whatever it is.
void read_one_each(rd_kafka_t* consumer, const Topic& topic, const std::vector<int64_t>& offsets) {
  const std::string expected = payload();
  std::vector<bool> seen(static_cast<size_t>(topic.partitions));
  assign(consumer, topic, offsets);
  const Clock::time_point start = Clock::now();
  for (int left = topic.partitions; left > 0;) {
    if (seconds_since(start) > 30) die("not each partition has a record to read within 30 s");
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 100);
    if (message == nullptr) continue;
    const auto p = static_cast<size_t>(message->partition);
    if (message->partition >= 0 && p < seen.size() && !seen[p]) {
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_message_errstr(message));
      if (message->offset != offsets[p] ||
          expected != std::string_view(static_cast<const char*>(message->payload), message->len))
        die("a record is not the one that was produced");
      seen[p] = true;
      --left;
    }
    rd_kafka_message_destroy(message);
  }
}

}  // namespace

int consume(const Topic& topic) {
  rd_kafka_t* consumer = make_consumer(topic.bootstrap, {});
  std::vector<int64_t> last;  // the last offset of each
  int left = 0;               // partitions
  for (const auto& [low, high] : watermarks(consumer, topic)) {
    last.push_back(high - 1);
    if (high > low) ++left;
  }
  const Clock::time_point start = Clock::now();
  assign(consumer, topic, RD_KAFKA_OFFSET_BEGINNING);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
  std::vector<rd_kafka_message_t*> messages(1000);
  uint64_t bytes = 0;
  Clock::time_point last_came = start;
  while (left > 0) {
    // The call returns when it has a full batch or its time is over: a short one, or the
    // last batch waits for more.
    const ssize_t n = rd_kafka_consume_batch_queue(queue, 10, messages.data(), messages.size());
    if (n < 0 || seconds_since(last_came) > 30) die("nothing for 30 s");
    if (n > 0) last_came = Clock::now();
    for (ssize_t i = 0; i < n; ++i) {
      rd_kafka_message_t* message = messages[static_cast<size_t>(i)];
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) die(rd_kafka_message_errstr(message));
      bytes += message->len;
      if (message->offset == last[static_cast<size_t>(message->partition)]) --left;
      rd_kafka_message_destroy(message);
    }
  }
  const double took = seconds_since(start);
  rd_kafka_queue_destroy(queue);
  close_consumer(consumer);
  std::printf("{\"mb_per_s\": %.1f, \"bytes\": %llu, \"seconds\": %.3f}\n",
              static_cast<double>(bytes) / took / kMb, static_cast<unsigned long long>(bytes), took);
  return 0;
}

int ends(const Topic& topic) {
  // Small fetches: behind the first record there may be nothing to read.
  rd_kafka_t* consumer =
      make_consumer(topic.bootstrap, {.partition_bytes = "2000", .kilobytes = "1", .records = "1"});
  const Clock::time_point start = Clock::now();
  std::vector<int64_t> oldest;
  std::vector<int64_t> newest;
  int64_t records = 0;
  for (const auto& [low, high] : watermarks(consumer, topic)) {
    if (high == low) die("a partition is empty");
    oldest.push_back(low);
    newest.push_back(high - 1);
    records += high - low;
  }
  const double listed = seconds_since(start);
  read_one_each(consumer, topic, oldest);
  const double read_first = seconds_since(start);
  read_one_each(consumer, topic, newest);
  const double read_last = seconds_since(start);
  std::printf("{\"records\": %lld, \"listed_ms\": %.1f, \"read_first_ms\": %.1f, \"read_last_ms\": %.1f}\n",
              static_cast<long long>(records), listed * 1e3, (read_first - listed) * 1e3,
              (read_last - read_first) * 1e3);
  close_consumer(consumer);
  return 0;
}

int retained(const Topic& topic) {
  rd_kafka_t* consumer = make_consumer(topic.bootstrap, {});
  int64_t records = 0;
  for (const auto& [low, high] : watermarks(consumer, topic)) records += high - low;
  std::printf("{\"bytes\": %lld}\n", static_cast<long long>(records) * static_cast<long long>(kRecordBytes));
  close_consumer(consumer);
  return 0;
}

}  // namespace perf
