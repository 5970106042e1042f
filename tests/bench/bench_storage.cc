// What a storage plugin does on this machine, through its ABI and without the rest of the house.
//
//     bench_storage PLUGIN.so <workload> [directory] [KEY=INTEGER]...
//
// Workloads: batches (16 KiB entries, 16 to a commit), retention (1 MB to a commit of 1-256 KiB entries over
// 64 groups, the oldest trimmed at the same rate), single (one entry to a commit), small (three entries of 200 bytes
// in three of 50 groups to a commit, as offsets of consumers come), read (catch up on 1 GB),
// cold (the same with nothing in the page cache), stalled (retention while 200 readers hold each lease for
// its whole age).
#include "thread_host.hpp"

#include <chronik/plugin.h>
#include <chronik/storage.h>
#include <chronik/testing/config_defaults.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

namespace {

using chronik::Host;
using chronik::to_abi;
using chronik::bench::ThreadHost;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "bench_storage: %s\n", message.c_str());
  std::exit(1);
}

// Waits for completions that arrive on the shard.
class Latch {
 public:
  void add(int n) {
    const std::lock_guard lock(mutex_);
    open_ += n;
  }
  void done() {
    const std::lock_guard lock(mutex_);
    --open_;
    changed_.notify_all();
  }
  void wait_below(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ < n; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int open_ = 0;
};

class Bench {
 public:
  Bench(const std::string& plugin, const std::string& directory,
        const std::vector<std::pair<std::string, int64_t>>& settings)
      : host_(directory), api_(host_.core()) {
    void* file = dlopen(plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) die(dlerror());
    const auto entry = reinterpret_cast<const chr_plugin_v1* (*)(const chr_offer*, chr_error*)>(
        dlsym(file, "chronik_plugin_v1"));
    const chr_offer offer{sizeof offer, CHR_ABI_MAJOR, CHR_ABI_MINOR, 0, CHR_FEATURE_DRAFTS};
    chr_error error = chronik::make_abi_error();
    plugin_ = entry(&offer, &error);
    chronik::testing::give_config_defaults(host_, *plugin_);
    for (const auto& [key, value] : settings) host_.config_int(key, settings_[key] = value);
    if (plugin_->create(host_.core(), to_abi("{}"), &instance_, &error) != CHR_OK) die(error.message);
    wait([&](uint64_t token) { return plugin_->start(instance_, token, &error); });
    table_ = static_cast<const chr_storage_v1*>(plugin_->service(instance_, CHR_STORAGE_ID, &self_));
    chr_slice slice{};
    api_.alloc(1 << 20, &slice);
    std::memset(const_cast<uint8_t*>(slice.p), 0x5a, slice.n);
    payload_ = slice;
  }
  ~Bench() {
    chr_error error = chronik::make_abi_error();
    wait([&](uint64_t token) { return plugin_->stop(instance_, token, &error); });
    plugin_->destroy(instance_);
    payload_.lease->ops->release(payload_.lease);
  }

  int64_t setting(const std::string& key, int64_t fallback) const {
    const auto found = settings_.find(key);
    return found == settings_.end() ? fallback : found->second;
  }

  struct Group {
    uint64_t id;
    uint64_t next = 1;
    int64_t offset = 0;
  };
  Group group(const std::string& name) {
    Group group{0};
    chr_error error = chronik::make_abi_error();
    if (table_->open_group(self_, to_abi(name), &group.id, &error) != CHR_OK) die(error.message);
    return group;
  }

  // One entry, after a trim where trim_to is not 0.
  void append(Group& group, uint64_t bytes, uint64_t trim_to, Latch& latch) {
    chr_entry entry{};
    entry.header.index = group.next++;
    entry.header.term = 1;
    entry.header.base_offset = group.offset++;
    entry.header.max_timestamp = entry.header.log_max_timestamp = group.offset;
    entry.header.records = 1;
    entry.header.bytes = bytes;
    entry.payload = {payload_.p, bytes, payload_.lease};
    chr_storage_step steps[2] = {};
    uint64_t n = 0;
    if (trim_to != 0) {
      steps[n].type = CHR_STORAGE_TRIM;
      steps[n++].index = trim_to;
    }
    steps[n].type = CHR_STORAGE_APPEND;
    steps[n].n = 1;
    steps[n++].entries = &entry;
    latch.add(1);
    chr_error error = chronik::make_abi_error();
    for (;;) {
      const chr_status status = api_.async(
          [&](uint64_t token) {
            const chr_storage_write write{group.id, token, steps, n};
            return table_->write(self_, &write, 1, &error);
          },
          [&latch](const chr_done& done) {
            if (done.code != CHR_OK) die("a write failed: " + std::string(chronik::from_abi(done.message)));
            latch.done();
          });
      if (status == CHR_PENDING) return;
      if (status != CHR_E_OVERLOADED) die(error.message);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }

  // Entries from an index on; the caller owns the lease.
  chr_entries read(uint64_t group, uint64_t from, uint64_t max_bytes) {
    chr_storage_read args{};
    args.struct_size = sizeof args;
    args.group = group;
    args.from = from;
    args.max_bytes = max_bytes;
    chr_entries out{};
    out.struct_size = sizeof out;
    chr_error error = chronik::make_abi_error();
    wait([&](uint64_t token) { return table_->read(self_, &args, &out, token, &error); });
    return out;
  }
  chr_storage_bounds bounds(uint64_t group) {
    chr_storage_bounds bounds{};
    bounds.struct_size = sizeof bounds;
    table_->bounds(self_, group, &bounds);
    return bounds;
  }
  chr_storage_usage usage() {
    chr_storage_usage usage{};
    usage.struct_size = sizeof usage;
    table_->usage(self_, &usage);
    return usage;
  }

 private:
  void wait(const std::function<chr_status(uint64_t)>& call) {
    Latch latch;
    latch.add(1);
    chr_status outcome = CHR_OK;
    const chr_status status = api_.async(call, [&](const chr_done& done) {
      outcome = done.code;
      if (done.code != CHR_OK) die("a call failed: " + std::string(chronik::from_abi(done.message)));
      latch.done();
    });
    if (status == CHR_PENDING) latch.wait_below(1);
  }

  ThreadHost host_;
  std::map<std::string, int64_t> settings_;
  Host api_;
  const chr_plugin_v1* plugin_ = nullptr;
  chr_plugin* instance_ = nullptr;
  const chr_storage_v1* table_ = nullptr;
  void* self_ = nullptr;
  chr_slice payload_{};
};

// Measures between start() and print().
class Meter {
 public:
  void start() {
    bytes = 0;
    commits.clear();
    cpu_ = cpu_seconds();
    started_ = Clock::now();
  }
  void print(const char* label) {
    const double seconds = seconds_since(started_);
    const double cpu = cpu_seconds() - cpu_;
    std::ranges::sort(commits);
    const auto quantile = [this](size_t percent) {
      return commits.empty() ? 0
                             : commits[std::min(commits.size() - 1, commits.size() * percent / 100)] * 1e3;
    };
    std::printf("%-28s %7.0f MB/s %7.0f rounds/s %5.2f CPU s/GB  p50 %.2f p99 %.2f max %.1f ms\n", label,
                static_cast<double>(bytes) / seconds / 1e6, static_cast<double>(commits.size()) / seconds,
                cpu / (static_cast<double>(bytes) / 1e9), quantile(50), quantile(99), quantile(100));
    std::fflush(stdout);
  }
  uint64_t bytes = 0;
  std::vector<double> commits;

 private:
  double cpu_ = 0;
  Clock::time_point started_;
};

// Rounds of writes, one round a commit: the next round is queued while the last one is written.
void run_rounds(Meter& meter, int rounds, int per_round, const std::function<void(Latch&)>& one_round) {
  Latch latch;
  for (int i = 0; i < rounds; ++i) {
    const auto started = Clock::now();
    one_round(latch);
    latch.wait_below(per_round + 1);
    meter.commits.push_back(seconds_since(started));
  }
  latch.wait_below(1);
}

void batches(Bench& bench) {
  std::vector<Bench::Group> groups;
  for (int i = 0; i < 16; ++i) groups.push_back(bench.group("batches-" + std::to_string(i)));
  Meter meter;
  const auto round = [&](Latch& latch) {
    for (Bench::Group& group : groups) {
      bench.append(group, 16'000, group.next > 2000 ? group.next - 2000 : 0, latch);
      meter.bytes += 16'000;
    }
  };
  for (const char* label : {"batches, first pass", "batches", "batches", "batches"}) {
    meter.start();
    run_rounds(meter, 2000, 16, round);
    meter.print(label);
  }
}

// 512 MB live over 64 groups, the oldest trimmed.
class Retention {
 public:
  explicit Retention(Bench& bench) : bench_(bench) {
    for (int i = 0; i < 64; ++i) groups_.push_back(bench.group("retention-" + std::to_string(i)));
  }
  void round(Latch& latch, Meter& meter) {
    for (uint64_t bytes = 0; bytes < (1 << 20);) {
      const uint64_t n = 1024 + random_() % (255 << 10);
      const size_t g = random_() % groups_.size();
      uint64_t trim_to = 0;
      live_.push_back({g, groups_[g].next, n});
      live_bytes_ += n;
      while (live_bytes_ > kLive) {
        trims_[live_.front().group] = live_.front().index + 1;
        live_bytes_ -= live_.front().bytes;
        live_.pop_front();
      }
      if (const auto found = trims_.find(g); found != trims_.end()) {
        trim_to = found->second;
        trims_.erase(found);
      }
      bench_.append(groups_[g], n, trim_to, latch);
      bytes += n;
      meter.bytes += n;
    }
  }
  const std::vector<Bench::Group>& groups() const { return groups_; }
  uint64_t live_bytes() const { return live_bytes_; }

 private:
  static constexpr uint64_t kLive = 512u << 20;
  struct Live {
    size_t group;
    uint64_t index;
    uint64_t bytes;
  };
  Bench& bench_;
  std::vector<Bench::Group> groups_;
  std::mt19937_64 random_{5};
  std::deque<Live> live_;
  uint64_t live_bytes_ = 0;
  std::map<size_t, uint64_t> trims_;
};

void print_file(Bench& bench, const Retention& load) {
  const chr_storage_usage usage = bench.usage();
  std::printf("%-28s file/live %.2f, store/live %.2f\n", "",
              static_cast<double>(usage.file_bytes) / static_cast<double>(load.live_bytes()),
              static_cast<double>(usage.used_bytes) / static_cast<double>(load.live_bytes()));
}

void retention(Bench& bench) {
  Retention load(bench);
  Meter meter;
  for (const char* label : {"retention, first pass", "retention", "retention", "retention"}) {
    meter.start();
    run_rounds(meter, 700, 10, [&](Latch& latch) { load.round(latch, meter); });
    meter.print(label);
    print_file(bench, load);
  }
}

void single(Bench& bench) {
  Bench::Group group = bench.group("single");
  Meter meter;
  for (int i = 0; i < 3; ++i) {
    Latch latch;
    meter.start();
    for (int k = 0; k < 3000; ++k) {
      const auto started = Clock::now();
      bench.append(group, 1024, group.next > 1000 ? group.next - 1000 : 0, latch);
      latch.wait_below(1);
      meter.commits.push_back(seconds_since(started));
      meter.bytes += 1024;
    }
    meter.print("single");
  }
}

// Bytes that this process gave to write() and the like: the pages of a store. What /proc/self/io calls write_bytes counts
// all of a folio of the page cache for each page of it.
double bytes_written() {
  std::ifstream counts("/proc/self/io");
  for (std::string name, value; counts >> name >> value;)
    if (name == "wchar:") return std::stod(value);
  return 0;
}

void small(Bench& bench) {
  constexpr int kRounds = 6'000, kEntries = 3;
  std::vector<Bench::Group> groups;
  for (int i = 0; i < 50; ++i) groups.push_back(bench.group("small-" + std::to_string(i)));
  std::mt19937_64 random(3);
  Meter meter;
  for (int pass = 0; pass < 3; ++pass) {
    meter.start();
    const double written = bytes_written(), cpu = cpu_seconds();
    run_rounds(meter, kRounds, kEntries, [&](Latch& latch) {
      for (int i = 0; i < kEntries; ++i) bench.append(groups[random() % groups.size()], 200, 0, latch);
      meter.bytes += kEntries * 200;
    });
    meter.print("small");
    std::printf("%-28s %.1f KiB written a round, %.0f us CPU\n", "",
                (bytes_written() - written) / kRounds / 1024, (cpu_seconds() - cpu) / kRounds * 1e6);
  }
}

constexpr uint64_t kReadEntries = 4 * 4000;

void fill(Bench& bench) {
  Bench::Group group = bench.group("read");
  Meter meter;
  meter.start();
  run_rounds(meter, kReadEntries / 4, 4, [&](Latch& latch) {
    for (int i = 0; i < 4; ++i) bench.append(group, 64 << 10, 0, latch);
    meter.bytes += 4 * (64 << 10);
  });
  meter.print("fill");
}

void scan(Bench& bench, const char* label) {
  const Bench::Group group = bench.group("read");
  Meter meter;
  meter.start();
  for (uint64_t at = 1; at <= kReadEntries;) {
    const auto started = Clock::now();
    const chr_entries got = bench.read(group.id, at, 1 << 20);
    for (uint32_t k = 0; k < got.n; ++k) meter.bytes += got.entries[k].payload.n;
    at = got.entries[got.n - 1].header.index + 1;
    got.lease->ops->release(got.lease);
    meter.commits.push_back(seconds_since(started));
  }
  meter.print(label);
}

void read(Bench& bench) {
  fill(bench);
  for (int i = 0; i < 3; ++i) scan(bench, "read");
}

// Drops what the page cache holds of the files of a directory; nobody may have them mapped.
void evict(const std::string& directory) {
  for (const auto& file : std::filesystem::directory_iterator(directory)) {
    const int fd = open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
      die("cannot evict the store");
    close(fd);
  }
}

// 200 readers that each read 1 MiB, hold the lease for `hold`, give it back and read again.
void stalled(Bench& bench) {
  Retention load(bench);
  Meter meter;
  meter.start();
  run_rounds(meter, 1400, 10, [&](Latch& latch) { load.round(latch, meter); });
  meter.print("before");
  print_file(bench, load);
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> reads{0};
  std::thread readers([&] {
    struct Held {
      Clock::time_point until;
      chr_buf* lease;
    };
    std::deque<Held> held;
    std::mt19937_64 random(9);
    const auto hold = std::chrono::nanoseconds(bench.setting("max_lease", 2'000'000'000));
    while (!stop) {
      while (!held.empty() && held.front().until <= Clock::now()) {
        held.front().lease->ops->release(held.front().lease);
        held.pop_front();
      }
      if (held.size() < 200) {
        const Bench::Group& group = load.groups()[random() % load.groups().size()];
        const chr_entries got = bench.read(group.id, bench.bounds(group.id).first_index, 1 << 20);
        if (got.lease != nullptr) held.push_back({Clock::now() + hold, got.lease});
        ++reads;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    for (const Held& one : held) one.lease->ops->release(one.lease);
  });
  for (int i = 0; i < 6; ++i) {
    meter.start();
    run_rounds(meter, 1400, 10, [&](Latch& latch) { load.round(latch, meter); });
    meter.print("200 stalled readers");
    print_file(bench, load);
  }
  stop = true;
  readers.join();
  std::printf("%llu reads\n", static_cast<unsigned long long>(reads.load()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3)
    die("usage: bench_storage PLUGIN.so batches|retention|single|small|read|cold|stalled [directory] "
        "[KEY=INTEGER]...");
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // as the server does: fresh pages cost more than all else
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  const std::string workload = argv[2];
  std::string directory = (std::filesystem::temp_directory_path() / "bench_storage").string();
  std::vector<std::pair<std::string, int64_t>> settings;
  for (int i = 3; i < argc; ++i) {
    const std::string arg = argv[i];
    const size_t equals = arg.find('=');
    if (equals == std::string::npos)
      directory = arg;
    else
      settings.emplace_back(arg.substr(0, equals), std::stoll(arg.substr(equals + 1)));
  }
  const std::map<std::string, void (*)(Bench&)> workloads = {
      {"batches", batches}, {"retention", retention}, {"single", single},  {"small", small},
      {"read", read},       {"cold", fill},           {"stalled", stalled}};
  if (!workloads.contains(workload)) die("unknown workload " + workload);
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  {
    Bench bench(argv[1], directory, settings);
    workloads.at(workload)(bench);
  }
  for (int i = 0; workload == "cold" && i < 3; ++i) {
    evict(directory);
    Bench bench(argv[1], directory, settings);
    scan(bench, "cold read");
  }
  std::filesystem::remove_all(directory);
  return 0;
}
