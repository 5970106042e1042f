#include "sim/host/metrics.h"

namespace chronik::sim {

uint64_t Metrics::define(std::string_view name, std::string_view labels) {
  std::string key(name);
  key.append("{").append(labels).append("}");
  const auto [place, added] = names_.try_emplace(std::move(key), series_.size() + 1);
  if (added) series_.emplace_back();
  return place->second;
}

void Metrics::observe(uint64_t metric, double seconds) {
  if (metric - 1 >= series_.size()) return;
  series_[metric - 1].value += seconds;
  ++series_[metric - 1].observed;
}

void Metrics::remove(uint64_t metric) {
  std::erase_if(names_, [metric](const auto& entry) { return entry.second == metric; });
}

double Metrics::total(std::string_view name) const {
  double sum = 0;
  std::string key(name);
  key += '{';
  for (auto at = names_.lower_bound(key); at != names_.end() && at->first.starts_with(key); ++at) {
    sum += series_[at->second - 1].value;
  }
  return sum;
}

uint64_t Metrics::count(std::string_view name) const {
  uint64_t sum = 0;
  std::string key(name);
  key += '{';
  for (auto at = names_.lower_bound(key); at != names_.end() && at->first.starts_with(key); ++at) {
    sum += series_[at->second - 1].observed;
  }
  return sum;
}

void Metrics::clear() {
  names_.clear();
  series_.clear();
}

}  // namespace chronik::sim
