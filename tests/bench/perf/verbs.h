// The verbs of perf_client: what perf_client.cc says of each. Each prints its result and returns the exit status.
#pragma once

#include "bench/perf/client.h"

namespace perf {

struct Window {
  double warmup_s;
  double run_s;
};

int produce(const Topic& topic, Window window, double warmup_mb);
int paced(const Topic& topic, double run_s, double mb_per_s, double interval_s);
int first(const Topic& topic);
int fill(const Topic& topic, double mb, size_t record_bytes);

// keys: how many there are; 0: none, and each partition gets a record in turn.
int latency(const Topic& topic, Window window, double rate, size_t record_bytes, uint32_t keys);

int consume(const Topic& topic, double at_most_s);
int ends(const Topic& topic);
int retained(const Topic& topic);

int behind(const Topic& topic, double run_s, double mb_per_s, double lag_s);
int fanout(const Topic& topic, Window window, double mb_per_s, const char* linger_ms, size_t consumers);

}  // namespace perf
