#include "host/net/connections.h"

#include "host/net/connection_set.h"
#include "host/observe/metrics.h"
#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

#include <atomic>
#include <string_view>

namespace chronik::host {
namespace {

void CHR_CALL flush(void* set) { static_cast<ConnectionSet*>(set)->flush(); }
void CHR_CALL close_set(void* set) { static_cast<ConnectionSet*>(set)->close_all(nullptr); }

}  // namespace

Connections::Connections(Runtime& runtime) : runtime_(runtime) {
  for (uint32_t i = 0; i < runtime.shard_count(); ++i) {
    Shard& shard = runtime.shard(i);
    ConnectionSet* const set = sets_.emplace_back(std::make_unique<ConnectionSet>(shard)).get();
    shard.on_turn_end(flush, set);
    shard.on_stop(close_set, set);
  }
  export_metrics();
}

Connections::~Connections() { runtime_.metrics().off_collect(collector_); }

void Connections::close_all(const void* owner) {
  if (!runtime_.is_running()) return;
  for (uint32_t i = 0; i < sets_.size(); ++i) runtime_.run_on(i, [&] { sets_[i]->close_all(owner); });
}

// The shards count for themselves, without sharing cache lines; the sums are made when somebody asks.
void Connections::export_metrics() {
  struct Series {
    uint64_t id;
    std::atomic<uint64_t> NetCounts::* count;
  };
  Metrics& all = runtime_.metrics();
  const auto counter = [&](std::string_view name, std::string_view help,
                           std::atomic<uint64_t> NetCounts::* count) {
    return Series{all.define(CHR_METRIC_COUNTER, name, {}, help), count};
  };
  std::vector<Series> series = {
      counter("chronik_net_accepted_total", "Connections accepted.", &NetCounts::accepted),
      counter("chronik_net_received_bytes_total", "Bytes received.", &NetCounts::received_bytes),
      counter("chronik_net_sent_bytes_total", "Bytes sent.", &NetCounts::sent_bytes),
      counter("chronik_net_slow_reader_copied_bytes_total", "Bytes copied because a reader was slow.",
              &NetCounts::copied_bytes),
      counter("chronik_net_slow_reader_closed_total", "Connections closed because their reader was too slow.",
              &NetCounts::slow_closed)};
  series.push_back(
      {all.define(CHR_METRIC_GAUGE, "chronik_net_connections", {}, "Open connections."), &NetCounts::open});
  collector_ = all.on_collect([this, series](Metrics& metrics) {
    for (const Series& one : series) {
      uint64_t sum = 0;
      for (const auto& set : sets_) sum += (set->counts().*one.count).load();
      metrics.set(one.id, static_cast<double>(sum));
    }
  });
}

}  // namespace chronik::host
