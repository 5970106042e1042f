// The storage under test: its shared object, its settings, and a running instance of it on a FakeHost.
#pragma once

#include "model.hpp"
#include "trace.hpp"

#include <chronik/plugin.h>
#include <chronik/storage_admin.hpp>
#include <chronik/testing/fake_files.hpp>

#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <utility>

namespace chronik::conformance {

// What the command line says of the storage under test.
struct Subject {
  std::string plugin;       // path of the shared object
  bool is_durable = false;  // what it wrote survives in its directory, by its own files or the host's
  std::vector<std::pair<std::string, int64_t>> settings;
  std::vector<std::pair<std::string, int64_t>> small;  // settings that make it full after some MiB
  bool stub_syncs = false;                             // the crash tests must fail then
  bool has_admin = false;                              // it must provide chronik.storage_admin/1

  static Subject& get();
};

// What survives a restart: a directory. Removed at the end.
class Disk {
 public:
  Disk();
  explicit Disk(const Image& image);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  Image image() const;
  const std::string& directory() const { return directory_; }

 private:
  std::string directory_;
};

// How a call ended, in words where a test prints it: "NO_SPACE (-10): the disk is full".
struct Outcome {
  chr_status code = CHR_OK;
  std::string message;
  operator chr_status() const { return code; }  // NOLINT: it is one, with a message
  friend bool operator==(const Outcome& a, chr_status b) { return a.code == b; }
};
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);
Outcome outcome_of(const chr_done& done);

// A read or get that returned: what it gave, and its lease.
struct Got {
  Outcome code;
  std::vector<TestEntry> entries;
  const chr_entry* raw = nullptr;
  Lease lease;
  std::string value;

  // Throws where the store gave fewer.
  const chr_slice& payload(size_t i) const {
    if (i >= entries.size()) throw std::out_of_range("the store gave fewer entries than it has");
    return raw[i].payload;
  }
  // Whether the leased bytes of entry i are those of this one.
  bool holds(size_t i, const TestEntry& entry) const {
    const chr_slice& is = payload(i);
    return is.n == entry.payload.size() && std::memcmp(is.p, entry.payload.data(), is.n) == 0;
  }
  const TestEntry& last() const {
    if (entries.empty()) throw std::out_of_range("the store gave no entries");
    return entries.back();
  }
};

class Store {
 public:
  enum class Settings { kUsual, kSmall };
  enum class Life { kStarted, kStopped };
  // Starts the plugin, or makes an instance that is not started, for admin(). Where it must be allowed to refuse,
  // ask failure() before anything else.
  explicit Store(Disk& disk, Settings settings = Settings::kUsual, Life life = Life::kStarted);
  // Stops it, which must leave nothing behind.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Empty when the start succeeded.
  const std::string& failure() const { return failure_.message; }
  Outcome failure_code() const { return failure_; }
  testing::FakeHost& host() { return *host_; }
  const chr_storage_v1& table() const { return *table_; }
  void* self() const { return self_; }
  // Of an instance that is not started; false: the plugin does not provide it.
  const StorageAdmin& admin() const { return admin_; }
  // Destroys the instance as it is, without a stop.
  void crash();
  // Of an instance that is not started: starts it, and stops it before the start has ended. What ended, in that order.
  std::vector<std::pair<std::string, Outcome>> start_and_stop();

  uint64_t group(std::string_view name);
  std::vector<std::pair<std::string, uint64_t>> groups();

  // Queues writes in one call. The status of the call; *done receives each outcome once the host has run.
  // issued: told the token of each before the store learns of it.
  Outcome queue(const std::vector<TestWrite>& writes, std::vector<chr_done>* done,
                const std::function<void(size_t i, uint64_t token)>& issued = {});
  // Queues one and runs: how it ended.
  Outcome write(const TestWrite& write);

  chr_storage_read all_of(uint64_t group) const;
  Got read(const chr_storage_read& args);
  Got find(uint64_t group, int32_t by, int64_t value);  // the header in entries[0]
  Got get(uint64_t group, std::string_view key);
  chr_storage_bounds bounds(uint64_t group);
  chr_storage_usage usage();
  // Everything a group holds, by the keys that it might have.
  ModelGroup content(uint64_t group, const std::vector<std::string>& keys);

 private:
  void start(Life life);
  // Makes a call that may answer at once or later, and waits for it.
  template <class Call>
  Outcome finish(Call&& call);

  std::shared_ptr<testing::FakeHost> host_;
  std::unique_ptr<testing::FakeFiles> files_;
  const chr_plugin_v1* plugin_ = nullptr;
  chr_plugin* instance_ = nullptr;
  const chr_storage_v1* table_ = nullptr;
  void* self_ = nullptr;
  StorageAdmin admin_;
  Outcome failure_;
};

}  // namespace chronik::conformance
