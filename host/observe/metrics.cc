#include "host/observe/metrics.h"

#include <fmt/format.h>

#include <atomic>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace chronik::host {
namespace {

bool is_name_char(char c, bool first) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
  return letter || (!first && c >= '0' && c <= '9');
}

bool valid_name(std::string_view name) {
  if (name.empty()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (!is_name_char(name[i], i == 0)) return false;
  }
  return true;
}

// name="value",name="value": one malformed series would make the whole page unreadable.
bool valid_labels(std::string_view rest) {
  while (!rest.empty()) {
    const size_t equals = rest.find('=');
    if (equals == std::string_view::npos || !valid_name(rest.substr(0, equals))) return false;
    rest.remove_prefix(equals + 1);
    if (rest.empty() || rest.front() != '"') return false;
    size_t i = 1;
    for (; i < rest.size() && rest[i] != '"'; ++i) {
      if (rest[i] == '\n') return false;
      if (rest[i] == '\\') ++i;
    }
    if (i >= rest.size()) return false;
    rest.remove_prefix(i + 1);
    if (rest.empty()) return true;
    if (rest.front() != ',' || rest.size() == 1) return false;
    rest.remove_prefix(1);
  }
  return true;
}

const char* kind_name(int32_t kind) {
  return kind == CHR_METRIC_COUNTER ? "counter" : kind == CHR_METRIC_GAUGE ? "gauge" : "histogram";
}

void append_value(std::string& out, double value) {
  if (value == static_cast<double>(static_cast<int64_t>(value)) && value < 1e15 && value > -1e15) {
    fmt::format_to(std::back_inserter(out), "{}", static_cast<int64_t>(value));
  } else {
    fmt::format_to(std::back_inserter(out), "{}", value);
  }
}

void append_series(std::string& out, std::string_view name, std::string_view labels, std::string_view extra,
                   double value) {
  out += name;
  if (!labels.empty() || !extra.empty()) {
    out += '{';
    out += labels;
    if (!labels.empty() && !extra.empty()) out += ',';
    out += extra;
    out += '}';
  }
  out += ' ';
  append_value(out, value);
  out += '\n';
}

struct Histogram {
  std::array<std::atomic<uint64_t>, Metrics::kBuckets.size() + 1> counts{};
  std::atomic<double> sum{0};
};

struct Cell {
  std::atomic<uint32_t> generation{0};  // 0: never used; odd: in use
  std::atomic<double> value{0};
  std::atomic<Histogram*> histogram{nullptr};  // kept when the slot is used again
};

constexpr uint32_t kChunk = 1024;
constexpr size_t kExposedAtOnce = 256;  // series, while nobody can define one
using Chunk = std::array<Cell, kChunk>;

using Series = std::map<std::string, uint32_t, std::less<>>;  // labels -> slot

struct Family {
  int32_t kind;
  std::string help;
  Series series;
};
using Families = std::map<std::string, Family, std::less<>>;

// Where a series in use stands.
struct Owner {
  Families::iterator family;
  Series::iterator series;
};

}  // namespace

class Metrics::Impl {
 public:
  ~Impl() {
    for (uint32_t slot = 0; slot < used_; ++slot) delete at(slot).histogram.load();
    for (auto& chunk : chunks_) delete chunk.load();
  }

  uint64_t define(int32_t kind, std::string_view name, std::string_view labels, std::string_view help) {
    if (kind < CHR_METRIC_COUNTER || kind > CHR_METRIC_HISTOGRAM) return 0;
    if (!valid_name(name) || !valid_labels(labels)) return 0;
    const std::unique_lock lock = lock_to_change();
    auto family = families_.find(name);
    if (family == families_.end())
      family = families_.emplace(std::string(name), Family{kind, std::string(help), {}}).first;
    if (family->second.kind != kind) return 0;
    const auto found = family->second.series.find(labels);
    if (found != family->second.series.end()) return id_of(found->second);
    uint32_t slot = 0;
    if (!take_slot(kind, &slot)) return 0;
    owners_[slot] = {family, family->second.series.emplace(std::string(labels), slot).first};
    return id_of(slot);
  }

  void remove(uint64_t metric) {
    const std::unique_lock lock = lock_to_change();
    Cell* cell = find(metric);
    if (cell == nullptr) return;
    const auto slot = static_cast<uint32_t>(metric);
    const auto [family, series] = owners_[slot];
    family->second.series.erase(series);
    if (family->second.series.empty()) families_.erase(family);
    cell->generation.fetch_add(1);
    free_.push_back(slot);
  }

  // The cell of a live series. An update that races with remove() may still reach it; it
  // is cleared when used again.
  Cell* find(uint64_t metric) const {
    const auto slot = static_cast<uint32_t>(metric);
    const auto generation = static_cast<uint32_t>(metric >> 32);
    if (metric == 0 || slot >= kMaxSeries) return nullptr;
    Chunk* chunk = chunks_[slot / kChunk].load(std::memory_order_acquire);
    if (chunk == nullptr) return nullptr;
    Cell& cell = (*chunk)[slot % kChunk];
    return cell.generation.load(std::memory_order_acquire) == generation ? &cell : nullptr;
  }

  uint64_t on_collect(std::function<void(Metrics&)> collector) {
    const std::lock_guard lock(collect_mutex_);
    collectors_.emplace(++last_collector_, std::move(collector));
    return last_collector_;
  }
  void off_collect(uint64_t id) {
    const std::lock_guard lock(collect_mutex_);
    collectors_.erase(id);
  }
  void collect(Metrics& self) {
    const std::lock_guard lock(collect_mutex_);
    for (const auto& [id, collector] : collectors_) collector(self);
  }

  std::string expose() const {
    std::string out;
    std::unique_lock lock(mutex_);
    for (auto family = families_.begin(); family != families_.end();) {
      const std::string name = family->first;
      expose_header(out, name, family->second);
      expose_family(out, name, family->second.kind, lock);
      family = families_.upper_bound(name);
    }
    return out;
  }

 private:
  Cell& at(uint32_t slot) const { return (*chunks_[slot / kChunk].load())[slot % kChunk]; }
  // Shards wait for it: expose() lets them go first.
  std::unique_lock<std::mutex> lock_to_change() {
    ++changing_;
    std::unique_lock lock(mutex_);
    --changing_;
    return lock;
  }
  uint64_t id_of(uint32_t slot) const { return uint64_t{at(slot).generation.load()} << 32 | slot; }

  bool take_slot(int32_t kind, uint32_t* slot) {
    if (!free_.empty()) {
      *slot = free_.back();
      free_.pop_back();
    } else if (used_ < kMaxSeries) {
      if (used_ % kChunk == 0) chunks_[used_ / kChunk].store(new Chunk, std::memory_order_release);
      owners_.emplace_back();
      *slot = used_++;
    } else {
      return false;
    }
    Cell& cell = at(*slot);
    cell.value.store(0);
    Histogram* histogram = cell.histogram.load();
    if (kind == CHR_METRIC_HISTOGRAM && histogram == nullptr) cell.histogram.store(new Histogram);
    if (histogram != nullptr) {
      for (auto& count : histogram->counts) count.store(0);
      histogram->sum.store(0);
    }
    cell.generation.fetch_add(1);
    return true;
  }

  static void expose_header(std::string& out, const std::string& name, const Family& family) {
    fmt::format_to(std::back_inserter(out), "# HELP {} ", name);
    for (const char c : family.help) {
      if (c == '\n') {
        out += "\\n";
      } else if (c == '\\') {
        out += "\\\\";
      } else {
        out += c;
      }
    }
    fmt::format_to(std::back_inserter(out), "\n# TYPE {} {}\n", name, kind_name(family.kind));
  }

  // Some at once; who wants to change the series has its turn in between. The family may go meanwhile.
  void expose_family(std::string& out, const std::string& name, int32_t kind,
                     std::unique_lock<std::mutex>& lock) const {
    std::string next;
    for (;;) {
      const auto family = families_.find(name);
      if (family == families_.end() || family->second.kind != kind) return;
      const Series& series = family->second.series;
      auto each = series.lower_bound(next);
      for (size_t n = 0; n < kExposedAtOnce && each != series.end(); ++n, ++each) {
        if (kind == CHR_METRIC_HISTOGRAM) {
          expose_histogram(out, name, each->first, *at(each->second).histogram.load());
        } else {
          append_series(out, name, each->first, {}, at(each->second).value.load(std::memory_order_relaxed));
        }
      }
      if (each == series.end()) return;
      next = each->first;
      lock.unlock();
      while (changing_ != 0) std::this_thread::yield();
      lock.lock();
    }
  }

  static void expose_histogram(std::string& out, const std::string& name, const std::string& labels,
                               const Histogram& histogram) {
    uint64_t total = 0;
    for (size_t i = 0; i <= kBuckets.size(); ++i) {
      total += histogram.counts[i].load(std::memory_order_relaxed);
      const std::string le = i < kBuckets.size() ? fmt::format("le=\"{}\"", kBuckets[i]) : "le=\"+Inf\"";
      append_series(out, name + "_bucket", labels, le, static_cast<double>(total));
    }
    append_series(out, name + "_sum", labels, {}, histogram.sum.load(std::memory_order_relaxed));
    append_series(out, name + "_count", labels, {}, static_cast<double>(total));
  }

  mutable std::mutex mutex_;           // guards all but the cells
  std::atomic<uint32_t> changing_{0};  // who waits for it, expose() left out
  Families families_;
  std::deque<Owner> owners_;  // by slot
  std::vector<uint32_t> free_;
  uint32_t used_ = 0;
  std::array<std::atomic<Chunk*>, kMaxSeries / kChunk> chunks_{};
  std::mutex collect_mutex_;
  std::map<uint64_t, std::function<void(Metrics&)>> collectors_;
  uint64_t last_collector_ = 0;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

uint64_t Metrics::define(int32_t kind, std::string_view name, std::string_view labels,
                         std::string_view help) {
  return impl_->define(kind, name, labels, help);
}

void Metrics::add(uint64_t metric, double delta) {
  if (Cell* cell = impl_->find(metric)) cell->value.fetch_add(delta, std::memory_order_relaxed);
}

void Metrics::set(uint64_t metric, double value) {
  if (Cell* cell = impl_->find(metric)) cell->value.store(value, std::memory_order_relaxed);
}

void Metrics::observe(uint64_t metric, double seconds) {
  Cell* cell = impl_->find(metric);
  Histogram* histogram = cell == nullptr ? nullptr : cell->histogram.load(std::memory_order_acquire);
  if (histogram == nullptr) return;
  size_t bucket = 0;
  while (bucket < kBuckets.size() && !(seconds <= kBuckets[bucket])) ++bucket;
  histogram->counts[bucket].fetch_add(1, std::memory_order_relaxed);
  histogram->sum.fetch_add(seconds, std::memory_order_relaxed);
}

void Metrics::remove(uint64_t metric) { impl_->remove(metric); }

uint64_t Metrics::on_collect(std::function<void(Metrics&)> collector) {
  return impl_->on_collect(std::move(collector));
}

void Metrics::off_collect(uint64_t id) { impl_->off_collect(id); }

std::string Metrics::expose() {
  impl_->collect(*this);
  return impl_->expose();
}

std::string label(std::string_view name, std::string_view value) {
  std::string out(name);
  out += "=\"";
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
  return out;
}

}  // namespace chronik::host
