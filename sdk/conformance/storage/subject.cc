#include "subject.hpp"

#include "file_recorder.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <chronik/status_text.hpp>
#include <chronik/testing/config_defaults.hpp>

#include <cstdlib>
#include <filesystem>

namespace chronik::conformance {

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  out << status_text(outcome.code);
  return outcome.message.empty() ? out : out << ": " << outcome.message;
}

Outcome outcome_of(const chr_done& done) { return {done.code, std::string(from_abi(done.message))}; }

Subject& Subject::get() {
  static Subject subject;
  return subject;
}

Disk::Disk() {
  std::string path = (std::filesystem::temp_directory_path() / "chronik-conformance-XXXXXX").string();
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a directory for the test");
  directory_ = path;
}

Disk::Disk(const Image& image) : Disk() { write_directory(directory_, image); }

Disk::~Disk() { std::filesystem::remove_all(directory_); }

Image Disk::image() const { return read_directory(directory_); }

Store::Store(Disk& disk, Settings settings, Life life) : host_(std::make_shared<testing::FakeHost>()) {
  const Subject& subject = Subject::get();
  if (subject.is_durable) {
    files_ = std::make_unique<testing::FakeFiles>(
        *host_, testing::FakeFiles::Options{.directory = disk.directory(), .seed = 1});
    files_->watcher = FileRecorder::active();
  }
  host_->directory(disk.directory());
  void* file = dlopen(subject.plugin.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) throw std::runtime_error(std::string("cannot load the plugin: ") + dlerror());
  using Entry = const chr_plugin_v1*(CHR_CALL*)(const chr_offer*, chr_error*);
  const auto entry = reinterpret_cast<Entry>(dlsym(file, "chronik_plugin_v1"));
  if (entry == nullptr) throw std::runtime_error("the file does not export chronik_plugin_v1");
  const chr_offer offer{sizeof offer, CHR_ABI_MAJOR, CHR_ABI_MINOR, 0, CHR_FEATURE_DRAFTS};
  chr_error error = make_abi_error();
  plugin_ = entry(&offer, &error);
  if (plugin_ == nullptr)
    throw std::runtime_error(std::string("the plugin refuses this host: ") + error.message);
  testing::give_config_defaults(*host_, *plugin_);
  for (const auto& [key, value] : subject.settings) host_->config_int(key, value);
  if (settings == Settings::kSmall) {
    for (const auto& [key, value] : subject.small) host_->config_int(key, value);
  }
  start(life);
}

template <class Call>
Outcome Store::finish(Call&& call) {
  struct State {
    bool seen = false;
    Outcome outcome;
  };
  const auto state = std::make_shared<State>();
  chr_error error = make_abi_error();
  chr_status status = CHR_OK;
  host_->on_shard(0, [&] {
    status = Host(host_->core())
                 .async([&](uint64_t token) { return call(token, &error); },
                        [state](const chr_done& done) { *state = {true, outcome_of(done)}; });
  });
  if (status != CHR_PENDING) return {status, status < 0 ? error.message : ""};
  host_->run();
  if (!state->seen) throw std::runtime_error("a call that returned PENDING was never completed");
  return state->outcome;
}

void Store::start(Life life) {
  chr_error error = make_abi_error();
  const chr_status created = plugin_->create(host_->core(), to_abi("{}"), &instance_, &error);
  failure_ = {created, error.message};
  if (created == CHR_OK && life == Life::kStopped) {
    void* self = nullptr;
    const void* const table = plugin_->service(instance_, CHR_STORAGE_ADMIN_ID, &self);
    if (table != nullptr) admin_ = StorageAdmin(static_cast<const chr_storage_admin_v1*>(table), self);
    return;
  }
  if (created == CHR_OK)
    failure_ = finish([&](uint64_t token, chr_error* e) { return plugin_->start(instance_, token, e); });
  if (failure_ != CHR_OK) {
    if (failure_.message.empty()) failure_.message = "the start failed without a message";
    return;
  }
  failure_.message.clear();
  table_ = static_cast<const chr_storage_v1*>(plugin_->service(instance_, CHR_STORAGE_ID, &self_));
  if (table_ == nullptr) throw std::runtime_error("the plugin does not provide chronik.storage/1");
}

void Store::crash() {
  if (instance_ != nullptr) plugin_->destroy(std::exchange(instance_, nullptr));
}

std::vector<std::pair<std::string, Outcome>> Store::start_and_stop() {
  std::vector<std::pair<std::string, Outcome>> ended;
  const auto begin = [&](const char* what, auto call) {
    chr_error error = make_abi_error();
    const chr_status status =
        Host(host_->core())
            .async([&](uint64_t token) { return call(instance_, token, &error); },
                   [&ended, what](const chr_done& done) { ended.emplace_back(what, outcome_of(done)); });
    if (status != CHR_PENDING) ended.emplace_back(what, Outcome{status, status < 0 ? error.message : ""});
  };
  host_->on_shard(0, [&] {
    begin("start", plugin_->start);
    begin("stop", plugin_->stop);
  });
  host_->run();
  host_->expect_idle();
  return ended;
}

Store::~Store() {
  if (instance_ == nullptr) return;
  if (table_ == nullptr) {  // not started
    crash();
    return;
  }
  try {
    host_->run();
    EXPECT_EQ(finish([&](uint64_t token, chr_error* e) { return plugin_->stop(instance_, token, e); }),
              CHR_OK)
        << "stop failed";
    host_->expect_idle();
  } catch (const std::exception& e) {
    ADD_FAILURE() << e.what();
  }
  crash();
  if (files_ == nullptr) return;
  EXPECT_EQ(files_->open_files(), 0u) << "files of the host were left open";
}

uint64_t Store::group(std::string_view name) {
  uint64_t group = 0;
  chr_error error = make_abi_error();
  const chr_status status = table_->open_group(self_, to_abi(name), &group, &error);
  EXPECT_EQ(status, CHR_OK) << error.message;
  return group;
}

std::vector<std::pair<std::string, uint64_t>> Store::groups() {
  std::vector<std::pair<std::string, uint64_t>> groups;
  table_->list_groups(
      self_,
      [](void* context, chr_str name, uint64_t group) {
        static_cast<decltype(groups)*>(context)->emplace_back(from_abi(name), group);
      },
      &groups);
  return groups;
}

namespace {

// The ABI structs of some writes; all of it is gone after the call, but for the leases that were retained.
struct AbiWrites {
  std::vector<std::vector<std::vector<chr_entry>>> entries;
  std::vector<std::vector<chr_storage_step>> steps;
  std::vector<chr_storage_write> writes;
  std::vector<Lease> leases;

  explicit AbiWrites(const std::vector<TestWrite>& from) {
    for (const TestWrite& write : from) {
      auto& own_entries = entries.emplace_back();
      auto& own_steps = steps.emplace_back();
      for (const TestStep& step : write.steps) {
        auto& list = own_entries.emplace_back();
        for (const TestEntry& entry : step.entries) list.push_back({entry.header, slice(entry.payload)});
        own_steps.push_back({step.type, static_cast<uint32_t>(list.size()), step.index, list.data(),
                             to_abi(step.key), slice(step.value)});
      }
      writes.push_back({write.group, 0, own_steps.data(), own_steps.size()});
    }
  }
  chr_slice slice(const std::string& bytes) {
    const chr_slice slice = testing::FakeBuffer::copy(bytes);
    leases.push_back(Lease::adopt(slice.lease));
    return slice;
  }
};

}  // namespace

Outcome Store::queue(const std::vector<TestWrite>& writes, std::vector<chr_done>* done,
                     const std::function<void(size_t i, uint64_t token)>& issued) {
  AbiWrites abi(writes);
  done->assign(writes.size(), chr_done{});
  const auto* exec = static_cast<const chr_exec_v1*>(host_->core()->query(host_->core()->self, CHR_EXEC_ID));
  for (size_t i = 0; i < writes.size(); ++i) {
    (*done)[i].code = CHR_PENDING;
    abi.writes[i].token = host_->begin(&(*done)[i]);
    if (issued) issued(i, abi.writes[i].token);
  }
  chr_error error = make_abi_error();
  const chr_status status =
      table_->write(self_, abi.writes.data(), static_cast<uint32_t>(abi.writes.size()), &error);
  if (status == CHR_PENDING) return {status, {}};
  EXPECT_LT(status, 0) << "a write is always PENDING, or an error";
  for (const chr_storage_write& write : abi.writes) exec->op_abandon(host_->core()->self, write.token);
  return {status, error.message};
}

Outcome Store::write(const TestWrite& write) {
  std::vector<chr_done> done;
  Outcome outcome = queue({write}, &done);
  if (outcome != CHR_PENDING) return outcome;
  host_->run();
  EXPECT_NE(done[0].code, CHR_PENDING) << "a write was never completed";
  return outcome_of(done[0]);
}

chr_storage_read Store::all_of(uint64_t group) const {
  chr_storage_read args{};
  args.struct_size = sizeof args;
  args.group = group;
  args.max_bytes = UINT64_MAX;
  return args;
}

Got Store::read(const chr_storage_read& args) {
  Got got;
  chr_entries out{};
  out.struct_size = sizeof out;
  got.code = finish([&](uint64_t token, chr_error* e) { return table_->read(self_, &args, &out, token, e); });
  if (got.code != CHR_OK) return got;
  got.lease = Lease::adopt(out.lease);
  got.raw = out.entries;
  EXPECT_EQ(out.n == 0, out.lease == nullptr);
  for (uint32_t i = 0; i < out.n; ++i) {
    const chr_slice& payload = out.entries[i].payload;
    got.entries.push_back(
        {out.entries[i].header, std::string(reinterpret_cast<const char*>(payload.p), payload.n)});
  }
  return got;
}

Got Store::find(uint64_t group, int32_t by, int64_t value) {
  Got got;
  chr_entry_header header{};
  got.code = finish(
      [&](uint64_t token, chr_error* e) { return table_->find(self_, group, by, value, &header, token, e); });
  if (got.code == CHR_OK) got.entries.push_back({header, {}});
  return got;
}

Got Store::get(uint64_t group, std::string_view key) {
  Got got;
  chr_slice out{};
  got.code = finish(
      [&](uint64_t token, chr_error* e) { return table_->get(self_, group, to_abi(key), &out, token, e); });
  if (got.code != CHR_OK) return got;
  got.lease = Lease::adopt(out.lease);
  got.value.assign(reinterpret_cast<const char*>(out.p), out.n);
  return got;
}

chr_storage_bounds Store::bounds(uint64_t group) {
  chr_storage_bounds bounds{};
  bounds.struct_size = sizeof bounds;
  EXPECT_EQ(table_->bounds(self_, group, &bounds), CHR_OK);
  return bounds;
}

chr_storage_usage Store::usage() {
  chr_storage_usage usage{};
  usage.struct_size = sizeof usage;
  EXPECT_EQ(table_->usage(self_, &usage), CHR_OK);
  return usage;
}

ModelGroup Store::content(uint64_t group, const std::vector<std::string>& keys) {
  ModelGroup content;
  Got got = read(all_of(group));
  EXPECT_EQ(got.code, CHR_OK);
  for (TestEntry& entry : got.entries) content.entries[entry.header.index] = std::move(entry);
  for (const std::string& key : keys) {
    Got value = get(group, key);
    if (value.code == CHR_OK) content.keys[key] = std::move(value.value);
    EXPECT_TRUE(value.code == CHR_OK || value.code == CHR_E_NOT_FOUND) << value.code;
  }
  return content;
}

}  // namespace chronik::conformance
