// Which layout should storage-lmdb use: a database for each group, or groups that share databases under
// (group, index) keys, and how many databases then?
//
//     bench_lmdb_layout <databases> <groups> <batch|small> [directory]
//
// Group g lives in database g % databases: databases == groups is one for each, 1 is one for all.
//
// "batch": commits of 1 MB in entries of 1-256 KiB; "small": commits of 64 entries of 200 bytes. The oldest
// entries go at the rate at which new ones come. Prints the second half of the run, when pages are reused.
#include <lmdb.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

namespace {

void must(int rc, const char* what) {
  if (rc == MDB_SUCCESS) return;
  std::fprintf(stderr, "%s: %s\n", what, mdb_strerror(rc));
  std::exit(1);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Key {
  uint8_t bytes[16];
  Key(uint64_t group, uint64_t index) {
    for (int i = 0; i < 8; ++i) {
      bytes[i] = static_cast<uint8_t>(group >> (56 - 8 * i));
      bytes[8 + i] = static_cast<uint8_t>(index >> (56 - 8 * i));
    }
  }
};

struct Group {
  MDB_dbi dbi = 0;
  uint64_t next = 1;
};

struct Live {
  uint32_t group;
  uint64_t index;
  uint64_t bytes;
};

class Layout {
 public:
  Layout(uint32_t databases, uint32_t groups, const std::string& directory) : groups_(groups) {
    must(mdb_env_create(&env_), "mdb_env_create");
    must(mdb_env_set_mapsize(env_, 64ULL << 30), "mapsize");
    must(mdb_env_set_maxdbs(env_, databases), "maxdbs");
    must(mdb_env_open(env_, directory.c_str(), MDB_NOTLS | MDB_NORDAHEAD | MDB_NOMEMINIT, 0644), "open");
    MDB_txn* txn = nullptr;
    must(mdb_txn_begin(env_, nullptr, 0, &txn), "begin");
    for (uint32_t g = 0; g < groups; ++g) {
      const std::string name = "log" + std::to_string(g % databases);
      must(mdb_dbi_open(txn, name.c_str(), MDB_CREATE, &groups_[g].dbi), "dbi_open");
    }
    must(mdb_txn_commit(txn), "commit");
  }
  ~Layout() { mdb_env_close(env_); }

  void begin() { must(mdb_txn_begin(env_, nullptr, 0, &txn_), "begin"); }
  void commit() { must(mdb_txn_commit(txn_), "commit"); }

  void append(uint32_t g, uint64_t bytes, const uint8_t* payload) {
    Group& group = groups_[g];
    Key key(g, group.next);
    MDB_val k{sizeof key, &key}, v{bytes, nullptr};
    must(mdb_put(txn_, group.dbi, &k, &v, MDB_RESERVE), "put");
    std::memcpy(v.mv_data, payload, bytes);
    live_.push_back({g, group.next++, bytes});
    live_bytes_ += bytes;
  }
  void retain(uint64_t limit) {
    while (live_bytes_ > limit) {
      const Live oldest = live_.front();
      live_.pop_front();
      Key key(oldest.group, oldest.index);
      MDB_val k{sizeof key, &key};
      must(mdb_del(txn_, groups_[oldest.group].dbi, &k, nullptr), "del");
      live_bytes_ -= oldest.bytes;
    }
  }
  uint64_t live_bytes() const { return live_bytes_; }

 private:
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  std::vector<Group> groups_;
  std::deque<Live> live_;
  uint64_t live_bytes_ = 0;
};

struct Run {
  uint64_t commits, live;
  bool small;
};

void measure(Layout& layout, const Run& run, uint32_t groups, const std::string& file, const char* label) {
  std::mt19937_64 random(7);
  std::vector<uint8_t> payload(256 << 10, 0x5a);
  std::vector<double> latencies;
  uint64_t bytes = 0;
  double cpu = 0;
  auto started = std::chrono::steady_clock::now();
  for (uint64_t c = 0; c < run.commits; ++c) {
    if (c == run.commits / 2) {
      bytes = 0;
      latencies.clear();
      cpu = cpu_seconds();
      started = std::chrono::steady_clock::now();
    }
    const auto before = std::chrono::steady_clock::now();
    layout.begin();
    uint64_t in_commit = 0;
    for (uint32_t i = 0; run.small ? i < 64 : in_commit < (1u << 20); ++i) {
      const uint64_t n = run.small ? 200 : 1024 + random() % (255 << 10);
      layout.append(static_cast<uint32_t>(random() % groups), n, payload.data());
      in_commit += n;
    }
    layout.retain(run.live);
    layout.commit();
    bytes += in_commit;
    latencies.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  cpu = cpu_seconds() - cpu;
  std::ranges::sort(latencies);
  struct stat status{};
  stat(file.c_str(), &status);
  std::printf(
      "%s: %.0f MB/s, %.0f commits/s, %.2f CPU s/GB, CPU per commit %.0f us, p50 %.2f p99 %.2f max %.1f ms, "
      "file/live %.2f\n",
      label, static_cast<double>(bytes) / seconds / 1e6, static_cast<double>(latencies.size()) / seconds,
      cpu / (static_cast<double>(bytes) / 1e9), cpu / static_cast<double>(latencies.size()) * 1e6,
      latencies[latencies.size() / 2] * 1e3, latencies[latencies.size() * 99 / 100] * 1e3,
      latencies.back() * 1e3, static_cast<double>(status.st_size) / static_cast<double>(layout.live_bytes()));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_lmdb_layout <databases> <groups> <batch|small> [directory]\n");
    return 2;
  }
  const auto databases = static_cast<uint32_t>(std::stoul(argv[1]));
  const auto groups = static_cast<uint32_t>(std::stoul(argv[2]));
  const bool small = std::string_view(argv[3]) == "small";
  const std::string directory = argc > 4 ? argv[4] : "/tmp/bench_lmdb_layout";
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  {
    Layout layout(databases, groups, directory);
    const Run run = small ? Run{12000, 64ULL << 20, true} : Run{3000, 512ULL << 20, false};
    const std::string label = std::string("databases=") + argv[1] + " groups=" + argv[2] + " " + argv[3];
    measure(layout, run, groups, directory + "/data.mdb", label.c_str());
  }
  std::filesystem::remove_all(directory);
  return 0;
}
