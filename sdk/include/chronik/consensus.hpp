// chronik.consensus/1 with callbacks instead of tokens; consensus.h has the promises.
//
//     CHRONIK_TRY(consensus_, Consensus::acquire(host));               // in start()
//     consensus_.open_group(options, kMachine, this, &group_, [](const Status& opened) { ... });
//     ...
//     CHRONIK_TRY(const chr_placed placed,
//                 group_.propose(term, {&proposal, 1}, CHR_UNTIL_COMMITTED, [](const Status& committed) { ... }));
#pragma once

#include <chronik/consensus.h>
#include <chronik/storage.hpp>

#include <algorithm>
#include <vector>

namespace chronik {

// The largest term up to a given one, and the offset after its last entry.
struct EpochEnd {
  uint64_t term = 0;
  int64_t offset = -1;
};

// Who takes part in a group; members are voters, then those that leave, then learners.
struct GroupMembers {
  std::vector<chr_member> members;
  uint64_t config_index = 0;
  bool joint = false;
};

// An open group, on its shard. Cheap to copy; not to be used after close(). Every callback runs exactly once,
// before the call returns or later, but for propose().
class Group {
 public:
  Group() = default;
  Group(const Host& host, const chr_consensus_v1* table, chr_group* group)
      : host_(host), table_(table), group_(group) {}
  explicit operator bool() const { return group_ != nullptr; }
  chr_group* handle() const { return group_; }

  // how: CHR_CLOSE_*. done(Status); no callback of the state machine follows it.
  template <class F>
  void close(uint32_t how, F done) const {
    call(host_, std::move(done),
         [&](uint64_t token, chr_error* error) { return table_->close_group(group_, how, token, error); });
  }

  // Where the entries got their place, all or none; term 0: any. done(Status) is told once the last one reached
  // `until`, or cannot any more. It belongs to what got a place: with an error, or until PLACED, it is dropped.
  template <class F>
  Result<std::vector<chr_placed>> propose_all(uint64_t term, std::span<const chr_proposal> items,
                                              uint32_t until, F done) const {
    std::vector<chr_placed> placed(items.size());
    CHRONIK_CHECK(place(term, items, until, placed.data(), std::move(done)));
    return placed;
  }
  // The same for one entry, without memory of its own.
  template <class F>
  Result<chr_placed> propose(uint64_t term, const chr_proposal& item, uint32_t until, F done) const {
    chr_placed placed{};
    CHRONIK_CHECK(place(term, {&item, 1}, until, &placed, std::move(done)));
    return placed;
  }

  // done(Result<StoredEntries>): from offset on, as args say.
  template <class F>
  void read(chr_group_read args, F done) const {
    args.struct_size = sizeof args;
    chr_entries out{};
    out.struct_size = sizeof out;
    call<StoredEntries>(
        host_, out, std::move(done),
        [&](chr_entries* to, uint64_t token, chr_error* error) {
          return table_->read(group_, &args, to, token, error);
        },
        [](const chr_entries& from, const chr_done&) { return adopt_entries(from); });
  }
  // By CHR_FIND_*, among the committed. done(Result<chr_entry_header>); NOT_FOUND is an error.
  template <class F>
  void find(int32_t by, int64_t value, F done) const {
    call<chr_entry_header>(
        host_, chr_entry_header{}, std::move(done),
        [&](chr_entry_header* to, uint64_t token, chr_error* error) {
          return table_->find(group_, by, value, to, token, error);
        },
        [](const chr_entry_header& from, const chr_done&) { return from; });
  }
  Result<EpochEnd> epoch_end(uint64_t term) const {
    EpochEnd out;
    const chr_status status = table_->epoch_end(group_, term, &out.term, &out.offset);
    if (status != CHR_OK) return fail(static_cast<Code>(status), "no term up to this one has entries");
    return out;
  }

  Result<chr_group_bounds> bounds() const {
    chr_group_bounds out{};
    out.struct_size = sizeof out;
    const chr_status status = table_->bounds(group_, &out);
    if (status != CHR_OK) return fail(static_cast<Code>(status), "the group is not open yet");
    return out;
  }
  Result<GroupMembers> members() const {
    GroupMembers out;
    out.members.resize(16);
    for (;;) {
      chr_group_status status{};
      status.struct_size = sizeof status;
      status.members = out.members.data();
      status.n_members = static_cast<uint32_t>(out.members.size());
      const chr_status code = table_->status(group_, &status);
      if (code != CHR_OK) return fail(static_cast<Code>(code), "the group is not open yet");
      const bool all = status.n_members <= out.members.size();
      out.members.resize(status.n_members);
      out.config_index = status.config_index;
      out.joint = status.joint != 0;
      if (all) return out;
    }
  }

  // done(Status), as of each of these in consensus.h.
  template <class F>
  void trim(int64_t offset, F done) const {
    call(host_, std::move(done),
         [&](uint64_t token, chr_error* error) { return table_->trim(group_, offset, token, error); });
  }
  template <class F>
  void barrier(F done) const {
    call(host_, std::move(done),
         [&](uint64_t token, chr_error* error) { return table_->barrier(group_, token, error); });
  }
  // to -1: the best one.
  template <class F>
  void transfer(int32_t to, F done) const {
    call(host_, std::move(done),
         [&](uint64_t token, chr_error* error) { return table_->transfer(group_, to, token, error); });
  }
  // voters: the whole target, the preferred leader first.
  template <class F>
  void change_members(std::span<const int32_t> voters, F done) const {
    chr_members_change change{};
    change.struct_size = sizeof change;
    change.voters = voters.data();
    change.n_voters = static_cast<uint32_t>(voters.size());
    call(host_, std::move(done), [&](uint64_t token, chr_error* error) {
      return table_->change_members(group_, &change, token, error);
    });
  }

 private:
  template <class F>
  Status place(uint64_t term, std::span<const chr_proposal> items, uint32_t until, chr_placed* placed,
               F done) const {
    chr_error error = make_abi_error();
    const chr_status status = host_.async(
        [&](uint64_t token) {
          return table_->propose(group_, term, items.data(), static_cast<uint32_t>(items.size()), until,
                                 placed, token, &error);
        },
        [done = std::move(done)](const chr_done& answer) mutable { done(to_status(answer)); });
    return to_status(status, error.message);
  }

  Host host_;
  const chr_consensus_v1* table_ = nullptr;
  chr_group* group_ = nullptr;
};

// Cheap to copy.
class Consensus {
 public:
  Consensus() = default;
  Consensus(const Host& host, const chr_consensus_v1* table, void* self)
      : host_(host), table_(table), self_(self) {}
  // From start() on. NOT_FOUND: no plugin provides it, or the manifest does not name it.
  static Result<Consensus> acquire(const Host& host) {
    void* self = nullptr;
    const auto* const table = host.acquire<chr_consensus_v1>(CHR_CONSENSUS_ID, &self);
    if (table == nullptr) return fail(Code::kNotFound, "no plugin provides " CHR_CONSENSUS_ID);
    return Consensus(host, table, self);
  }
  explicit operator bool() const { return table_ != nullptr; }

  // Any thread.
  uint32_t shard_of(std::string_view name) const { return table_->shard_of(self_, to_abi(name)); }

  // *group is there from the return on, before the callback too, and reset where opening fails: it lives until
  // then. done(Status). Machine, context and group outlive close(); options are borrowed for the call.
  template <class F>
  void open_group(chr_group_options options, const chr_state_machine_v1& machine, void* context, Group* group,
                  F done) const {
    options.struct_size = sizeof options;
    chr_group* handle = nullptr;
    call(
        host_,
        [group, done = std::move(done)](const Status& opened) mutable {
          if (!opened) *group = {};
          done(opened);
        },
        [&](uint64_t token, chr_error* error) {
          const chr_status status =
              table_->open_group(self_, &options, &machine, context, &handle, token, error);
          if (status >= 0) *group = Group(host_, table_, handle);
          return status;
        });
  }
  // Of a closed group. done(Status)
  template <class F>
  void delete_group(std::string_view name, F done) const {
    call(host_, std::move(done), [&](uint64_t token, chr_error* error) {
      return table_->delete_group(self_, to_abi(name), token, error);
    });
  }

  // Control thread: role changes of all groups, until unwatch() with the same two.
  void watch(chr_role_fn fn, void* context) const { table_->watch(self_, fn, context); }
  void unwatch(chr_role_fn fn, void* context) const { table_->unwatch(self_, fn, context); }

  const chr_consensus_v1* table() const { return table_; }
  void* self() const { return self_; }

 private:
  Host host_;
  const chr_consensus_v1* table_ = nullptr;
  void* self_ = nullptr;
};

}  // namespace chronik
