// A librdkafka client for the benchmarks: the same load on any broker, one JSON line as the result.
//
//   perf_client produce BOOTSTRAP TOPIC PARTITIONS WARMUP_S SECONDS [WARMUP_MB]
//       flat out: MB/s once it is steady, that is after so many seconds and so many acknowledged MB
//   perf_client latency BOOTSTRAP TOPIC PARTITIONS WARMUP_S SECONDS RATE [RECORD_BYTES KEYS]
//       RATE records/s, linger 0: time to the acknowledgement, and how many were acknowledged in that time; with KEYS, the record
//       with its key has RECORD_BYTES, and the key chooses the partition
//   perf_client paced BOOTSTRAP TOPIC PARTITIONS SECONDS MB_PER_S INTERVAL_S
//       so many MB/s in batches; a line for each interval
//   perf_client fill BOOTSTRAP TOPIC PARTITIONS MB RECORD_BYTES
//       small records that are to be read again, then MB in large ones of one byte over and over, then a small one for each partition
//   perf_client consume BOOTSTRAP TOPIC PARTITIONS [SECONDS]
//       everything that is there, from the beginning; or what comes in so many seconds, if that is less
//   perf_client ends BOOTSTRAP TOPIC PARTITIONS
//       first and last offset of each partition, and the records there
//   perf_client retained BOOTSTRAP TOPIC PARTITIONS
//       bytes of the records that are there
//   perf_client behind BOOTSTRAP TOPIC PARTITIONS SECONDS MB_PER_S LAG_S
//       produces to an empty topic, and fetches nothing from it before it is LAG_S old
//   perf_client fanout BOOTSTRAP TOPIC PARTITIONS WARMUP_S SECONDS MB_PER_S LINGER_MS CONSUMERS
//       so many consumers at the tail, of all partitions each; over when each has all
//   perf_client first BOOTSTRAP TOPIC PARTITIONS
//       one record; ends when it is acknowledged
//
// 1 KiB records where nothing else is said, acks=all. "measuring" and "measured" on stderr are where the measurement begins and ends.
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>

#include "bench/perf/verbs.h"

namespace {

double number(const char* text) { return std::atof(text); }
size_t count(const char* text) { return std::strtoull(text, nullptr, 10); }

int run(const std::string& verb, const perf::Topic& topic, int n, char** rest) {
  if (verb == "produce" && (n == 2 || n == 3))
    return perf::produce(topic, {number(rest[0]), number(rest[1])}, n == 3 ? number(rest[2]) : 0);
  if (verb == "latency" && n == 3)
    return perf::latency(topic, {number(rest[0]), number(rest[1])}, number(rest[2]), perf::kRecordBytes, 0);
  if (verb == "latency" && n == 5)
    return perf::latency(topic, {number(rest[0]), number(rest[1])}, number(rest[2]), count(rest[3]),
                         static_cast<uint32_t>(count(rest[4])));
  if (verb == "paced" && n == 3) return perf::paced(topic, number(rest[0]), number(rest[1]), number(rest[2]));
  if (verb == "fill" && n == 2) return perf::fill(topic, number(rest[0]), count(rest[1]));
  if (verb == "consume" && n == 0) return perf::consume(topic, std::numeric_limits<double>::infinity());
  if (verb == "consume" && n == 1) return perf::consume(topic, number(rest[0]));
  if (verb == "ends" && n == 0) return perf::ends(topic);
  if (verb == "retained" && n == 0) return perf::retained(topic);
  if (verb == "behind" && n == 3)
    return perf::behind(topic, number(rest[0]), number(rest[1]), number(rest[2]));
  if (verb == "fanout" && n == 5)
    return perf::fanout(topic, {number(rest[0]), number(rest[1])}, number(rest[2]), rest[3], count(rest[4]));
  if (verb == "first" && n == 0) return perf::first(topic);
  std::fprintf(stderr,
               "usage: perf_client produce|latency|paced|fill|consume|ends|retained|behind|fanout|first "
               "BOOTSTRAP TOPIC "
               "PARTITIONS ...; see the head of its source\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return run("", {}, 0, nullptr);
  return run(argv[1], {argv[2], argv[3], std::atoi(argv[4])}, argc - 5, argv + 5);
}
