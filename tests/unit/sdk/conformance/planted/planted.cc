// A storage plugin around another one (INNER), with one bug that the setting `planted` chooses: what the
// tests of the conformance kit must notice. See faults.h.
#include "tests/unit/sdk/conformance/planted/faults.h"

#include <chronik/draft/files.h>
#include <chronik/draft/storage_admin.h>

#include <chronik/storage_plugin.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace chronik::storage_planted {
namespace {

// Bytes that a bug takes away from under their readers; kept mapped, so that a reader finds them changed.
struct Borrowed {
  chr_buf lease;
  std::vector<chr_entry> entries;
  std::vector<std::string> payloads;
  void spoil() {
    for (std::string& payload : payloads) std::fill(payload.begin(), payload.end(), 'X');
  }
};
void CHR_CALL nothing(chr_buf*) {}
constexpr chr_buf_ops kNoOps = {nothing, nothing, nullptr};

// The storage that the bugs are planted in.
const chr_plugin_v1& inner() {
  static const chr_plugin_v1* const plugin = [] {
    void* file = ::dlopen(INNER, RTLD_NOW | RTLD_LOCAL);
    if (file == nullptr) throw std::runtime_error(::dlerror());
    using Entry = const chr_plugin_v1*(CHR_CALL*)(const chr_offer*, chr_error*);
    const auto entry = reinterpret_cast<Entry>(::dlsym(file, "chronik_plugin_v1"));
    const chr_offer offer{sizeof offer, CHR_ABI_MAJOR, CHR_ABI_MINOR, 0, CHR_FEATURE_DRAFTS};
    chr_error error = make_abi_error();
    const chr_plugin_v1* found = entry(&offer, &error);
    if (found == nullptr) throw std::runtime_error(error.message);
    return found;
  }();
  return *plugin;
}

class Planted;
Planted* g_planted = nullptr;  // the kit runs one at a time; a host table has no room for another self

class Planted final : public Plugin {
 public:
  static constexpr std::string_view kId = MANIFEST_ID, kVersion = "1.0.0";
  static std::span<const chr_config_key> schema() {
    uint32_t n = 0;
    const chr_config_key* keys = inner().config_schema(&n);
    return {keys, n};
  }

  explicit Planted(Host host)
      : host_(host), outer_(*host.core()), fault_(static_cast<Fault>(host.config_int("planted"))) {
    g_planted = this;
    inner_host_ = outer_;
    inner_host_.complete = on_complete;
    inner_host_.query = on_query;
    chr_error error = make_abi_error();
    plugin_ = &inner();
    if (plugin_->create(&inner_host_, to_abi("{}"), &instance_, &error) != CHR_OK)
      throw std::runtime_error(error.message);
  }
  ~Planted() override {
    if (fault_ == kLeaseEndsWithInstance) spoil();
    plugin_->destroy(instance_);
    g_planted = nullptr;
  }

  const void* service(std::string_view id, void** instance) override;

  Result<Progress> start(uint64_t token) override {
    starting_ = true;
    const auto result = forward([&](chr_error* e) { return plugin_->start(instance_, token, e); });
    table_ = static_cast<const chr_storage_v1*>(plugin_->service(instance_, CHR_STORAGE_ID, &self_));
    if (result && *result == Progress::kDone) starting_ = false;
    return result;
  }
  Result<Progress> stop(uint64_t token) override {
    if (fault_ == kStopForgetsStart && starting_) return Progress::kDone;
    return forward([&](chr_error* e) { return plugin_->stop(instance_, token, e); });
  }

  // ---- chr_storage_v1 ----
  chr_status open_group(chr_str name, uint64_t* group, chr_error* error) {
    if (fault_ == kAnyName && name.n == 0) {
      *group = 1;
      return CHR_OK;
    }
    note_start();
    const chr_status status = table_->open_group(self_, name, group, error);
    if (fault_ == kIdsChange) *group += 1000 * ++opened_;
    return status;
  }
  void list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context) {
    table_->list_groups(self_, fn, context);
  }
  chr_status write(const chr_storage_write* writes, uint32_t n, chr_error* error);
  chr_status read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error);
  chr_status find(uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                  chr_error* error) {
    if (fault_ == kFindsNearby) value += 3;
    return table_->find(self_, group, by, value, out, token, error);
  }
  chr_status get(uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error) {
    note_start();
    if (fault_ == kKeysGoAtRestart && restarted_ > 0) return CHR_E_NOT_FOUND;
    return table_->get(self_, group, key, out, token, error);
  }
  chr_status bounds(uint64_t group, chr_storage_bounds* out) {
    const chr_status status = table_->bounds(self_, group, out);
    if (fault_ == kBoundsRunAhead) out->last_index = std::max(out->last_index, queued_[group]);
    return status;
  }
  chr_status usage(chr_storage_usage* out) {
    const chr_status status = table_->usage(self_, out);
    if (fault_ == kUsageOnlyGrows) out->used_bytes = most_used_ = std::max(most_used_, out->used_bytes);
    return status;
  }

  // ---- chr_storage_admin_v1 ----
  chr_status check(chr_storage_report_fn fn, void* context, chr_storage_check* out, chr_error* error) {
    if (fault_ == kAdminWrites)
      std::ofstream(std::string(from_abi(host_.node().directory)) + "/checked") << "checked";
    if (fault_ == kCheckIsBlind) fn = [](void*, const chr_storage_report*) { return int32_t{0}; };
    struct Told {
      chr_storage_report_fn fn;
      void* context;
    } told{fn, context};
    const bool forgets = fault_ == kCheckForgetsKeys;
    if (forgets) {
      fn = [](void* to, const chr_storage_report* report) {
        chr_storage_report rest = *report;
        rest.key = {};
        return static_cast<Told*>(to)->fn(static_cast<Told*>(to)->context, &rest);
      };
    }
    const chr_status status = admin_->check(admin_self_, fn, forgets ? &told : context, out, error);
    if (fault_ == kCheckIsBlind) out->damages = 0;
    return fault_ == kEmptyFolderIsFine && status == CHR_E_NOT_FOUND ? CHR_OK : status;
  }
  chr_status open(chr_error* error) {
    const chr_status status = admin_->open(admin_self_, error);
    return fault_ == kEmptyFolderIsFine && status == CHR_E_NOT_FOUND ? CHR_OK : status;
  }
  void close() { admin_->close(admin_self_); }
  chr_status groups(chr_storage_group_fn fn, void* context, chr_error* error) {
    return admin_->groups(admin_self_, fn, context, error);
  }
  chr_status keys(uint64_t group, chr_str after, chr_storage_key_fn fn, void* context, chr_error* error) {
    if (fault_ == kAdminHidesKeys) return CHR_OK;
    return admin_->keys(admin_self_, group, after, fn, context, error);
  }
  chr_status entries(uint64_t group, uint64_t from, chr_storage_entry_fn fn, void* context, chr_error* error);

 private:
  template <class Call>
  static Result<Progress> forward(Call&& call) {
    chr_error error = make_abi_error();
    const chr_status status = call(&error);
    if (status < 0) return std::unexpected(from_abi(error, status));
    return static_cast<Progress>(status);
  }
  // Before anything was written: whether something was there.
  void note_start() {
    if (restarted_ < 0) restarted_ = has_groups() ? 1 : 0;
  }
  bool has_groups() {
    bool any = false;
    list_groups([](void* context, chr_str, uint64_t) { *static_cast<bool*>(context) = true; }, &any);
    return any;
  }
  void spoil() {
    for (Borrowed* one : lent_) one->spoil();
  }
  bool bend(chr_storage_step* step, uint64_t group);
  void lend(chr_entries* out);
  void acknowledge(const chr_storage_write* writes, uint32_t n);

  static void CHR_CALL on_complete(chr_host* self, const chr_done* done, uint32_t n);
  static const void* CHR_CALL on_query(chr_host* self, const char* id);
  // Whether what the store makes durable just now is not made so.
  bool skips_syncs() const { return fault_ == kSyncsNothing || (fault_ == kStartSyncsNothing && starting_); }
  static const chr_files_v1& outer_files() {
    return *static_cast<const chr_files_v1*>(g_planted->outer_.query(g_planted->outer_.self, CHR_FILES_ID));
  }
  static chr_status CHR_CALL write_file(chr_host* self, const chr_file_write* args, chr_error* error);
  static chr_status CHR_CALL sync_file(chr_host* self, uint64_t file, uint64_t token, chr_error* error);
  static chr_status CHR_CALL sync_files(chr_host* self, const uint64_t* files, uint32_t n, chr_status* each,
                                        chr_error* error);

  Host host_;
  const chr_host_v1 outer_;
  chr_host_v1 inner_host_{};
  const Fault fault_;
  const chr_plugin_v1* plugin_ = nullptr;
  chr_plugin* instance_ = nullptr;
  const chr_storage_v1* table_ = nullptr;
  void* self_ = nullptr;
  const chr_storage_admin_v1* admin_ = nullptr;
  void* admin_self_ = nullptr;
  bool starting_ = false;
  int restarted_ = -1;  // not known yet, no, yes
  uint64_t opened_ = 0;
  uint64_t most_used_ = 0;
  std::map<uint64_t, uint64_t> queued_;  // the last index of each group, as asked for
  std::set<uint64_t> answered_;          // tokens that were completed ahead of the inner store
  std::vector<Borrowed*> lent_;          // never freed
  chr_files_v1 files_{};
};

// Changes a step as the bug wants it; false: the step is left out.
bool Planted::bend(chr_storage_step* step, uint64_t group) {
  if (fault_ == kTruncatesOneLess && step->type == CHR_STORAGE_TRUNCATE) ++step->index;
  if (fault_ == kTrimsOneLess && step->type == CHR_STORAGE_TRIM && step->index > 0) --step->index;
  if (fault_ == kTrimOfAllWraps && step->type == CHR_STORAGE_TRIM && step->index == UINT64_MAX)
    step->index = 0;
  if (fault_ == kTrimsInPart && step->type == CHR_STORAGE_TRIM) {
    chr_storage_bounds bounds{};
    bounds.struct_size = sizeof bounds;
    table_->bounds(self_, group, &bounds);
    step->index = std::min(step->index, bounds.first_index + 1000);
  }
  if (fault_ == kLargeValuesCut && step->type == CHR_STORAGE_PUT)
    step->value.n = std::min<uint64_t>(step->value.n, 65536);
  if (fault_ == kDropOnlyEmpties && step->type == CHR_STORAGE_DROP)
    *step = {CHR_STORAGE_TRUNCATE, 0, 0, {}, {}, {}};
  if (fault_ == kBoundsRunAhead && step->type == CHR_STORAGE_APPEND && step->n > 0)
    queued_[group] = step->entries[step->n - 1].header.index;
  return !(fault_ == kDeletesForgotten && step->type == CHR_STORAGE_DELETE) &&
         !(fault_ == kNeverTrims && step->type == CHR_STORAGE_TRIM);
}

chr_status Planted::write(const chr_storage_write* writes, uint32_t n, chr_error* error) {
  note_start();
  if (fault_ == kLeaseEndsWithNextWrite) spoil();
  std::vector<chr_storage_write> bent(writes, writes + n);
  std::vector<std::vector<chr_storage_step>> steps(n);
  for (uint32_t i = 0; i < n; ++i) {
    for (uint64_t k = 0; k < writes[i].n; ++k) {
      chr_storage_step step = writes[i].steps[k];
      if (bend(&step, writes[i].group) || writes[i].n == 1) steps[i].push_back(step);
    }
    if (fault_ == kFirstStepAlone && steps[i].size() > 1) {
      const chr_storage_write first{writes[i].group, 0, steps[i].data(), 1};
      host_.async(
          [&](uint64_t token) {
            chr_storage_write alone = first;
            alone.token = token;
            return table_->write(self_, &alone, 1, nullptr);
          },
          [](const chr_done&) {});
      steps[i].erase(steps[i].begin());
    }
    bent[i].steps = steps[i].data();
    bent[i].n = steps[i].size();
  }
  if (fault_ == kReversesACall) std::reverse(bent.begin(), bent.end());
  const bool early = fault_ == kAcksBeforeSync || (fault_ == kAcksBatchesBeforeSync && n > 1);
  const chr_status status = table_->write(self_, bent.data(), n, error);
  if ((early && status == CHR_PENDING) || (fault_ == kQueueUnbounded && status == CHR_E_OVERLOADED)) {
    acknowledge(writes, n);
    return CHR_PENDING;
  }
  return status;
}

void Planted::acknowledge(const chr_storage_write* writes, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) {
    answered_.insert(writes[i].token);
    chr_done done{};
    done.token = writes[i].token;
    outer_.complete(outer_.self, &done, 1);
  }
}

// Hands out copies that the bug controls in place of what the store leased.
void Planted::lend(chr_entries* out) {
  auto* borrowed = new Borrowed{{&kNoOps}, {}, {}};
  lent_.push_back(borrowed);
  for (uint32_t i = 0; i < out->n; ++i) {
    const chr_slice& payload = out->entries[i].payload;
    borrowed->payloads.emplace_back(reinterpret_cast<const char*>(payload.p), payload.n);
  }
  for (uint32_t i = 0; i < out->n; ++i) {
    const std::string& payload = borrowed->payloads[i];
    borrowed->entries.push_back({out->entries[i].header,
                                 {reinterpret_cast<const uint8_t*>(payload.data()), payload.size(),
                                  fault_ == kSlicesWithoutLease ? nullptr : &borrowed->lease}});
  }
  out->lease->ops->release(out->lease);
  out->entries = borrowed->entries.data();
  out->lease = &borrowed->lease;
}

chr_status Planted::read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error) {
  chr_storage_read bent = *args;
  if (fault_ == kMaxBytesIgnored) bent.max_bytes = UINT64_MAX;
  if (fault_ == kHeadersOnlyIgnored) bent.headers_only = 0;
  const chr_status status = table_->read(self_, &bent, out, token, error);
  const bool hides = (fault_ == kUnknownGroupsAreEmpty && status == CHR_E_NOT_FOUND) ||
                     (fault_ == kSkipsDamaged && status == CHR_E_CORRUPT);
  if (hides) {
    out->n = 0;
    out->lease = nullptr;
    return CHR_OK;
  }
  if (status != CHR_OK || out->n == 0) return status;
  const bool takes =
      fault_ == kLeaseEndsWithNextWrite || fault_ == kLeaseEndsWithInstance || fault_ == kSlicesWithoutLease;
  if (takes) lend(out);
  const bool in_gap = fault_ == kGapsAreEnds && args->from > 1 && out->entries[0].header.index != args->from;
  const uint32_t left = in_gap ? 0 : fault_ == kLastEntryLost ? out->n - 1 : out->n;
  if (left == 0) {
    out->lease->ops->release(out->lease);
    out->lease = nullptr;
  }
  out->n = left;
  return CHR_OK;
}

void CHR_CALL Planted::on_complete(chr_host* self, const chr_done* done, uint32_t n) {
  Planted& planted = *g_planted;
  std::vector<chr_done> told;
  const bool failed = std::any_of(done, done + n, [](const chr_done& one) { return one.code < 0; });
  for (uint32_t i = 0; i < n; ++i) {
    if (planted.answered_.erase(done[i].token) > 0) continue;
    chr_done one = done[i];
    const Fault fault = planted.fault_;
    if (fault == kOneFailsAll && failed) one.code = CHR_E_INVALID_ARGUMENT;
    if (fault == kAcceptsAnything && one.code == CHR_E_INVALID_ARGUMENT) one.code = CHR_OK;
    if (fault == kSkipsDamaged && one.code == CHR_E_CORRUPT) one.code = CHR_OK;
    if (fault == kFullIsSilent && one.code == CHR_E_NO_SPACE) one.code = CHR_OK;
    if (fault == kFullIsFatal && one.code == CHR_E_NO_SPACE) one.code = CHR_E_IO;
    if (fault == kFailedSyncIsSilent && one.code == CHR_E_IO) one.code = CHR_OK;
    told.push_back(one);
  }
  planted.starting_ = false;
  planted.outer_.complete(self, told.data(), static_cast<uint32_t>(told.size()));
}

const void* CHR_CALL Planted::on_query(chr_host* self, const char* id) {
  const void* table = g_planted->outer_.query(self, id);
  if (table == nullptr || std::string_view(id) != CHR_FILES_ID) return table;
  g_planted->files_ = *static_cast<const chr_files_v1*>(table);
  g_planted->files_.write = write_file;
  g_planted->files_.sync = sync_file;
  g_planted->files_.sync_files = sync_files;
  return &g_planted->files_;
}

chr_status CHR_CALL Planted::write_file(chr_host* self, const chr_file_write* args, chr_error* error) {
  chr_file_write bent = *args;
  if (g_planted->skips_syncs()) bent.flags = 0;
  return outer_files().write(self, &bent, error);
}

// Without a token: what a storage calls where nothing else runs.
chr_status CHR_CALL Planted::sync_file(chr_host* self, uint64_t file, uint64_t token, chr_error* error) {
  if (g_planted->skips_syncs() && token == 0) return CHR_OK;
  return outer_files().sync(self, file, token, error);
}

chr_status CHR_CALL Planted::sync_files(chr_host* self, const uint64_t* files, uint32_t n, chr_status* each,
                                        chr_error* error) {
  if (!g_planted->skips_syncs()) return outer_files().sync_files(self, files, n, each, error);
  std::fill_n(each, n, CHR_OK);
  return CHR_OK;
}

chr_status Planted::entries(uint64_t group, uint64_t from, chr_storage_entry_fn fn, void* context,
                            chr_error* error) {
  struct Bent {
    Fault fault;
    chr_storage_entry_fn fn;
    void* context;
    std::vector<chr_entry> held;  // the last one, until it is known that it is not
  } bent{fault_, fn, context, {}};
  if (fault_ == kAdminBeginsAtTheBeginning) from = 0;
  const chr_storage_entry_fn each = [](void* to, const chr_entry* entry) -> int32_t {
    auto* const self = static_cast<Bent*>(to);
    chr_entry one = *entry;
    if (self->fault == kAdminRaisesTerms) ++one.header.term;
    if (self->fault != kAdminLosesLastEntry) return self->fn(self->context, &one);
    self->held.push_back(one);  // storage-lmdb maps its file: the bytes stay
    if (self->held.size() < 2) return 0;
    const chr_entry before = self->held.front();
    self->held.erase(self->held.begin());
    return self->fn(self->context, &before);
  };
  return admin_->entries(admin_self_, group, from, each, &bent, error);
}

constexpr chr_storage_admin_v1 kAdminTable = {
    sizeof(chr_storage_admin_v1), 1,
    thunk<&Planted::check>,       thunk<&Planted::open>,
    thunk<&Planted::close>,       thunk<&Planted::groups>,
    thunk<&Planted::keys>,        thunk<&Planted::entries>,
};

const void* Planted::service(std::string_view id, void** instance) {
  if (id == CHR_STORAGE_ADMIN_ID) {
    admin_ = static_cast<const chr_storage_admin_v1*>(
        plugin_->service(instance_, CHR_STORAGE_ADMIN_ID, &admin_self_));
    *instance = this;
    return admin_ == nullptr ? nullptr : &kAdminTable;
  }
  if (id != CHR_STORAGE_ID) return nullptr;
  *instance = this;
  return &kStorageTable<Planted>;
}

}  // namespace

CHRONIK_PLUGIN(Planted)

}  // namespace chronik::storage_planted
