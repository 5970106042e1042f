// At a rate, nothing waits for company: the time to each acknowledgement.
#include <array>
#include <cstdio>

#include "bench/perf/verbs.h"

namespace perf {
namespace {

constexpr size_t kKeyBytes = 16;

// Keys in an order that looks like chance and is the same each time.
class Keys {
 public:
  explicit Keys(uint32_t count) : count_(count) {}
  std::string_view next() {
    if (count_ == 0) return {};
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto chosen = static_cast<uint32_t>((state_ >> 32) % count_);
    std::snprintf(text_.data(), text_.size(), "key-%012u", chosen);
    return {text_.data(), kKeyBytes};
  }

 private:
  uint32_t count_;
  uint64_t state_ = 12345;
  std::array<char, kKeyBytes + 1> text_{};
};

}  // namespace

int latency(const Topic& topic, Window window, double rate, size_t record_bytes, uint32_t keys) {
  Counters counters;
  rd_kafka_t* producer = make_producer(topic.bootstrap, &counters, "0");
  if (keys != 0 && record_bytes <= kKeyBytes) die("a record with a key has more bytes than its key");
  const std::string value = payload(record_bytes - (keys == 0 ? 0 : kKeyBytes));
  Keys chosen(keys);
  const auto total = static_cast<uint64_t>((window.warmup_s + window.run_s) * rate);
  double cpu_from = 0;
  Clock::time_point measured_from;
  const Pace pace(rate);
  for (uint64_t i = 0; i < total; ++i) {
    pace.await(i, producer);
    if (!counters.measuring && seconds_since(pace.start()) >= window.warmup_s) {
      counters.measuring = true;
      measured_from = Clock::now();
      cpu_from = cpu_seconds();
      mark("measuring");
    }
    const auto turn = static_cast<int32_t>(i % static_cast<uint64_t>(topic.partitions));
    send(producer, topic,
         {.value = value,
          .partition = keys == 0 ? turn : RD_KAFKA_PARTITION_UA,
          .key = chosen.next(),
          .sent_ns = now_ns()});
  }
  mark("measured");
  // One that falls behind is behind by the warm-up too.
  const double held =
      static_cast<double>(counters.warm + counters.acknowledged) / seconds_since(pace.start());
  const uint64_t records = counters.acknowledged;
  const double cores = (cpu_seconds() - cpu_from) / seconds_since(measured_from);
  flush(producer);
  rd_kafka_destroy(producer);
  const Quantiles times(&counters.latencies_ms);
  std::printf(
      "{\"per_s\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f, "
      "\"failed\": %llu, \"client_cores\": %.2f, \"records\": %llu}\n",
      held, times.at(0.5), times.at(0.99), times.at(0.999), times.longest(),
      static_cast<unsigned long long>(counters.failed), cores, static_cast<unsigned long long>(records));
  return counters.failed == 0 ? 0 : 1;
}

}  // namespace perf
