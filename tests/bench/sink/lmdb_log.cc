#include "bench/sink/lmdb_log.h"

#include <lmdb.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <thread>

namespace bare_sink {
namespace {

void must(int rc, const char* what) {
  if (rc != MDB_SUCCESS) die(std::string(what) + ": " + mdb_strerror(rc));
}

// The store: a database for each partition, records under their first offset. One thread uses it.
class Store {
 public:
  Store(const std::string& directory, size_t partitions, uint64_t retention)
      : partitions_(partitions), retention_(retention) {
    must(mdb_env_create(&env_), "mdb_env_create");
    must(mdb_env_set_mapsize(env_, 1ULL << 38), "mdb_env_set_mapsize");
    must(mdb_env_set_maxdbs(env_, static_cast<MDB_dbi>(partitions)), "mdb_env_set_maxdbs");
    must(mdb_env_open(env_, directory.c_str(), MDB_NOTLS | MDB_NORDAHEAD | MDB_NOMEMINIT, 0644),
         directory.c_str());
    MDB_txn* txn = nullptr;
    must(mdb_txn_begin(env_, nullptr, 0, &txn), "mdb_txn_begin");
    for (size_t p = 0; p < partitions; ++p)
      must(mdb_dbi_open(txn, std::to_string(p).c_str(), MDB_CREATE | MDB_INTEGERKEY, &partitions_[p].dbi),
           "mdb_dbi_open");
    must(mdb_txn_commit(txn), "mdb_txn_commit");
  }

  void write(std::vector<Request>& requests) {
    MDB_txn* txn = nullptr;
    must(mdb_txn_begin(env_, nullptr, 0, &txn), "mdb_txn_begin");
    for (Request& request : requests)
      for (Part& part : request.parts)
        if (part.error == 0) append(txn, part);
    if (retention_ != 0)
      for (Partition& partition : partitions_) retain(txn, partition);
    must(mdb_txn_commit(txn), "mdb_txn_commit");
  }

 private:
  struct Partition {
    MDB_dbi dbi = 0;
    int64_t next = 0;
    uint64_t bytes = 0;
    std::deque<std::pair<size_t, size_t>> live;  // first offset, bytes
  };

  void append(MDB_txn* txn, Part& part) {
    Partition& partition = partitions_[static_cast<size_t>(part.partition)];
    part.base_offset = partition.next;
    auto key = static_cast<size_t>(partition.next);
    partition.next += part.count;
    MDB_val k{sizeof key, &key}, v{part.records.size(), nullptr};
    must(mdb_put(txn, partition.dbi, &k, &v, MDB_RESERVE | MDB_APPEND), "mdb_put");
    copy_batches(part, static_cast<uint8_t*>(v.mv_data));
    partition.live.emplace_back(key, part.records.size());
    partition.bytes += part.records.size();
  }

  void retain(MDB_txn* txn, Partition& partition) {
    while (partition.bytes > retention_) {
      auto [key, bytes] = partition.live.front();
      partition.live.pop_front();
      partition.bytes -= bytes;
      MDB_val k{sizeof key, &key};
      must(mdb_del(txn, partition.dbi, &k, nullptr), "mdb_del");
    }
  }

  MDB_env* env_ = nullptr;
  std::vector<Partition> partitions_;
  uint64_t retention_;
};

// Takes all that waits, writes it in one transaction, gives it back. Never ends: the process does.
class LmdbLog final : public Log {
 public:
  LmdbLog(const std::string& directory, size_t partitions, uint64_t retention, int wake)
      : store_(directory, partitions, retention), wake_(wake), thread_([this] { run(); }) {}

  void submit(Request request) override {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(request));
    if (waiting_.size() == 1) changed_.notify_one();
  }
  std::vector<Request> take_done() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(done_, {});
  }

 private:
  [[noreturn]] void run() {
    std::vector<Request> drain;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return !waiting_.empty(); });
        drain.swap(waiting_);
      }
      store_.write(drain);
      {
        const std::lock_guard lock(mutex_);
        std::ranges::move(drain, std::back_inserter(done_));
      }
      drain.clear();
      const uint64_t one = 1;
      if (write(wake_, &one, sizeof one) != sizeof one) die("eventfd");
    }
  }

  Store store_;
  int wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Request> waiting_, done_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<Log> open_lmdb_log(const std::string& directory, size_t partitions, uint64_t retention,
                                   int wake) {
  return std::make_unique<LmdbLog>(directory, partitions, retention, wake);
}

}  // namespace bare_sink
