#include "sim/check/storage_watch.h"

#include <chronik/consensus.h>
#include <chronik/host.hpp>

#include <utility>

namespace chronik::sim {
namespace {

constexpr uint64_t kAlwaysCompared = 200;  // entries at the end of a log
constexpr uint64_t kFullAudit = 8;         // every so many starts

}  // namespace

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
      s.writes[tag] = group->second;
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
  if (seat.boot != node.boots()) {
    seat.watch = this;
    seat.node = &node;
    seat.boot = node.boots();
    const uint64_t before = std::exchange(seat.refusals, node.medium().refusals());
    seat.was_full = seat.refusals != before;
    seat.inner = static_cast<const chr_storage_v1*>(inner);
    seat.instance = *instance;
    seat.groups.clear();
    seat.writes.clear();
    audit(seat);
  }
  *instance = &seat;
  return &Calls::kTable;
}

void StorageWatch::Seat::on_completion(uint64_t tag, const chr_done& done) {
  const auto at = writes.find(tag);
  if (at == writes.end()) return;
  GroupTruth& group = *at->second;
  writes.erase(at);
  watch->checker_.write_done(node->id(), group, tag, done.code);
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

void StorageWatch::audit(Seat& seat) {
  struct Found {
    std::map<std::string, uint64_t, std::less<>> ids;
  } found;
  seat.inner->list_groups(
      seat.instance,
      [](void* context, chr_str name, uint64_t id) {
        static_cast<Found*>(context)->ids.emplace(from_abi(name), id);
      },
      &found);
  for (const auto& [name, id] : found.ids) audit_group(seat, name, id);
  for (const auto& [name, group] : checker_.groups()) {
    if (!found.ids.contains(name)) checker_.recovered(seat.node->id(), *group, {}, seat.was_full);
  }
}

void StorageWatch::audit_group(Seat& seat, std::string_view name, uint64_t id) {
  GroupTruth& group = checker_.group(name);
  const Replica& replica = group.replicas[seat.node->id()];
  chr_error error = make_abi_error();
  chr_storage_bounds bounds{};
  bounds.struct_size = sizeof bounds;
  if (seat.inner->bounds(seat.instance, id, &bounds) != CHR_OK) return;
  Ops& ops = seat.node->ops();
  const auto begin = [&] {
    return ops.begin(&seat.node->harness(), 0, [](void*, const chr_done*) {}, nullptr);
  };
  Checker::Found found;
  found.first = bounds.first_index;
  for (uint64_t next = found.first; bounds.entries != 0 && next <= bounds.last_index;) {
    // Payloads of all entries are compared now and then; those of the newest, which a crash may harm, every
    // time.
    const uint64_t newest = bounds.last_index > kAlwaysCompared ? bounds.last_index - kAlwaysCompared : 0;
    const bool headers_only = next < newest && seat.boot % kFullAudit != 0;
    chr_storage_read args{sizeof(chr_storage_read),
                          headers_only ? 1u : 0u,
                          id,
                          next,
                          headers_only ? newest : 0,
                          64 << 20,
                          0,
                          0};
    chr_entries out{};
    out.struct_size = sizeof out;
    const uint64_t token = begin();
    const chr_status status = seat.inner->read(seat.instance, &args, &out, token, &error);
    if (status == CHR_PENDING) {
      ++skipped_audits_;
      return;
    }
    ops.abandon(token);
    if (status != CHR_OK || out.n == 0) {
      seat.node->world().fail("storage-read", std::string(name) + ": " + error.message);
      return;
    }
    for (uint32_t i = 0; i < out.n; ++i) {
      EntryMeta& meta = found.entries.emplace_back(EntryMeta::of(out.entries[i]));
      const uint64_t index = out.entries[i].header.index;
      const EntryMeta* known = replica.durable.find(index);
      if (known == nullptr) known = replica.issued.find(index);
      if (headers_only && known != nullptr) meta.digest = known->digest;
    }
    next = out.entries[out.n - 1].header.index + 1;
    if (out.lease != nullptr) out.lease->ops->release(out.lease);
  }
  const auto look_up = [&](const std::string& key) {
    chr_slice value{};
    const uint64_t token = begin();
    const chr_status status = seat.inner->get(seat.instance, id, to_abi(key), &value, token, &error);
    if (status != CHR_PENDING) ops.abandon(token);
    found.keys[key] = status == CHR_OK ? digest(value.p, value.n) | 1 : 0;
    if (status == CHR_OK && value.lease != nullptr) value.lease->ops->release(value.lease);
  };
  for (const auto& [key, value] : replica.durable.keys()) look_up(key);
  for (const WriteModel& write : replica.pending) {
    for (const WriteModel::Step& step : write.steps) {
      if (!step.key.empty()) look_up(step.key);
    }
  }
  checker_.recovered(seat.node->id(), group, found, seat.was_full);
}

}  // namespace chronik::sim
