// Both storages under real threads: writers, readers and whoever asks for bounds, all at once. For the thread
// sanitizer as much as for itself.
#include "tests/bench/thread_host.hpp"

#include <chronik/plugin.h>
#include <chronik/storage.h>
#include <chronik/testing/config_defaults.hpp>

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

namespace chronik {
namespace {

using bench::ThreadHost;

uint8_t byte_of(uint64_t group, uint64_t index) { return static_cast<uint8_t>(group * 31 + index * 7); }

class Latch {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++open_;
  }
  void done() {
    const std::lock_guard lock(mutex_);
    --open_;
    changed_.notify_all();
  }
  void wait_until(int open) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_ <= open; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int open_ = 0;
};

class StorageThreads : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "chronik-threads-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
    host_ = std::make_unique<ThreadHost>(directory_, 3);
    host_->quiet = true;
    api_ = Host(host_->core());
    void* file = dlopen(GetParam(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(file, nullptr) << dlerror();
    const auto entry = reinterpret_cast<const chr_plugin_v1* (*)(const chr_offer*, chr_error*)>(
        dlsym(file, "chronik_plugin_v1"));
    const chr_offer offer{sizeof offer, CHR_ABI_MAJOR, CHR_ABI_MINOR, 0, CHR_FEATURE_DRAFTS};
    chr_error error = make_abi_error();
    plugin_ = entry(&offer, &error);
    testing::give_config_defaults(*host_, *plugin_);
    host_->config_int("map_size", 1 << 30);
    host_->config_int("max_lease", 100'000'000);
    ASSERT_EQ(plugin_->create(host_->core(), to_abi("{}"), &instance_, &error), CHR_OK);
    ASSERT_EQ(wait([&](uint64_t token) { return plugin_->start(instance_, token, &error); }), CHR_OK);
    table_ = static_cast<const chr_storage_v1*>(plugin_->service(instance_, CHR_STORAGE_ID, &self_));
  }
  void TearDown() override {
    chr_error error = make_abi_error();
    EXPECT_EQ(wait([&](uint64_t token) { return plugin_->stop(instance_, token, &error); }), CHR_OK);
    plugin_->destroy(instance_);
    host_.reset();
    std::filesystem::remove_all(directory_);
  }
  chr_status wait(const std::function<chr_status(uint64_t)>& call) {
    Latch latch;
    latch.add();
    chr_status outcome = CHR_OK;
    const chr_status status = api_.async(call, [&](const chr_done& done) {
      outcome = done.code;
      latch.done();
    });
    if (status != CHR_PENDING) return status;
    latch.wait_until(0);
    return outcome;
  }

  void write_some(uint64_t group, std::atomic<int>& failures) {
    Latch latch;
    for (uint64_t index = 1; index <= kEntries; ++index) {
      chr_slice payload{};
      api_.alloc(100 + index % 5000, &payload);
      std::memset(const_cast<uint8_t*>(payload.p), byte_of(group, index), payload.n);
      chr_entry entry{};
      entry.header.index = index;
      entry.header.base_offset = static_cast<int64_t>(index);
      entry.header.records = 1;
      entry.header.bytes = payload.n;
      entry.payload = payload;
      chr_storage_step steps[2] = {};
      steps[0].type = CHR_STORAGE_APPEND;
      steps[0].n = 1;
      steps[0].entries = &entry;
      steps[1].type = CHR_STORAGE_TRIM;
      steps[1].index = index > kKept ? index - kKept : 0;
      latch.add();
      chr_error error = make_abi_error();
      const chr_status status = api_.async(
          [&](uint64_t token) {
            const chr_storage_write write{group, token, steps, 2};
            return table_->write(self_, &write, 1, &error);
          },
          [&](const chr_done& done) {
            if (done.code != CHR_OK) ++failures;
            latch.done();
          });
      payload.lease->ops->release(payload.lease);
      if (status != CHR_PENDING) ++failures;
      if (index % 16 == 0) latch.wait_until(8);
    }
    latch.wait_until(0);
  }

  // Reads what is there and keeps the last few leases for a while; every byte must be as written.
  void read_some(const std::vector<uint64_t>& groups, const std::atomic<bool>& stop,
                 std::atomic<int>& failures, std::atomic<uint64_t>& entries) {
    std::deque<chr_entries> kept;
    std::mt19937_64 random(std::hash<std::thread::id>()(std::this_thread::get_id()));
    const auto check = [&](const chr_entries& got, uint64_t group) {
      for (uint32_t i = 0; i < got.n; ++i) {
        const chr_entry& entry = got.entries[i];
        for (uint64_t k = 0; k < entry.payload.n; k += 97) {
          if (entry.payload.p[k] != byte_of(group, entry.header.index)) ++failures;
        }
      }
    };
    std::deque<uint64_t> kept_groups;
    while (!stop) {
      const uint64_t group = groups[random() % groups.size()];
      chr_storage_bounds bounds{};
      bounds.struct_size = sizeof bounds;
      table_->bounds(self_, group, &bounds);
      chr_storage_read args{};
      args.struct_size = sizeof args;
      args.group = group;
      args.from = bounds.first_index + random() % 50;
      args.max_bytes = 1 + random() % 200'000;
      chr_entries out{};
      out.struct_size = sizeof out;
      chr_error error = make_abi_error();
      if (wait([&](uint64_t token) { return table_->read(self_, &args, &out, token, &error); }) != CHR_OK)
        ++failures;
      chr_entry_header header{};
      const chr_status found = wait([&](uint64_t token) {
        return table_->find(self_, group, CHR_FIND_OFFSET, static_cast<int64_t>(args.from), &header, token,
                            &error);
      });
      if (found != CHR_OK && found != CHR_E_NOT_FOUND) ++failures;
      entries += out.n;
      check(out, group);
      if (out.lease == nullptr) continue;
      kept.push_back(out);
      kept_groups.push_back(group);
      if (kept.size() <= 4) continue;
      check(kept.front(), kept_groups.front());
      kept.front().lease->ops->release(kept.front().lease);
      kept.pop_front();
      kept_groups.pop_front();
    }
    for (const chr_entries& got : kept) got.lease->ops->release(got.lease);
  }

  static constexpr uint64_t kEntries = 1500;
  static constexpr uint64_t kKept = 100;
  std::string directory_;
  std::unique_ptr<ThreadHost> host_;
  Host api_;
  const chr_plugin_v1* plugin_ = nullptr;
  chr_plugin* instance_ = nullptr;
  const chr_storage_v1* table_ = nullptr;
  void* self_ = nullptr;
};

TEST_P(StorageThreads, ReadersSeeWhatWritersWrote) {
  std::vector<uint64_t> groups(3);
  chr_error error = make_abi_error();
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::string name = "group-" + std::to_string(i);
    ASSERT_EQ(table_->open_group(self_, to_abi(name), &groups[i], &error), CHR_OK);
  }
  std::atomic<bool> stop{false};
  std::atomic<int> failures{0};
  std::atomic<uint64_t> entries{0};
  std::vector<std::thread> writers;
  std::vector<std::thread> readers;
  for (const uint64_t group : groups) writers.emplace_back([&, group] { write_some(group, failures); });
  for (int i = 0; i < 2; ++i) readers.emplace_back([&] { read_some(groups, stop, failures, entries); });
  for (std::thread& writer : writers) writer.join();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(failures, 0);
  EXPECT_GT(entries, 0u);
  for (const uint64_t group : groups) {
    chr_storage_bounds bounds{};
    bounds.struct_size = sizeof bounds;
    table_->bounds(self_, group, &bounds);
    EXPECT_EQ(bounds.last_index, kEntries);
    EXPECT_EQ(bounds.entries, kKept + 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Bundled, StorageThreads, ::testing::Values(STORAGE_MEMORY, STORAGE_LMDB),
                         [](const auto& instance) { return instance.index == 0 ? "Memory" : "Lmdb"; });

}  // namespace
}  // namespace chronik
