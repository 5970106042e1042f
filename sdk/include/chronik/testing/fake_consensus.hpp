// FakeConsensus: chronik.consensus/1 for unit tests of a plugin that stands on it. One node's view of its groups,
// on shard 0, without elections, disks or other nodes: the test says who leads and when entries commit.
//
//     FakeHost host;
//     FakeConsensus consensus(&host);    // now found by acquire(CHR_CONSENSUS_ID)
//     consensus.auto_elect(false);
//     ...                                // the plugin opens "__meta"
//     consensus.elect("__meta");         // this node leads, in the next term
//     consensus.follow("__meta", 2, 7);  // node 2 leads, in term 7
//     consensus.hold_commits(true);      // proposals wait for commit("__meta"), or drop_uncommitted()
//     consensus.on_commit = [&](name, header, payload) {  // another node gets what is committed here
//       other.receive(name, header, payload);
//     };
//
// By default each group elects this node when it is opened, and commits at once, in the next run() of the
// host. Logs stay when a group is closed, until delete_group: a group that is opened again recovers, from its
// snapshot where close_group was asked for one. What is saved and loaded by a stream goes in pieces of a few
// bytes, with nothing in between.
#pragma once

#include <chronik/consensus.h>
#include <chronik/draft/groups.h>
#include <chronik/draft/learners.h>
#include <chronik/draft/state_machine_stream.h>
#include <chronik/draft/throttle.h>

#include <algorithm>
#include <chronik/plugin.hpp>
#include <chronik/testing/fake_host.hpp>
#include <optional>

namespace chronik::testing {

class FakeConsensus {
 public:
  struct Entry {
    chr_entry_header header{};
    std::shared_ptr<std::string> payload;
    uint64_t token = 0;  // completed when the entry commits
    uint32_t copies = 0;
  };
  struct Change {  // of members, under way
    std::vector<int32_t> target;
    std::vector<uint64_t> tokens;
    bool joint = false;  // else its new members still catch up
  };
  struct Group {
    FakeConsensus* owner = nullptr;
    std::string name, label;
    chr_group_id id{};
    const chr_state_machine_v1* machine = nullptr;
    void* context = nullptr;
    std::optional<std::pair<chr_state_stream_v1, void*>> stream;  // attached, with its context
    std::vector<int32_t> voters, outgoing, learners;
    uint64_t config_index = 0;
    std::optional<Change> change;
    uint64_t transfer_token = 0;
    int32_t transfer_to = -1;
    bool closing = false;                   // once leadership was handed over; the token is of close_group
    std::map<int32_t, chr_member> members;  // what the test says of them
    std::vector<Entry> log;
    uint64_t first_index = 1;
    uint64_t term = 0, commit = 0, applied = 0;
    int32_t leader = -1;
    bool open = false, told = false, applying = false;
    int64_t log_start = 0, log_end = 0;
    std::vector<std::pair<int64_t, uint64_t>> trims;  // offsets and tokens, while commits are held
    std::string snapshot;
    uint64_t snapshot_index = 0;
    std::vector<std::pair<int32_t, int32_t>> throttled;  // nodes and buckets; nothing is held up
  };

  explicit FakeConsensus(FakeHost* host) : fake_(host), host_(host->core()) {
    host->provide(CHR_CONSENSUS_ID, &table(), this);
    host->provide(CHR_GROUPS_ID, &groups_table(), this);
    host->provide(CHR_LEARNERS_ID, &learners_table(), this);
    host->provide(CHR_THROTTLE_ID, &throttle_table(), this);
    host->provide(CHR_STATE_MACHINE_STREAM_ID, &stream_table(), this);
  }
  FakeConsensus(const FakeConsensus&) = delete;
  FakeConsensus& operator=(const FakeConsensus&) = delete;

  // ---- what the test says ----
  void auto_elect(bool on) { auto_elect_ = on; }
  // Groups cannot be opened: the token ends with this code, and the handle with it.
  void fail_opens(chr_status code) { open_failure_ = code; }
  void hold_commits(bool on) { hold_commits_ = on; }
  // What propose() answers from now on, instead of taking entries; OK: it takes them again.
  void refuse_proposals(chr_status status) { refusal_ = status; }
  // Called for each entry that commits.
  std::function<void(const std::string&, const chr_entry_header&, const std::string&)> on_commit;
  // On which shard a group lives, by its name; by default all live on shard 0.
  std::function<uint32_t(std::string_view)> place;
  // Reads answer later instead of at once, as from a disk.
  void slow_reads(bool on) { slow_reads_ = on; }
  // Reads wait for finish_reads().
  void hold_reads(bool on) { hold_reads_ = on; }
  // Reads of entries end with this code.
  void fail_reads(chr_status code) { reads_fail_with_ = code; }
  size_t held_reads() const { return held_reads_.size(); }
  void finish_reads() {
    for (const uint64_t token : std::exchange(held_reads_, {})) host_.complete(token, CHR_OK);
  }
  uint64_t read_bytes() const { return read_bytes_; }  // that reads of entries ever returned
  // Proposals until DURABLE complete on commit only, as on a disk that stalls.
  void hold_disk(bool on) { hold_disk_ = on; }
  // Proposals that want more copies than a majority do not get them, until this is off.
  void hold_copies(bool on);

  // Transfers wait for finish_transfer(); by default they end at once. So does the hand-over with which the
  // close of a group begins that this node leads; by default that is left out.
  void hold_transfers(bool on) { hold_transfers_ = on; }
  // to: who leads then, where that is not who was to.
  void finish_transfer(const std::string& name, int32_t to = -1) {
    Group& group = at(name);
    if (group.transfer_token == 0) return;
    const uint64_t token = std::exchange(group.transfer_token, 0);
    change_role(&group, to >= 0 ? to : group.transfer_to, group.term + 1);
    group.closing ? end_close(&group, CHR_CLOSE_SNAPSHOT, token) : host_.complete(token, CHR_OK);
  }

  // What change_members() answers from now on, instead of beginning one; OK: it begins them again.
  void refuse_changes(chr_status status) { changes_refused_ = status; }
  // What barriers of a leader complete with from now on.
  void end_barriers_with(chr_status code) { barriers_end_with_ = code; }
  // Changes of members wait for step_change(), which first makes them joint, then ends them; by default both
  // happen in the next run() of the host.
  void hold_changes(bool on) { hold_changes_ = on; }
  void step_change(const std::string& name);
  // The change ends with an error.
  void fail_change(const std::string& name, chr_status code) {
    end_change(&at(name), code, "the test says so");
  }
  // What status() says of a member from now on, but for its flags.
  void set_member(const std::string& name, const chr_member& member) { at(name).members[member.id] = member; }

  // This node leads, in `term` or the next one.
  void elect(const std::string& name, uint64_t term = 0) {
    Group& group = at(name);
    change_role(&group, host_.node().id, term == 0 ? group.term + 1 : term);
    Entry noop;
    noop.header.kind = CHR_ENTRY_NOOP;
    append(&group, std::move(noop));
    if (!hold_commits_) schedule(&group, group.log.back().header.index);
  }
  // A group that this node has from before, and that nobody opened yet.
  void keep(const std::string& name) {
    auto group = std::make_unique<Group>();
    group->owner = this;
    group->name = name;
    groups_[name] = std::move(group);
  }
  // Another node leads, or none (-1). What is uncommitted stays until drop_uncommitted().
  void follow(const std::string& name, int32_t leader, uint64_t term) {
    change_role(&at(name), leader, term);
  }
  // Commits all that is in the log, and trims.
  void commit(const std::string& name) {
    Group& group = at(name);
    schedule(&group, last_index(group));
    for (const auto& [offset, token] : std::exchange(group.trims, {})) {
      trim(name, offset);
      host_.complete(token, CHR_OK);
    }
  }
  // The new leader overwrote what was uncommitted: its proposals fail.
  void drop_uncommitted(const std::string& name) {
    Group& group = at(name);
    const uint64_t from = group.commit + 1;
    if (last_index(group) < from) return;
    while (!group.log.empty() && group.log.back().header.index >= from) {
      const Entry entry = std::move(group.log.back());
      group.log.pop_back();
      group.log_end = entry.header.base_offset;
      if (entry.token != 0) host_.complete(entry.token, CHR_E_NOT_LEADER, "overwritten by a new leader");
    }
    fake_->on_shard(shard_of(name), [&] {
      if (group.open) group.machine->truncated(group.context, from, group.log_end);
    });
  }
  // Tells watchers about a group that this fake does not hold.
  void tell(const chr_group_id& id, const chr_role& role, bool usable) {
    for (const auto& [fn, context] : watchers_) fn(context, &id, &role, usable ? 1 : 0);
  }
  // A committed entry of the leader, as a follower gets it.
  void receive(const std::string& name, const chr_entry_header& header, const std::string& payload) {
    Group& group = at(name);
    Entry entry;
    entry.header = header;
    entry.payload = std::make_shared<std::string>(payload);
    group.log_end = header.base_offset + header.records;
    group.log.push_back(std::move(entry));
    schedule(&group, header.index);
  }
  // Trims delete nothing, as while a member needs the log.
  void hold_trims(bool on) { hold_trims_ = on; }
  uint64_t trims() const { return trims_; }
  // The log starts at this offset from now on.
  void trim(const std::string& name, int64_t offset) {
    fake_->on_shard(shard_of(name), [&] { cut(&at(name), offset, false); });
  }
  // A follower that is too far behind gets the state of another node that trimmed its
  // log, in place of its own.
  void install(const std::string& name, const Group& from) {
    Group& group = at(name);
    group.log.clear();
    group.snapshot = from.snapshot;
    group.snapshot_index = group.commit = from.snapshot_index;
    group.first_index = from.snapshot_index + 1;
    fake_->on_shard(shard_of(name), [&] {
      chr_error error = make_abi_error();
      if (load(&group, &error) != CHR_OK)
        host_.fatal(std::string("the snapshot was refused: ") + error.message);
    });
  }

  // ---- what happened ----
  bool has(const std::string& name) const { return groups_.contains(name); }
  const Group& group(const std::string& name) const { return *groups_.at(name); }
  uint64_t proposals() const { return proposals_; }
  const std::map<int32_t, int64_t>& throttles() const {
    return throttles_;
  }  // by bucket, but those without limit

 private:
  friend struct FakeConsensusTable;
  friend struct FakeMembers;
  static const chr_consensus_v1& table();
  static const chr_groups_v1& groups_table();
  static const chr_learners_v1& learners_table();
  static const chr_throttle_v1& throttle_table();
  static const chr_state_machine_stream_v1& stream_table();

  Group& at(const std::string& name) { return *groups_.at(name); }
  static uint64_t last_index(const Group& group) {
    return group.log.empty() ? std::max(group.first_index - 1, group.snapshot_index)
                             : group.log.back().header.index;
  }
  uint32_t shard_of(std::string_view name) const { return place ? place(name) : 0; }
  bool leads(const Group& group) const { return group.leader == host_.node().id; }
  static int64_t committed_offset(const Group& group) {
    int64_t offset = group.log_start;
    for (const Entry& entry : group.log)
      if (entry.header.index <= group.commit) offset = entry.header.base_offset + entry.header.records;
    return offset;
  }
  static void end_change(Group* group, chr_status code, std::string_view why);
  void end_close(Group* group, uint32_t how, uint64_t token);
  static void cut(Group* group, int64_t offset, bool held);
  static void save(Group* group);
  static chr_status save_pieces(Group* group, const chr_sink& sink);
  static chr_status load_pieces(Group* group, chr_error* error);
  static chr_status load(Group* group, chr_error* error);

  void append(Group* group, Entry entry) {
    entry.header.index = last_index(*group) + 1;
    entry.header.term = group->term;
    entry.header.base_offset = group->log_end;
    entry.header.log_max_timestamp = std::max(
        entry.header.max_timestamp, group->log.empty() ? -1 : group->log.back().header.log_max_timestamp);
    if (!entry.payload) entry.payload = std::make_shared<std::string>();
    entry.header.bytes = entry.payload->size();
    group->log_end += entry.header.records;
    group->log.push_back(std::move(entry));
  }

  void change_role(Group* group, int32_t leader, uint64_t term) {
    if (leads(*group) && leader != host_.node().id) fail_waiting(group);
    group->leader = leader;
    group->term = term;
    group->told = false;
    group->learners.clear();
    end_change(group, CHR_E_NOT_LEADER, "leadership went to another node");
    if (!group->open) return;
    if (!leads(*group)) tell_machine(group);
    tell_watchers(*group, 0);
  }
  // Leadership went: whoever waits learns that the outcome is unknown.
  void fail_waiting(Group* group) {
    for (const auto& [offset, token] : std::exchange(group->trims, {}))
      host_.complete(token, CHR_E_NOT_LEADER, "leadership went to another node");
    for (Entry& entry : group->log) {
      if (entry.token != 0)
        host_.complete(std::exchange(entry.token, 0), CHR_E_NOT_LEADER, "leadership went to another node");
    }
  }
  chr_role role_of(const Group& group) const {
    chr_role role{};
    role.struct_size = sizeof role;
    role.role = leads(group) ? CHR_ROLE_LEADER : CHR_ROLE_FOLLOWER;
    role.term = group.term;
    role.leader = group.leader;
    return role;
  }
  void tell_machine(Group* group) {
    const chr_role role = role_of(*group);
    group->told = leads(*group);
    fake_->on_shard(shard_of(group->name), [&] { group->machine->role(group->context, &role); });
  }
  void tell_watchers(const Group& group, uint32_t usable) {
    const chr_role role = role_of(group);
    for (const auto& [fn, context] : watchers_) fn(context, &group.id, &role, usable);
  }

  bool lacks_copies(const Group& group, const Entry& entry) const {
    return hold_copies_ && entry.token != 0 && entry.copies > group.voters.size() / 2 + 1;
  }
  void schedule(Group* group, uint64_t index) {
    host_.post(shard_of(group->name), [this, name = group->name, index] {
      if (const auto found = groups_.find(name); found != groups_.end()) advance(found->second.get(), index);
    });
  }
  void advance(Group* group, uint64_t index) {
    if (!group->open || index <= group->commit) return;
    for (Entry& entry : group->log) {
      if (entry.header.index <= group->commit || entry.header.index > index) continue;
      if (on_commit) on_commit(group->name, entry.header, *entry.payload);
      if (lacks_copies(*group, entry)) continue;
      if (entry.token != 0) host_.complete(std::exchange(entry.token, 0), CHR_OK);
    }
    group->commit = index;
    group->machine->committed(group->context, index, committed_offset(*group));
    apply(group);
  }
  void apply(Group* group) {
    if (group->applying || !group->open) return;
    std::vector<chr_entry> entries;
    std::vector<std::shared_ptr<std::string>> alive;
    for (const Entry& entry : group->log) {
      if (entry.header.index <= group->applied || entry.header.index > group->commit ||
          entry.header.kind < 16)
        continue;
      entries.push_back(
          {entry.header,
           {reinterpret_cast<const uint8_t*>(entry.payload->data()), entry.payload->size(), nullptr}});
      alive.push_back(entry.payload);
    }
    const uint64_t upto = group->commit;
    chr_status status = CHR_OK;
    if (!entries.empty()) {
      group->applying = true;
      status = host_.async(
          [&](uint64_t token) {
            return group->machine->apply(group->context, entries.data(),
                                         static_cast<uint32_t>(entries.size()), token);
          },
          [this, group, upto](const chr_done&) { applied(group, upto); });
    }
    if (status < 0) host_.fatal("apply failed for " + group->name);
    if (status != CHR_PENDING) applied(group, upto);
  }
  void applied(Group* group, uint64_t upto) {
    group->applying = false;
    group->applied = upto;
    if (leads(*group) && !group->told && usable(*group)) {
      tell_machine(group);
      tell_watchers(*group, 1);
    }
    if (group->applied < group->commit) apply(group);
  }
  // The no-op of the present term is applied.
  bool usable(const Group& group) const {
    if (!leads(group)) return false;
    if (group.told) return true;  // the no-op may be trimmed by now
    for (const Entry& entry : group.log) {
      if (entry.header.term == group.term && entry.header.kind == CHR_ENTRY_NOOP)
        return entry.header.index <= group.applied;
    }
    return false;
  }

  FakeHost* const fake_;
  const Host host_;
  bool auto_elect_ = true;
  chr_status open_failure_ = CHR_OK;
  bool hold_commits_ = false;
  bool slow_reads_ = false;
  bool hold_reads_ = false;
  chr_status reads_fail_with_ = CHR_OK;
  std::vector<uint64_t> held_reads_;  // their tokens
  uint64_t read_bytes_ = 0;
  bool hold_disk_ = false;
  bool hold_changes_ = false;
  bool hold_transfers_ = false;
  bool hold_copies_ = false;
  bool hold_trims_ = false;
  chr_status refusal_ = CHR_OK;
  chr_status changes_refused_ = CHR_OK;
  chr_status barriers_end_with_ = CHR_OK;
  uint64_t proposals_ = 0, trims_ = 0;
  std::map<std::string, std::unique_ptr<Group>> groups_;
  std::map<std::string, std::pair<chr_state_stream_v1, void*>> attached_;  // for groups that are opened next
  std::map<int32_t, int64_t> throttles_;
  std::vector<std::pair<chr_role_fn, void*>> watchers_;
};

}  // namespace chronik::testing

#include <chronik/testing/fake_consensus_members.hpp>
#include <chronik/testing/fake_consensus_table.hpp>
