// A librdkafka client for the benchmarks: the same load on any broker, one JSON line as the result.
//
//   perf_client produce BOOTSTRAP TOPIC PARTITIONS WARMUP_S SECONDS [WARMUP_MB]
//       flat out: MB/s once it is steady, that is after so many seconds and so many acknowledged MB
//   perf_client latency BOOTSTRAP TOPIC PARTITIONS WARMUP_S SECONDS RATE
//       RATE records/s, linger 0: time to the acknowledgement, and how many were acknowledged in that time
//   perf_client consume BOOTSTRAP TOPIC PARTITIONS
//       everything that is there, from the beginning
//   perf_client first BOOTSTRAP TOPIC
//       one record; ends when it is acknowledged
//
// 1 KiB records, acks=all.
#include <librdkafka/rdkafka.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kRecordBytes = 1024;
constexpr double kMb = 1e6;
constexpr std::chrono::microseconds kPause{50};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "perf_client: %s\n", what.c_str());
  std::exit(1);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Counters {
  bool measuring = false;
  uint64_t warm = 0;  // acknowledged before
  uint64_t acknowledged = 0;
  uint64_t failed = 0;
  std::vector<double> latencies_ms;
};

void delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto& counters = *static_cast<Counters*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++counters.failed;
    return;
  }
  if (!counters.measuring) {
    ++counters.warm;
    return;
  }
  ++counters.acknowledged;
  if (message->_private == nullptr) return;
  const auto sent_ns = reinterpret_cast<intptr_t>(message->_private);
  counters.latencies_ms.push_back(1e-6 *
                                  static_cast<double>(Clock::now().time_since_epoch().count() - sent_ns));
}

void set(rd_kafka_conf_t* conf, const char* key, const char* value) {
  char why[256];
  if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(why);
}

rd_kafka_t* make(rd_kafka_type_t type, const char* bootstrap, Counters* counters, const char* linger_ms) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  if (type == RD_KAFKA_PRODUCER) {
    set(conf, "acks", "all");
    set(conf, "linger.ms", linger_ms);
    set(conf, "batch.size", "1000000");
    set(conf, "queue.buffering.max.messages", "200000");
    rd_kafka_conf_set_opaque(conf, counters);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  } else {
    set(conf, "group.id", "unused");
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "earliest");  // retention may have moved the beginning meanwhile
    set(conf, "fetch.message.max.bytes", "4000000");
    set(conf, "queued.max.messages.kbytes", "200000");
  }
  char why[256];
  rd_kafka_t* rk = rd_kafka_new(type, conf, why, sizeof why);
  if (rk == nullptr) die(why);
  return rk;
}

// Sends one record; waits for room where the queue is full.
void send(rd_kafka_t* rk, const char* topic, int partition, const char* value, void* tag) {
  for (;;) {
    const rd_kafka_resp_err_t err = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE(const_cast<char*>(value), kRecordBytes), RD_KAFKA_V_OPAQUE(tag), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) die(rd_kafka_err2str(err));
    rd_kafka_poll(rk, 10);
  }
}

std::string payload() {
  std::string bytes(kRecordBytes, '\0');
  uint32_t state = 12345;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

int produce(const char* bootstrap, const char* topic, int partitions, double warmup_s, double run_s,
            double warmup_mb) {
  Counters counters;
  rd_kafka_t* rk = make(RD_KAFKA_PRODUCER, bootstrap, &counters, "5");
  const std::string value = payload();
  const Clock::time_point start = Clock::now();
  Clock::time_point measured_from = start;
  double cpu_from = 0;
  double took = 0;
  for (uint64_t i = 0;; ++i) {
    send(rk, topic, static_cast<int>(i / 64 % static_cast<uint64_t>(partitions)), value.data(), nullptr);
    if (i % 64 != 0) continue;
    rd_kafka_poll(rk, 0);
    if (!counters.measuring && seconds_since(start) >= warmup_s &&
        static_cast<double>(counters.warm * kRecordBytes) >= warmup_mb * kMb) {
      counters.measuring = true;
      measured_from = Clock::now();
      cpu_from = cpu_seconds();
      std::fprintf(stderr, "measuring\n");
    }
    if (counters.measuring && (took = seconds_since(measured_from)) >= run_s) break;
  }
  counters.measuring = false;
  const double cpu = cpu_seconds() - cpu_from;
  std::fprintf(stderr, "measured\n");
  if (rd_kafka_flush(rk, 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    die("not everything was acknowledged within 60 s");
  rd_kafka_destroy(rk);
  const double bytes = static_cast<double>(counters.acknowledged) * kRecordBytes;
  std::printf(
      "{\"mb_per_s\": %.1f, \"bytes\": %.0f, \"seconds\": %.3f, \"failed\": %llu, \"client_cpu_s_per_gb\": "
      "%.2f}\n",
      bytes / took / kMb, bytes, took, static_cast<unsigned long long>(counters.failed), cpu / (bytes / 1e9));
  return counters.failed == 0 ? 0 : 1;
}

int latency(const char* bootstrap, const char* topic, int partitions, double warmup_s, double run_s,
            double rate) {
  Counters counters;
  rd_kafka_t* rk = make(RD_KAFKA_PRODUCER, bootstrap, &counters, "0");
  const std::string value = payload();
  const Clock::time_point start = Clock::now();
  const auto total = static_cast<uint64_t>((warmup_s + run_s) * rate);
  for (uint64_t i = 0; i < total; ++i) {
    const auto due =
        start + std::chrono::nanoseconds(static_cast<int64_t>(static_cast<double>(i) / rate * 1e9));
    while (rd_kafka_poll(rk, 0), Clock::now() < due)
      std::this_thread::sleep_for(kPause);  // the servers need this core too
    if (!counters.measuring && seconds_since(start) >= warmup_s) counters.measuring = true;
    send(rk, topic, static_cast<int>(i % static_cast<uint64_t>(partitions)), value.data(),
         reinterpret_cast<void*>(Clock::now().time_since_epoch().count()));
  }
  // One that falls behind is behind by the warm-up too.
  const double held = static_cast<double>(counters.warm + counters.acknowledged) / seconds_since(start);
  if (rd_kafka_flush(rk, 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    die("not everything was acknowledged within 60 s");
  rd_kafka_destroy(rk);
  std::vector<double>& all = counters.latencies_ms;
  if (all.empty()) die("nothing was measured");
  std::sort(all.begin(), all.end());
  const auto at = [&](double q) {
    return all[std::min(all.size() - 1, static_cast<size_t>(q * static_cast<double>(all.size())))];
  };
  std::printf(
      "{\"per_s\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": %.3f, "
      "\"failed\": "
      "%llu}\n",
      held, at(0.5), at(0.99), at(0.999), all.back(), static_cast<unsigned long long>(counters.failed));
  return counters.failed == 0 ? 0 : 1;
}

int consume(const char* bootstrap, const char* topic, int partitions) {
  rd_kafka_t* rk = make(RD_KAFKA_CONSUMER, bootstrap, nullptr, "0");
  rd_kafka_poll_set_consumer(rk);
  rd_kafka_topic_partition_list_t* assigned = rd_kafka_topic_partition_list_new(partitions);
  for (int p = 0; p < partitions; ++p)
    rd_kafka_topic_partition_list_add(assigned, topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
  std::vector<int64_t> last(static_cast<size_t>(partitions));  // the last offset of each
  int left = 0;                                                // partitions
  for (int p = 0; p < partitions; ++p) {
    int64_t low = 0;
    int64_t high = 0;
    if (rd_kafka_query_watermark_offsets(rk, topic, p, &low, &high, 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
      die("no offsets of the topic");
    last[static_cast<size_t>(p)] = high - 1;
    if (high > low) ++left;
  }
  const Clock::time_point start = Clock::now();
  rd_kafka_assign(rk, assigned);
  rd_kafka_topic_partition_list_destroy(assigned);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(rk);
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
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  std::printf("{\"mb_per_s\": %.1f, \"bytes\": %llu, \"seconds\": %.3f}\n",
              static_cast<double>(bytes) / took / kMb, static_cast<unsigned long long>(bytes), took);
  return 0;
}

int first(const char* bootstrap, const char* topic) {
  Counters counters;
  counters.measuring = true;
  rd_kafka_t* rk = make(RD_KAFKA_PRODUCER, bootstrap, &counters, "0");
  const std::string value = payload();
  send(rk, topic, 0, value.data(), nullptr);
  while (counters.acknowledged + counters.failed == 0) rd_kafka_poll(rk, 1);
  std::printf("{\"acknowledged\": %llu}\n", static_cast<unsigned long long>(counters.acknowledged));
  std::fflush(stdout);
  std::_Exit(counters.failed == 0 ? 0 : 1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "produce" && (argc == 7 || argc == 8))
    return produce(argv[2], argv[3], std::atoi(argv[4]), std::atof(argv[5]), std::atof(argv[6]),
                   argc == 8 ? std::atof(argv[7]) : 0);
  if (verb == "latency" && argc == 8)
    return latency(argv[2], argv[3], std::atoi(argv[4]), std::atof(argv[5]), std::atof(argv[6]),
                   std::atof(argv[7]));
  if (verb == "consume" && argc == 5) return consume(argv[2], argv[3], std::atoi(argv[4]));
  if (verb == "first" && argc == 4) return first(argv[2], argv[3]);
  std::fprintf(stderr, "usage: perf_client produce|latency|consume|first ARGS; see the head of its source\n");
  return 2;
}
