// Verbs that produce and nothing else: flat out, at a pace, one record, or records to punch holes into.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "bench/perf/verbs.h"

namespace perf {
namespace {

// One record of so many is timed: those of a batch are acknowledged together.
constexpr uint64_t kTimedOne = 32;
// Of a partition, in front of what is punched: a read of the first one may take some behind it along.
constexpr int kSmallOnes = 8;

void print_interval(double end_s, double took, Counters* counters) {
  if (counters->latencies_ms.empty()) die("nothing was acknowledged in an interval");
  const Quantiles times(&counters->latencies_ms);
  const double bytes = static_cast<double>(counters->acknowledged) * kRecordBytes;
  std::printf(
      "{\"second\": %.3f, \"mb_per_s\": %.2f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
      "\"failed\": %llu}\n",
      end_s, bytes / took / kMb, times.at(0.5), times.at(0.99), times.longest(),
      static_cast<unsigned long long>(counters->failed));
  std::fflush(stdout);
  counters->acknowledged = 0;
  counters->latencies_ms.clear();
}

}  // namespace

int produce(const Topic& topic, Window window, double warmup_mb) {
  Counters counters;
  rd_kafka_t* producer = make_producer(topic.bootstrap, &counters, "5");
  const std::string value = payload();
  const Clock::time_point start = Clock::now();
  Clock::time_point measured_from = start;
  double cpu_from = 0;
  double took = 0;
  for (uint64_t i = 0;; ++i) {
    send(producer, topic, {.value = value, .partition = partition_in_a_row(topic, i)});
    if (i % kInARow != 0) continue;
    rd_kafka_poll(producer, 0);
    if (!counters.measuring && seconds_since(start) >= window.warmup_s &&
        static_cast<double>(counters.warm * kRecordBytes) >= warmup_mb * kMb) {
      counters.measuring = true;
      measured_from = Clock::now();
      cpu_from = cpu_seconds();
      mark("measuring");
    }
    if (counters.measuring && (took = seconds_since(measured_from)) >= window.run_s) break;
  }
  counters.measuring = false;
  const double cpu = cpu_seconds() - cpu_from;
  mark("measured");
  flush(producer);
  rd_kafka_destroy(producer);
  const double bytes = static_cast<double>(counters.acknowledged) * kRecordBytes;
  std::printf(
      "{\"mb_per_s\": %.1f, \"bytes\": %.0f, \"seconds\": %.3f, \"failed\": %llu, \"client_cpu_s_per_gb\": "
      "%.2f}\n",
      bytes / took / kMb, bytes, took, static_cast<unsigned long long>(counters.failed), cpu / (bytes / 1e9));
  return counters.failed == 0 ? 0 : 1;
}

int paced(const Topic& topic, double run_s, double mb_per_s, double interval_s) {
  Counters counters;
  counters.measuring = true;
  rd_kafka_t* producer = make_producer(topic.bootstrap, &counters, "5");
  const std::string value = payload();
  const double rate = mb_per_s * kMb / kRecordBytes;
  const Pace pace(rate);
  double printed = 0;  // until when, in seconds from the start
  for (uint64_t i = 0;; ++i) {
    if (i % kInARow == 0) {
      pace.await(i, producer);
      const double elapsed = seconds_since(pace.start());
      if (elapsed >= printed + interval_s) {
        print_interval(elapsed, elapsed - printed, &counters);
        printed = elapsed;
        if (elapsed >= run_s) break;
      }
    }
    send(producer, topic,
         {.value = value,
          .partition = partition_in_a_row(topic, i),
          .sent_ns = i % kTimedOne == 0 ? now_ns() : 0});
  }
  flush(producer);
  rd_kafka_destroy(producer);
  return counters.failed == 0 ? 0 : 1;
}

int first(const Topic& topic) {
  Counters counters;
  counters.measuring = true;
  rd_kafka_t* producer = make_producer(topic.bootstrap, &counters, "0");
  const std::string value = payload();
  send(producer, topic, {.value = value, .partition = 0});
  while (counters.acknowledged + counters.failed == 0) rd_kafka_poll(producer, 1);
  std::printf("{\"acknowledged\": %llu}\n", static_cast<unsigned long long>(counters.acknowledged));
  std::fflush(stdout);
  std::_Exit(counters.failed == 0 ? 0 : 1);
}

int fill(const Topic& topic, double mb, size_t record_bytes) {
  Counters counters;
  rd_kafka_t* producer = make_producer(topic.bootstrap, &counters, "0");
  const std::string small = payload();
  const auto send_small = [&] {
    for (int p = 0; p < topic.partitions; ++p) send(producer, topic, {.value = small, .partition = p});
    flush(producer);
  };
  for (int i = 0; i < kSmallOnes; ++i) send_small();
  const std::string large(record_bytes, '\xA5');  // as sparse.py knows it
  const auto records = static_cast<uint64_t>(std::ceil(mb * kMb / static_cast<double>(record_bytes)));
  for (uint64_t i = 0; i < records; ++i) {
    send(producer, topic,
         {.value = large, .partition = static_cast<int32_t>(i % static_cast<uint64_t>(topic.partitions))});
    rd_kafka_poll(producer, 0);
  }
  flush(producer);
  send_small();
  rd_kafka_destroy(producer);
  std::printf("{\"records\": %llu, \"failed\": %llu}\n",
              static_cast<unsigned long long>(counters.warm + counters.acknowledged),
              static_cast<unsigned long long>(counters.failed));
  return counters.failed == 0 ? 0 : 1;
}

}  // namespace perf
