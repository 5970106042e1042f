#include "sim/check/storage_audit.h"

#include <fmt/format.h>
#include <chronik/host.hpp>

#include <set>
#include <utility>

namespace chronik::sim {
namespace {

constexpr uint64_t kAlwaysCompared = 200;  // entries at the end of a log
constexpr uint64_t kFullAudit = 8;         // every so many starts
constexpr uint64_t kReadBytes = 64 << 20;

}  // namespace

void StorageAudit::begin(std::function<void()> on_end) {
  on_end_ = std::move(on_end);
  table_.list_groups(
      instance_,
      [](void* context, chr_str name, uint64_t id) {
        static_cast<decltype(groups_)*>(context)->emplace_back(from_abi(name), id);
      },
      &groups_);
  go_on();
}

void StorageAudit::go_on() {
  while (!waits_ && !node_.world().failed() && on_end_) {
    switch (step_) {
      case Step::kNextGroup:
        next_ < groups_.size() ? next_group() : end();
        break;
      case Step::kRead:
        read();
        break;
      case Step::kGet:
        get();
        break;
    }
  }
}

template <class Call>
void StorageAudit::call(Call&& call, void (StorageAudit::*answered)(chr_status, std::string_view)) {
  const auto later = [](void* context, const chr_done* done) {
    auto& audit = *static_cast<StorageAudit*>(context);
    audit.waits_ = false;
    (audit.*audit.answered_)(done->code, from_abi(done->message));
    audit.go_on();
  };
  answered_ = answered;
  const uint64_t token = node_.ops().begin(&node_.harness(), 0, later, this);
  chr_error error = make_abi_error();
  const chr_status status = call(token, &error);
  waits_ = status == CHR_PENDING;
  if (waits_) return;
  node_.ops().abandon(token);
  (this->*answered)(status, error.message);
}

void StorageAudit::next_group() {
  const auto& [name, id] = groups_[next_++];
  chr_storage_bounds bounds{};
  bounds.struct_size = sizeof bounds;
  if (table_.bounds(instance_, id, &bounds) != CHR_OK) return;
  group_ = &checker_.group(name);
  found_ = {};
  found_.first = next_index_ = bounds.first_index;
  last_index_ = bounds.last_index;
  found_.end = last_index_ + 1;
  const Replica& replica = group_->replicas[node_.id()];
  std::set<std::string> keys;
  for (const auto& [key, value] : replica.durable.keys()) keys.insert(key);
  for (const WriteModel& write : replica.pending) {
    for (const WriteModel::Step& step : write.steps) {
      if (!step.key.empty()) keys.insert(step.key);
    }
  }
  keys_.assign(keys.rbegin(), keys.rend());
  step_ = bounds.entries != 0 ? Step::kRead : Step::kGet;
}

// Payloads of all entries are compared now and then; those of the newest, which a crash may harm, every time.
void StorageAudit::read() {
  const uint64_t newest = last_index_ > kAlwaysCompared ? last_index_ - kAlwaysCompared : 0;
  const bool headers_only = next_index_ < newest && node_.boots() % kFullAudit != 0;
  args_ = {sizeof(chr_storage_read),
           headers_only ? 1u : 0u,
           groups_[next_ - 1].second,
           next_index_,
           headers_only ? newest : 0,
           kReadBytes,
           0,
           0};
  entries_ = {};
  entries_.struct_size = sizeof entries_;
  call([this](uint64_t token,
              chr_error* error) { return table_.read(instance_, &args_, &entries_, token, error); },
       &StorageAudit::got_entries);
}

// Where the disk is damaged, a store may say so of a record, and no entry from there on is compared.
bool StorageAudit::met_damage(chr_status status) {
  if (status != CHR_E_CORRUPT || !node_.disk().damaged()) return false;
  found_.damaged = true;
  return true;
}

// A store that has failed since its start says so, and ends the node: nothing is asked any more.
bool StorageAudit::has_failed(chr_status status) const { return status == CHR_E_IO && node_.disk().failed(); }

void StorageAudit::wait_for_end() { waits_ = true; }

void StorageAudit::got_entries(chr_status status, std::string_view message) {
  if (has_failed(status)) return wait_for_end();
  if (met_damage(status)) {
    step_ = Step::kGet;
    return;
  }
  if (status != CHR_OK || entries_.n == 0) {
    return node_.world().fail("storage-read", fmt::format("{}: entries from {} on: {} {}", group_->name,
                                                          next_index_, status, message));
  }
  const Replica& replica = group_->replicas[node_.id()];
  for (uint32_t i = 0; i < entries_.n; ++i) {
    const chr_entry& entry = entries_.entries[i];
    EntryMeta& meta = found_.entries.emplace_back(EntryMeta::of(entry));
    const EntryMeta* known = replica.durable.find(entry.header.index);
    if (known == nullptr) known = replica.issued.find(entry.header.index);
    if (args_.headers_only != 0 && known != nullptr) meta.digest = known->digest;
  }
  next_index_ = entries_.entries[entries_.n - 1].header.index + 1;
  if (entries_.lease != nullptr) entries_.lease->ops->release(entries_.lease);
  if (next_index_ > last_index_) step_ = Step::kGet;
}

void StorageAudit::get() {
  if (keys_.empty()) {
    step_ = Step::kNextGroup;
    return checker_.recovered(node_.id(), *group_, found_, was_full_);
  }
  value_ = {};
  call(
      [this](uint64_t token, chr_error* error) {
        return table_.get(instance_, groups_[next_ - 1].second, to_abi(keys_.back()), &value_, token, error);
      },
      &StorageAudit::got_value);
}

void StorageAudit::got_value(chr_status status, std::string_view message) {
  if (has_failed(status)) return wait_for_end();
  if (status != CHR_OK && status != CHR_E_NOT_FOUND) {
    return node_.world().fail(
        "storage-read", fmt::format("{}: the key {}: {} {}", group_->name, keys_.back(), status, message));
  }
  found_.keys[keys_.back()] = status == CHR_OK ? digest(value_.p, value_.n) | 1 : 0;
  if (status == CHR_OK && value_.lease != nullptr) value_.lease->ops->release(value_.lease);
  keys_.pop_back();
}

void StorageAudit::end() {
  std::set<std::string_view> found;
  for (const auto& [name, id] : groups_) found.insert(name);
  for (const auto& [name, group] : checker_.groups()) {
    if (!found.contains(name)) checker_.recovered(node_.id(), *group, {}, was_full_);
  }
  std::exchange(on_end_, nullptr)();
}

}  // namespace chronik::sim
