// An open LMDB environment with the databases of our format, and what its error codes mean to us.
#pragma once

#include <chronik/result.hpp>

#include <lmdb.h>

#include <array>
#include <memory>
#include <string>

namespace chronik::storage_lmdb {

inline constexpr uint32_t kFormat = 1;
// Groups share this many databases, under (group, index) keys; docs/decisions tells why. Part of the format.
inline constexpr uint32_t kLanes = 128;

// NO_SPACE: disk or map full; CORRUPT: the file's structure is damaged; IO: all else.
Error lmdb_error(int rc, const std::string& doing);
// mdb_txn_commit, with ENOSPC for a write that the disk took in part, of which LMDB makes EIO: so a disk gets
// full. Done again, it meets what else was the cause.
int commit(MDB_txn* txn);

// What LMDB says of a page that is none; thrown through its frames, caught by contain().
struct DamagedPage {
  std::string text;
};

// Runs fn, which walks trees and returns a Status or a Result. LMDB trusts its pages and would end the
// process where it notices that one is damaged: that is an error of this walk, CORRUPT. Its transaction is to
// be aborted then.
template <class F>
auto contain(F&& fn) -> decltype(fn()) {
  try {
    return fn();
  } catch (const DamagedPage& page) {
    return fail(Code::kCorrupt, "a page of the store is damaged on disk (" + page.text + ")");
  }
}

// Closed by the last owner: a lease that outlives the store keeps its pages mapped.
class Env {
 public:
  struct Options {
    std::string directory;  // exists
    uint64_t map_size;      // reserved once, sparse; the file never grows beyond it
    uint32_t max_readers;
    uint64_t spare = 0;  // by which a file that is larger already may grow, so that something can be removed
  };

  // Opens or makes the store. UNSUPPORTED: a newer format; CORRUPT: data that is not ours. Blocking.
  static Result<std::shared_ptr<Env>> open(const Options& options);
  // Opens a store that nobody else uses, as it lies there: nothing of its folder changes. NOT_FOUND: there is
  // none; else as open(). Blocking.
  static Result<std::shared_ptr<Env>> open_for_reading(const std::string& directory);
  ~Env();
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;

  MDB_env* raw() const { return env_; }
  MDB_dbi meta() const { return meta_; }
  MDB_dbi groups() const { return groups_; }
  MDB_dbi keys() const { return keys_; }
  MDB_dbi lane(uint64_t group) const { return lanes_[group % kLanes]; }
  int data_file() const;
  uint64_t page_size() const { return page_size_; }
  // Bytes of the file that were ever used: where the next fresh page goes.
  uint64_t used_end() const;

 private:
  Env() = default;
  Status create(uint64_t map_size);
  // Of a file with so many bytes: pages that it should have behind them read as zeros.
  void stand_in_for_missing(uint64_t size);
  Status open_databases(const Options& options);
  Status open_databases(MDB_txn* txn, unsigned flags, const std::string& directory);
  Status check_format(MDB_txn* txn, const std::string& directory);
  Status make_format(MDB_txn* txn, const std::string& directory);

  MDB_env* env_ = nullptr;
  MDB_dbi meta_ = 0;
  MDB_dbi groups_ = 0;
  MDB_dbi keys_ = 0;
  std::array<MDB_dbi, kLanes> lanes_{};
  uint64_t page_size_ = 4096;
};

}  // namespace chronik::storage_lmdb
