// The function table of FakeConsensus. Included by fake_consensus.hpp.
#pragma once

#include <chronik/testing/fake_consensus.hpp>

namespace chronik::testing {

struct FakeConsensusTable {
  using Group = FakeConsensus::Group;
  using Entry = FakeConsensus::Entry;
  static FakeConsensus* of(void* self) { return static_cast<FakeConsensus*>(self); }
  static Group* of(chr_group* group) { return reinterpret_cast<Group*>(group); }

  static uint32_t CHR_CALL shard_of(void* self, chr_str name) { return of(self)->shard_of(from_abi(name)); }

  static chr_status CHR_CALL open_group(void* self, const chr_group_options* options,
                                        const chr_state_machine_v1* machine, void* context, chr_group** out,
                                        uint64_t token, chr_error* error) {
    FakeConsensus* consensus = of(self);
    const std::string name(from_abi(options->id.name));
    std::unique_ptr<Group>& slot = consensus->groups_[name];
    if (!slot) slot = std::make_unique<Group>();
    Group* group = slot.get();
    const auto attached = consensus->attached_.extract(name);
    if (group->open) return report(error, CHR_E_EXISTS, "the group " + name + " is open");
    group->owner = consensus;
    group->name = name;
    group->label = std::string(from_abi(options->id.label));
    group->id = options->id;
    group->id.name = to_abi(group->name);
    group->id.label = to_abi(group->label);
    if (group->config_index == 0) group->voters.assign(options->voters, options->voters + options->n_voters);
    group->machine = machine;
    group->context = context;
    group->stream.reset();
    if (!attached.empty()) group->stream = attached.mapped();
    group->leader = -1;
    *out = reinterpret_cast<chr_group*>(group);
    consensus->host_.post(consensus->shard_of(name), [group, token] { recover(group, token); });
    return CHR_PENDING;
  }
  static void recover(Group* group, uint64_t token) {
    FakeConsensus* consensus = group->owner;
    if (consensus->open_failure_ != CHR_OK)
      return consensus->host_.complete(token, consensus->open_failure_, "the group cannot be opened");
    group->open = true;
    group->applied = 0;
    if (group->snapshot_index > 0) {
      chr_error error = make_abi_error();
      const chr_status loaded = FakeConsensus::load(group, &error);
      if (loaded != CHR_OK) return consensus->host_.complete(token, loaded, error.message);
    }
    consensus->apply(group);
    consensus->host_.complete(token, CHR_OK);
    if (consensus->auto_elect_) consensus->elect(group->name);
  }

  static chr_status CHR_CALL close_group(chr_group* handle, uint32_t how, uint64_t token, chr_error* error) {
    Group* group = of(handle);
    if (group->owner->open_failure_ != CHR_OK)
      return report(error, CHR_E_INVALID_ARGUMENT, "the handle ended when the group could not be opened");
    const bool snapshot = how == CHR_CLOSE_SNAPSHOT;
    group->closing =
        snapshot && group->owner->hold_transfers_ && transfer(handle, -1, token, nullptr) == CHR_PENDING;
    if (!group->closing) group->owner->end_close(group, how, token);
    return CHR_PENDING;
  }

  static chr_status CHR_CALL delete_group(void* self, chr_str name, uint64_t token, chr_error*) {
    of(self)->groups_.erase(std::string(from_abi(name)));
    of(self)->host_.complete(token, CHR_OK);
    return CHR_PENDING;
  }

  static chr_status CHR_CALL propose(chr_group* handle, uint64_t expected_term, const chr_proposal* items,
                                     uint32_t n, uint32_t until, chr_placed* placed, uint64_t token,
                                     chr_error* error) {
    Group* group = of(handle);
    FakeConsensus* consensus = group->owner;
    if (consensus->refusal_ != CHR_OK) return report(error, consensus->refusal_, "proposals are refused");
    if (!group->open || !consensus->leads(*group)) return report(error, CHR_E_NOT_LEADER, "not the leader");
    if (expected_term != 0 && expected_term != group->term)
      return report(error, CHR_E_FENCED, "another term");
    for (uint32_t i = 0; i < n; ++i) {
      Entry entry;
      entry.header.kind = items[i].kind;
      entry.header.records = items[i].records;
      entry.header.max_timestamp = items[i].max_timestamp;
      entry.payload = std::make_shared<std::string>(reinterpret_cast<const char*>(items[i].payload.p),
                                                    items[i].payload.n);
      if (items[i].offset_at >= 0) patch(entry.payload.get(), items[i].offset_at, group->log_end, 8);
      if (items[i].epoch_at >= 0)
        patch(entry.payload.get(), items[i].epoch_at, static_cast<int64_t>(group->term), 4);
      const bool durable = until == CHR_UNTIL_DURABLE && !consensus->hold_disk_;
      if (i + 1 == n && until != CHR_UNTIL_PLACED && !durable) entry.token = token;
      if (until >= CHR_UNTIL_COPIES) entry.copies = until - CHR_UNTIL_COPIES;
      consensus->append(group, std::move(entry));
      const chr_entry_header& header = group->log.back().header;
      placed[i] = {header.index, header.term, header.base_offset};
    }
    ++consensus->proposals_;
    if (until == CHR_UNTIL_DURABLE && !consensus->hold_disk_) consensus->host_.complete(token, CHR_OK);
    if (!consensus->hold_commits_) consensus->schedule(group, group->log.back().header.index);
    return until == CHR_UNTIL_PLACED ? CHR_OK : CHR_PENDING;
  }
  static void patch(std::string* payload, int32_t at, int64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i, value >>= 8)
      payload->at(static_cast<size_t>(at + i)) = static_cast<char>(value & 0xFF);
  }

  // What a read hands out: the entries and what keeps their bytes alive.
  struct ReadLease : Leased<ReadLease> {
    std::vector<chr_entry> entries;
    std::vector<std::shared_ptr<std::string>> payloads;
  };
  static chr_status CHR_CALL read(chr_group* handle, const chr_group_read* args, chr_entries* out,
                                  uint64_t token, chr_error* error) {
    const Group* group = of(handle);
    if (group->owner->reads_fail_with_ != CHR_OK)
      return report(error, group->owner->reads_fail_with_, "reads fail");
    if (args->offset < group->log_start || args->offset > group->log_end)
      return report(error, CHR_E_OUT_OF_RANGE, "the offset is outside of the log");
    auto* lease = new ReadLease;
    uint64_t bytes = 0;
    for (const Entry& entry : group->log) {
      const chr_entry_header& header = entry.header;
      if (header.kind != CHR_ENTRY_DATA || header.base_offset + header.records <= args->offset) continue;
      if (args->bound == CHR_BOUND_COMMITTED && header.index > group->commit) break;
      if (!lease->entries.empty() && bytes + header.bytes > args->max_bytes) break;
      bytes += header.bytes;
      const uint64_t n = args->headers_only != 0 ? 0 : entry.payload->size();
      lease->entries.push_back(
          {header, {reinterpret_cast<const uint8_t*>(entry.payload->data()), n, nullptr}});
      lease->payloads.push_back(entry.payload);
    }
    out->n = static_cast<uint32_t>(lease->entries.size());
    out->entries = lease->entries.data();
    out->lease = out->n == 0 ? nullptr : lease->lease();
    if (out->n == 0) delete lease;
    FakeConsensus* const owner = group->owner;
    owner->read_bytes_ += bytes;
    if (owner->hold_reads_) {
      owner->held_reads_.push_back(token);
    } else if (owner->slow_reads_) {
      owner->host_.complete(token, CHR_OK);
    } else {
      return CHR_OK;
    }
    return CHR_PENDING;
  }

  static chr_status CHR_CALL find(chr_group* handle, int32_t by, int64_t value, chr_entry_header* out,
                                  uint64_t, chr_error*) {
    const Group* group = of(handle);
    const chr_entry_header* best = nullptr;
    for (const Entry& entry : group->log) {
      const chr_entry_header& header = entry.header;
      if (header.kind != CHR_ENTRY_DATA || header.records == 0 || header.index > group->commit) continue;
      const bool hit = by == CHR_FIND_OFFSET ? header.base_offset + header.records > value
                       : by == CHR_FIND_TIMESTAMP
                           ? header.max_timestamp >= value
                           : best == nullptr || header.max_timestamp > best->max_timestamp;
      if (!hit) continue;
      best = &header;
      if (by != CHR_FIND_MAX_TIMESTAMP) break;
    }
    if (best == nullptr) return CHR_E_NOT_FOUND;
    *out = *best;
    return CHR_OK;
  }

  static chr_status CHR_CALL epoch_end(chr_group* handle, uint64_t term, uint64_t* found, int64_t* end) {
    const Group* group = of(handle);
    chr_status status = CHR_E_NOT_FOUND;
    for (const Entry& entry : group->log) {
      if (entry.header.term > term) break;
      *found = entry.header.term;
      *end = entry.header.base_offset + entry.header.records;
      status = CHR_OK;
    }
    return status;
  }

  static chr_status CHR_CALL bounds(chr_group* handle, chr_group_bounds* out) {
    const Group* group = of(handle);
    if (!group->open) return CHR_E_UNAVAILABLE;
    out->leader = group->leader;
    out->term = group->term;
    out->log_start = group->log_start;
    out->high_watermark = FakeConsensus::committed_offset(*group);
    out->log_end = group->log_end;
    out->bytes = 0;
    for (const Entry& entry : group->log) out->bytes += entry.header.bytes;
    out->commit_index = group->commit;
    out->last_index = FakeConsensus::last_index(*group);
    out->n_voters = static_cast<uint32_t>(group->voters.size());
    out->usable = group->owner->usable(*group) ? 1 : 0;
    return CHR_OK;
  }

  static chr_status CHR_CALL trim(chr_group* handle, int64_t offset, uint64_t token, chr_error* error) {
    Group* group = of(handle);
    if (offset <= group->log_start && (offset < group->log_start || offset != group->log_end)) return CHR_OK;
    if (!group->owner->leads(*group)) return report(error, CHR_E_NOT_LEADER, "not the leader");
    FakeConsensus* consensus = group->owner;
    ++consensus->trims_;
    if (consensus->hold_commits_) {
      group->trims.emplace_back(offset, token);
      return CHR_PENDING;
    }
    if (!group->applying) return trim_now(group, offset, token);
    consensus->host_.post(consensus->shard_of(group->name), [consensus, name = group->name, offset, token] {
      const auto found = consensus->groups_.find(name);
      if (found != consensus->groups_.end()) trim_now(found->second.get(), offset, token);
    });
    return CHR_PENDING;
  }
  static chr_status trim_now(Group* group, int64_t offset, uint64_t token) {
    const bool held = group->owner->hold_trims_;
    if (!held && group->applied > group->snapshot_index) FakeConsensus::save(group);
    FakeConsensus::cut(group, offset, held);
    group->owner->host_.complete(token, CHR_OK);
    return CHR_PENDING;
  }

  static chr_status CHR_CALL barrier(chr_group* handle, uint64_t token, chr_error* error) {
    Group* group = of(handle);
    if (!group->owner->leads(*group)) return report(error, CHR_E_NOT_LEADER, "not the leader");
    group->owner->host_.complete(token, group->owner->barriers_end_with_);
    return CHR_PENDING;
  }

  static chr_status CHR_CALL transfer(chr_group* handle, int32_t to, uint64_t token, chr_error* error) {
    Group* group = of(handle);
    if (!group->owner->leads(*group)) return report(error, CHR_E_NOT_LEADER, "not the leader");
    for (const int32_t voter : group->voters) {
      if (voter == group->owner->host_.node().id || (to >= 0 && voter != to)) continue;
      group->transfer_to = voter;
      group->transfer_token = token;
      if (!group->owner->hold_transfers_) group->owner->finish_transfer(group->name);
      return CHR_PENDING;
    }
    return report(error, CHR_E_INVALID_ARGUMENT, "no such other voter");
  }

  static void CHR_CALL watch(void* self, chr_role_fn fn, void* context) {
    FakeConsensus* consensus = of(self);
    consensus->watchers_.emplace_back(fn, context);
    for (const auto& [name, group] : consensus->groups_) {
      const chr_role role = consensus->role_of(*group);
      if (group->open) fn(context, &group->id, &role, consensus->usable(*group) ? 1 : 0);
    }
  }
  static void CHR_CALL unwatch(void* self, chr_role_fn fn, void* context) {
    std::erase(of(self)->watchers_, std::pair<chr_role_fn, void*>{fn, context});
  }

  static void CHR_CALL list(void* self, chr_group_name_fn fn, void* context) {
    for (const auto& [name, group] : of(self)->groups_) fn(context, to_abi(name));
  }
  static constexpr chr_groups_v1 kGroups = {sizeof(chr_groups_v1), 1, list};

  static void CHR_CALL limit(void* self, int32_t bucket, int64_t bytes_per_second) {
    of(self)->throttles_[bucket] = bytes_per_second;
    if (bytes_per_second == INT64_MAX) of(self)->throttles_.erase(bucket);
  }
  static chr_status CHR_CALL assign(chr_group* group, const chr_throttled* items, uint32_t n) {
    of(group)->throttled.clear();
    for (uint32_t i = 0; i < n; ++i) of(group)->throttled.emplace_back(items[i].node, items[i].bucket);
    return CHR_OK;
  }
  static void CHR_CALL attach(void* self, chr_str name, const chr_state_stream_v1* stream, void* context) {
    of(self)->attached_[std::string(from_abi(name))] = {*stream, context};
  }
  static constexpr chr_state_machine_stream_v1 kStream = {sizeof(chr_state_machine_stream_v1), 1, attach};

  static constexpr chr_throttle_v1 kThrottle = {sizeof(chr_throttle_v1), 1, limit, assign};

  static constexpr chr_consensus_v1 kTable = {sizeof(chr_consensus_v1),
                                              1,
                                              shard_of,
                                              open_group,
                                              close_group,
                                              delete_group,
                                              propose,
                                              read,
                                              find,
                                              epoch_end,
                                              bounds,
                                              trim,
                                              barrier,
                                              transfer,
                                              watch,
                                              unwatch,
                                              FakeMembers::status,
                                              FakeMembers::change_members};
};

// held: nothing is deleted.
inline void FakeConsensus::cut(Group* group, int64_t offset, bool held) {
  auto& log = group->log;
  while (!held && !log.empty() && log.front().header.index <= group->applied &&
         log.front().header.base_offset + log.front().header.records <= offset) {
    group->first_index = log.front().header.index + 1;
    log.erase(log.begin());
  }
  if (offset > group->log_start) group->machine->trimmed(group->context, offset);
  group->log_start = offset;
}

inline void FakeConsensus::save(Group* group) {
  std::string bytes;
  const chr_sink sink = {&bytes, [](void* context, const uint8_t* p, uint64_t n) -> uint32_t {
                           static_cast<std::string*>(context)->append(reinterpret_cast<const char*>(p), n);
                           return 1;
                         }};
  const chr_status saved =
      group->stream ? save_pieces(group, sink) : group->machine->save(group->context, &sink);
  if (saved != CHR_OK) return;
  group->snapshot = std::move(bytes);
  group->snapshot_index = group->applied;
}

inline chr_status FakeConsensus::save_pieces(Group* group, const chr_sink& sink) {
  const auto& [table, context] = *group->stream;
  void* save = nullptr;
  chr_status status = table.begin_save(context, &save);
  if (status != CHR_OK) return status;
  for (uint32_t more = 1; status == CHR_OK && more != 0;)
    status = table.save_piece(context, save, &sink, 7, &more);
  table.end_save(context, save);
  return status;
}

inline chr_status FakeConsensus::load_pieces(Group* group, chr_error* error) {
  const auto& [table, context] = *group->stream;
  const std::string& bytes = group->snapshot;
  void* load = nullptr;
  chr_status status = table.begin_load(context, bytes.size(), &load, error);
  if (status != CHR_OK) return status;
  for (size_t at = 0; status == CHR_OK && at < bytes.size(); at += 5) {
    const chr_slice piece = {reinterpret_cast<const uint8_t*>(bytes.data()) + at,
                             std::min<size_t>(5, bytes.size() - at), nullptr};
    status = table.load_piece(context, load, &piece, error);
  }
  if (status == CHR_OK) status = table.finish_load(context, load, error);
  table.end_load(context, load);
  return status;
}

// At once in two pieces, since a reader must not count on one.
inline chr_status FakeConsensus::load(Group* group, chr_error* error) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(group->snapshot.data());
  const uint64_t half = group->snapshot.size() / 2;
  const chr_slice pieces[] = {{bytes, half, nullptr}, {bytes + half, group->snapshot.size() - half, nullptr}};
  const chr_status loaded =
      group->stream ? load_pieces(group, error) : group->machine->load(group->context, pieces, 2, error);
  if (loaded == CHR_OK) group->applied = group->snapshot_index;
  return loaded;
}

inline void FakeConsensus::end_close(Group* group, uint32_t how, uint64_t token) {
  if (how == CHR_CLOSE_SNAPSHOT) save(group);
  group->open = false;
  if (group->transfer_token != 0)
    host_.complete(std::exchange(group->transfer_token, 0), CHR_E_CANCELLED, "the group was closed");
  end_change(group, CHR_E_CANCELLED, "the group was closed");
  for (Entry& entry : group->log) {
    if (entry.token != 0)
      host_.complete(std::exchange(entry.token, 0), CHR_E_CANCELLED, "the group was closed");
  }
  if (how == CHR_CLOSE_LEAVE) groups_.erase(group->name);  // there are no votes here that must stay
  host_.complete(token, CHR_OK);
}

inline const chr_consensus_v1& FakeConsensus::table() { return FakeConsensusTable::kTable; }
inline const chr_throttle_v1& FakeConsensus::throttle_table() { return FakeConsensusTable::kThrottle; }
inline const chr_state_machine_stream_v1& FakeConsensus::stream_table() {
  return FakeConsensusTable::kStream;
}
inline const chr_groups_v1& FakeConsensus::groups_table() { return FakeConsensusTable::kGroups; }

}  // namespace chronik::testing
