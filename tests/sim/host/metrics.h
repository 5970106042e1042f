// chronik.host.metrics/1 of one node, kept so that checks can read them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::sim {

class Metrics {
 public:
  uint64_t define(std::string_view name, std::string_view labels);
  void add(uint64_t metric, double delta) {
    if (metric - 1 < series_.size()) series_[metric - 1].value += delta;
  }
  void set(uint64_t metric, double value) {
    if (metric - 1 < series_.size()) series_[metric - 1].value = value;
  }
  void observe(uint64_t metric, double seconds);
  void remove(uint64_t metric);
  // The sum over all series of this name; of a histogram, of the observed values.
  double total(std::string_view name) const;
  uint64_t count(std::string_view name) const;  // observations of a histogram
  void clear();

 private:
  struct Series {
    double value = 0;
    uint64_t observed = 0;
  };
  std::map<std::string, uint64_t, std::less<>> names_;  // name{labels} -> id
  std::vector<Series> series_;
};

}  // namespace chronik::sim
