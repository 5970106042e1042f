#include "bench/perf/client.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

namespace perf {
namespace {

constexpr std::chrono::microseconds kPause{50};

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
  counters.latencies_ms.push_back(1e-6 * static_cast<double>(now_ns() - sent_ns));
}

void set(rd_kafka_conf_t* conf, const char* key, const char* value) {
  char why[256];
  if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(why);
}

rd_kafka_t* make(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char why[256];
  rd_kafka_t* client = rd_kafka_new(type, conf, why, sizeof why);
  if (client == nullptr) die(why);
  return client;
}

}  // namespace

void die(const std::string& what) {
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

int64_t now_ns() { return Clock::now().time_since_epoch().count(); }

void mark(const char* name) { std::fprintf(stderr, "%s\n", name); }

rd_kafka_t* make_producer(const char* bootstrap, Counters* counters, const char* linger_ms) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "acks", "all");
  set(conf, "linger.ms", linger_ms);
  set(conf, "batch.size", "1000000");
  set(conf, "queue.buffering.max.messages", "200000");
  set(conf, "partitioner", "murmur2_random");  // by key, as Java's clients do
  rd_kafka_conf_set_opaque(conf, counters);
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  return make(RD_KAFKA_PRODUCER, conf);
}

rd_kafka_t* make_consumer(const char* bootstrap) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "group.id", "unused");
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "earliest");  // retention may have moved the beginning meanwhile
  set(conf, "fetch.message.max.bytes", "4000000");
  set(conf, "queued.max.messages.kbytes", "200000");
  rd_kafka_t* consumer = make(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(consumer);
  return consumer;
}

void assign(rd_kafka_t* consumer, const Topic& topic, int64_t offset) {
  rd_kafka_topic_partition_list_t* assigned = rd_kafka_topic_partition_list_new(topic.partitions);
  for (int p = 0; p < topic.partitions; ++p)
    rd_kafka_topic_partition_list_add(assigned, topic.name, p)->offset = offset;
  rd_kafka_assign(consumer, assigned);
  rd_kafka_topic_partition_list_destroy(assigned);
}

void close_consumer(rd_kafka_t* consumer) {
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
}

std::vector<Watermarks> watermarks(rd_kafka_t* client, const Topic& topic) {
  std::vector<Watermarks> out(static_cast<size_t>(topic.partitions));
  for (int p = 0; p < topic.partitions; ++p) {
    auto& [low, high] = out[static_cast<size_t>(p)];
    if (rd_kafka_query_watermark_offsets(client, topic.name, p, &low, &high, 30'000) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
      die("no offsets of the topic");
  }
  return out;
}

void send(rd_kafka_t* producer, const Topic& topic, const Record& record) {
  for (;;) {
    const rd_kafka_resp_err_t err =
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic.name), RD_KAFKA_V_PARTITION(record.partition),
                          RD_KAFKA_V_KEY(record.key.data(), record.key.size()),
                          RD_KAFKA_V_VALUE(const_cast<char*>(record.value.data()), record.value.size()),
                          RD_KAFKA_V_MSGFLAGS(record.copy ? RD_KAFKA_MSG_F_COPY : 0),
                          RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(record.sent_ns)), RD_KAFKA_V_END);
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL) die(rd_kafka_err2str(err));
    rd_kafka_poll(producer, 10);
  }
}

void flush(rd_kafka_t* producer) {
  // A rate that breaks leaves a full queue.
  if (rd_kafka_flush(producer, 180'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    die("not everything was acknowledged within 180 s");
}

std::string payload(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 12345;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

Quantiles::Quantiles(std::vector<double>* all) : all_(*all) {
  if (all->empty()) die("nothing was measured");
  std::sort(all->begin(), all->end());
}

double Quantiles::at(double q) const {
  return all_[std::min(all_.size() - 1, static_cast<size_t>(q * static_cast<double>(all_.size())))];
}

void Pace::await(uint64_t i, rd_kafka_t* producer) const {
  const auto due =
      start_ + std::chrono::nanoseconds(static_cast<int64_t>(static_cast<double>(i) / rate_ * 1e9));
  while (rd_kafka_poll(producer, 0), Clock::now() < due)
    std::this_thread::sleep_for(kPause);  // the servers need this core too
}

}  // namespace perf
