// Metrics: counters, gauges and histograms as Prometheus text.
//
//     const std::string labels = label("topic", name);
//     const uint64_t errors = metrics.define(CHR_METRIC_COUNTER, "chronik_errors_total", labels, "Errors.");
//     metrics.add(errors, 1);
#pragma once

#include <chronik/host_services.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace chronik::host {

// Thread-safe; add, set and observe take no lock.
class Metrics {
 public:
  // Upper bounds of histogram buckets, in seconds; +Inf follows.
  static constexpr std::array<double, 16> kBuckets = {1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025,
                                                      0.05, 0.1,    0.25, 0.5,  1,      2.5,  5,    10};

  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A series, CHR_METRIC_*; the same name and labels give the same one. Labels as Prometheus writes them, or
  // empty. 0 when the name or the labels are malformed, the name is known as another kind, or kMaxSeries
  // exist: updates of 0 are ignored.
  uint64_t define(int32_t kind, std::string_view name, std::string_view labels, std::string_view help);
  void add(uint64_t metric, double delta);
  void set(uint64_t metric, double value);  // of a counter too, by a collector that counts elsewhere
  void observe(uint64_t metric, double seconds);
  void remove(uint64_t metric);

  // Runs before each exposition, to set series that are cheaper to read than to keep. Ends with
  // off_collect(id), which waits for a run under way.
  uint64_t on_collect(std::function<void(Metrics&)> collector);
  void off_collect(uint64_t id);
  // Prometheus text format 0.0.4.
  std::string expose();

  static constexpr uint32_t kMaxSeries = 1 << 20;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// `name="value"` with the value escaped; join several with commas.
std::string label(std::string_view name, std::string_view value);

// chronik_build_info, chronik_uptime_seconds, and what the process uses: memory, CPU, file descriptors.
void add_process_metrics(Metrics& metrics, std::string_view version);

}  // namespace chronik::host
