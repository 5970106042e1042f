// A consumer some seconds behind the tail, while more is produced.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "bench/perf/fetch.h"
#include "bench/perf/verbs.h"

namespace perf {
namespace {

int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// A consumer from the beginning that asks for nothing before it is so old.
class Laggard {
 public:
  Laggard(const Topic& topic, double lag_s)
      : fetcher_(topic),
        lag_ms_(static_cast<int64_t>(1e3 * lag_s)),
        partitions_(static_cast<size_t>(topic.partitions)) {}

  void run(const std::atomic<bool>& stopped) {
    while (!stopped) {
      bool fetched = false;
      for (size_t p = 0; p < partitions_.size(); ++p)
        if (partitions_[p].newest_timestamp + lag_ms_ <= wall_ms()) fetched |= fetch(p);
      if (!fetched) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  uint64_t bytes() const { return bytes_; }
  std::vector<double>* ages_ms() { return &ages_ms_; }  // after run()

 private:
  static constexpr int32_t kFetchBytes = 1 << 20;
  struct Partition {
    int64_t offset = 0;
    int64_t newest_timestamp = 0;  // of what was fetched
  };

  bool fetch(size_t p) {
    Partition& partition = partitions_[p];
    bool fetched = false;
    fetcher_.fetch(static_cast<int32_t>(p), partition.offset, kFetchBytes, [&](const Fetcher::Batch& batch) {
      partition = {batch.next_offset, batch.newest_timestamp};
      bytes_ += batch.bytes.size();
      fetched = true;
    });
    if (fetched) ages_ms_.push_back(static_cast<double>(wall_ms() - partition.newest_timestamp));
    return fetched;
  }

  Fetcher fetcher_;
  int64_t lag_ms_;
  std::vector<Partition> partitions_;
  std::atomic<uint64_t> bytes_ = 0;
  std::vector<double> ages_ms_;
};

}  // namespace

int behind(const Topic& topic, double run_s, double mb_per_s, double lag_s) {
  Counters counters;
  rd_kafka_t* producer = make_producer(topic.bootstrap, &counters, "5");
  const std::string value = payload();
  Laggard laggard(topic, lag_s);
  std::atomic<bool> stopped = false;
  std::thread thread;
  const double rate = mb_per_s * kMb / kRecordBytes;
  const Pace pace(rate);
  for (uint64_t i = 0;; ++i) {
    if (i % kInARow == 0) {
      pace.await(i, producer);
      const double elapsed = seconds_since(pace.start());
      if (!thread.joinable() && elapsed >= lag_s) {
        mark("measuring");
        thread = std::thread([&] { laggard.run(stopped); });
      }
      if (elapsed >= lag_s + run_s) break;
    }
    send(producer, topic, {.value = value, .partition = partition_in_a_row(topic, i)});
  }
  const auto bytes = static_cast<double>(laggard.bytes());
  mark("measured");
  stopped = true;
  thread.join();
  flush(producer);
  rd_kafka_destroy(producer);
  const Quantiles ages(laggard.ages_ms());
  std::printf("{\"bytes\": %.0f, \"mb_per_s\": %.1f, \"age_s\": %.2f, \"failed\": %llu}\n", bytes,
              bytes / run_s / kMb, ages.at(0.5) / 1e3, static_cast<unsigned long long>(counters.failed));
  return counters.failed == 0 ? 0 : 1;
}

}  // namespace perf
