#include "sim/check/storage_watch.h"

#include <chronik/consensus.h>
#include <fmt/format.h>
#include <chronik/host.hpp>

#include <algorithm>
#include <utility>

#include "raft/wire/stored.h"

namespace chronik::sim {

// The functions of chronik.storage/1; self is a Seat.
struct StorageWatch::Calls {
  static Seat& seat(void* self) { return *static_cast<Seat*>(self); }

  static chr_status CHR_CALL open_group(void* self, chr_str name, uint64_t* group, chr_error* error) {
    Seat& s = seat(self);
    const chr_status status = s.inner->open_group(s.instance, name, group, error);
    if (status == CHR_OK) s.groups[*group] = &s.watch->checker_.group(from_abi(name));
    return status;
  }
  static void CHR_CALL list_groups(void* self, void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context) {
    seat(self).inner->list_groups(seat(self).instance, fn, context);
  }
  static chr_status CHR_CALL write(void* self, const chr_storage_write* writes, uint32_t n,
                                   chr_error* error) {
    Seat& s = seat(self);
    const chr_status status = s.inner->write(s.instance, writes, n, error);
    if (status != CHR_PENDING) return status;
    for (uint32_t i = 0; i < n; ++i) {
      const auto group = s.groups.find(writes[i].group);
      if (group == s.groups.end()) continue;  // a group that was never opened: storage refuses it
      const uint64_t tag = s.watch->next_tag_++;
      s.writes[tag] = {group->second, s.writes.empty() ? tag : s.writes.begin()->first};
      s.watch->check_commit_hint(*s.node, *group->second, writes[i]);
      if (s.node->interposed_files() != nullptr)
        keep_samples(writes[i], tag, &s.samples[group->second->name]);
      s.watch->checker_.write_issued(s.node->id(), *group->second, model_of(writes[i], tag));
      s.node->ops().observe(writes[i].token, &s, tag);
    }
    return status;
  }
  static chr_status CHR_CALL read(void* self, const chr_storage_read* args, chr_entries* out, uint64_t token,
                                  chr_error* error) {
    return seat(self).inner->read(seat(self).instance, args, out, token, error);
  }
  static chr_status CHR_CALL find(void* self, uint64_t group, int32_t by, int64_t value,
                                  chr_entry_header* out, uint64_t token, chr_error* error) {
    return seat(self).inner->find(seat(self).instance, group, by, value, out, token, error);
  }
  static chr_status CHR_CALL get(void* self, uint64_t group, chr_str key, chr_slice* out, uint64_t token,
                                 chr_error* error) {
    return seat(self).inner->get(seat(self).instance, group, key, out, token, error);
  }
  static chr_status CHR_CALL bounds(void* self, uint64_t group, chr_storage_bounds* out) {
    return seat(self).inner->bounds(seat(self).instance, group, out);
  }
  static chr_status CHR_CALL usage(void* self, chr_storage_usage* out) {
    return seat(self).inner->usage(seat(self).instance, out);
  }
  static constexpr chr_storage_v1 kTable = {
      sizeof(chr_storage_v1), 1, open_group, list_groups, write, read, find, get, bounds, usage};
};

const void* StorageWatch::wrap(Node& node, std::string_view service, const void* inner, void** instance) {
  if (service != CHR_STORAGE_ID) return inner;
  Seat& seat = seats_[node.id()];
  seat.inner = static_cast<const chr_storage_v1*>(inner);
  seat.instance = *instance;
  *instance = &seat;
  return &Calls::kTable;
}

void StorageWatch::storage_started(Node& node, std::function<void()> go_on) {
  Seat& seat = seats_[node.id()];
  seat.watch = this;
  seat.node = &node;
  const uint64_t before = std::exchange(seat.refusals, node.disk().refusals());
  void* instance = nullptr;
  const auto* const table =
      static_cast<const chr_storage_v1*>(node.service(CHR_STORAGE_ID, &instance, false));
  if (table == nullptr) return node.world().fail("boot", "the storage does not provide chronik.storage/1");
  seat.audit = std::make_unique<StorageAudit>(checker_, node, *table, instance, seat.refusals != before);
  seat.audit->begin(std::move(go_on));
}

void StorageWatch::node_gone(Node& node) {
  Seat& seat = seats_[node.id()];
  seat.audit.reset();
  seat.groups.clear();
  seat.writes.clear();
}

void StorageWatch::Seat::on_completion(uint64_t tag, const chr_done& done) {
  const auto at = writes.find(tag);
  if (at == writes.end()) return;
  GroupTruth& group = *at->second.group;
  if (done.code == CHR_OK) settled = std::max(settled, at->second.settled);
  writes.erase(at);
  watch->checker_.write_done(node->id(), group, tag, done.code);
}

void StorageWatch::keep_samples(const chr_storage_write& write, uint64_t tag, std::deque<Sample>* samples) {
  constexpr size_t kSamples = 200, kBegin = 48;
  for (uint64_t i = 0; i < write.n; ++i) {
    const chr_storage_step& step = write.steps[i];
    for (uint32_t e = 0; step.type == CHR_STORAGE_APPEND && e < step.n; ++e) {
      const chr_entry& entry = step.entries[e];
      if (entry.payload.n < kBegin) continue;
      samples->push_back({entry.header.index, entry.header.term, tag,
                          std::string(reinterpret_cast<const char*>(entry.payload.p), kBegin)});
    }
  }
  while (samples->size() > kSamples) samples->pop_front();
}

bool StorageWatch::damage(Node& node, uint64_t which) {
  Seat& seat = seats_[node.id()];
  if (node.interposed_files() == nullptr || seat.samples.empty()) return false;
  const auto group =
      std::next(seat.samples.begin(), static_cast<std::ptrdiff_t>(which % seat.samples.size()));
  const LogModel& durable = checker_.group(group->first).replicas[node.id()].durable;
  for (auto sample = group->second.rbegin(); sample != group->second.rend(); ++sample) {
    const EntryMeta* const entry = durable.find(sample->index);
    if (entry == nullptr || entry->term != sample->term) continue;
    if (sample->index + 1 != durable.end() || sample->tag >= seat.settled) return false;
    if (!node.flip_before(sample->begin, which / 64)) return false;
    checker_.note_damage(node.id(), group->first, sample->index);
    return true;
  }
  return false;
}

// What is committed goes with the vote, which may pass where the entries before it are refused: a restart
// would take for committed what stands at their places.
void StorageWatch::check_commit_hint(Node& node, const GroupTruth& group, const chr_storage_write& write) {
  for (uint64_t i = 0; i < write.n; ++i) {
    const chr_storage_step& step = write.steps[i];
    if (step.type != CHR_STORAGE_PUT || from_abi(step.key) != raft::kVoteKey) continue;
    const auto vote = raft::decode_vote({reinterpret_cast<const char*>(step.value.p), step.value.n});
    if (!vote) return node.world().fail("vote", fmt::format("{}: {}", group.name, vote.error().message));
    const LogModel& durable = group.replicas[node.id()].durable;
    const uint64_t end = durable.end();
    if (durable.empty() || vote->commit < end) continue;  // an empty one may stand behind a snapshot
    node.world().fail(
        "commit-hint",
        fmt::format("group {} node {}: index {} goes to disk as committed, which has entries up to {}",
                    group.name, node.id(), vote->commit, end - 1));
  }
}

WriteModel StorageWatch::model_of(const chr_storage_write& write, uint64_t tag) {
  WriteModel model;
  model.tag = tag;
  for (uint64_t i = 0; i < write.n; ++i) {
    const chr_storage_step& step = write.steps[i];
    WriteModel::Step& copy = model.steps.emplace_back();
    copy.type = step.type;
    copy.index = step.type == CHR_STORAGE_APPEND && step.n > 0 ? step.entries[0].header.index : step.index;
    if (step.type == CHR_STORAGE_APPEND) {
      copy.entries.reserve(step.n);
      for (uint32_t e = 0; e < step.n; ++e) {
        const chr_entry& entry = step.entries[e];
        copy.entries.push_back(EntryMeta::of(entry));
        if (entry.header.kind == CHR_ENTRY_CONFIG)
          copy.configs.emplace_back(entry.header.index, decode_voters(entry.payload));
      }
    }
    if (step.type == CHR_STORAGE_PUT || step.type == CHR_STORAGE_DELETE) copy.key = from_abi(step.key);
    if (step.type == CHR_STORAGE_PUT) copy.value = digest(step.value.p, step.value.n) | 1;
  }
  return model;
}

// ---- after a restart
// -----------------------------------------------------------------------------------------------

}  // namespace chronik::sim
