// Verbs that read what is there: all of it, its ends, how much it is.
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/perf/fetch.h"
#include "bench/perf/verbs.h"

namespace perf {
namespace {

// The batch at an offset of each partition; what comes after it may be holes.
void read_one_each(Fetcher* fetcher, const Topic& topic, const std::vector<int64_t>& offsets) {
  const std::string expected = payload();
  for (int p = 0; p < topic.partitions; ++p) {
    const int64_t offset = offsets[static_cast<size_t>(p)];
    bool first = true;
    fetcher->fetch(p, offset, 1, [&](const Fetcher::Batch& batch) {
      const std::string_view bytes(reinterpret_cast<const char*>(batch.bytes.data()), batch.bytes.size());
      if (std::exchange(first, false) && (batch.next_offset != offset + 1 || !bytes.contains(expected)))
        die("a record is not the one that was produced");
    });
    if (first) die("no record at offset " + std::to_string(offset));
  }
}

}  // namespace

int consume(const Topic& topic, double at_most_s) {
  rd_kafka_t* consumer = make_consumer(topic.bootstrap);
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
  while (left > 0 && (bytes == 0 || seconds_since(start) < at_most_s)) {
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
  rd_kafka_t* client = make_consumer(topic.bootstrap);
  Fetcher fetcher(topic);
  const Clock::time_point start = Clock::now();
  std::vector<int64_t> oldest;
  std::vector<int64_t> newest;
  int64_t records = 0;
  for (const auto& [low, high] : watermarks(client, topic)) {
    if (high == low) die("a partition is empty");
    oldest.push_back(low);
    newest.push_back(high - 1);
    records += high - low;
  }
  const double listed = seconds_since(start);
  read_one_each(&fetcher, topic, oldest);
  const double read_first = seconds_since(start);
  read_one_each(&fetcher, topic, newest);
  const double read_last = seconds_since(start);
  std::printf("{\"records\": %lld, \"listed_ms\": %.1f, \"read_first_ms\": %.1f, \"read_last_ms\": %.1f}\n",
              static_cast<long long>(records), listed * 1e3, (read_first - listed) * 1e3,
              (read_last - read_first) * 1e3);
  close_consumer(client);
  return 0;
}

int retained(const Topic& topic) {
  rd_kafka_t* consumer = make_consumer(topic.bootstrap);
  int64_t records = 0;
  for (const auto& [low, high] : watermarks(consumer, topic)) records += high - low;
  std::printf("{\"bytes\": %lld}\n", static_cast<long long>(records) * static_cast<long long>(kRecordBytes));
  close_consumer(consumer);
  return 0;
}

}  // namespace perf
