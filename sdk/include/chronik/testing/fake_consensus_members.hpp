// Members of a FakeConsensus group and their changes. Included by fake_consensus.hpp.
#pragma once

#include <chronik/testing/fake_consensus.hpp>

namespace chronik::testing {

struct FakeMembers {
  using Group = FakeConsensus::Group;
  static Group* of(chr_group* group) { return reinterpret_cast<Group*>(group); }
  static bool contains(const std::vector<int32_t>& set, int32_t id) {
    return std::find(set.begin(), set.end(), id) != set.end();
  }

  static chr_status CHR_CALL status(chr_group* handle, chr_group_status* out) {
    const Group* group = of(handle);
    if (!group->open) return CHR_E_UNAVAILABLE;
    std::vector<chr_member> members;
    for (const int32_t id : group->voters) {
      const uint32_t leaving = contains(group->outgoing, id) ? CHR_MEMBER_OUTGOING : 0;
      members.push_back(member(*group, id, CHR_MEMBER_VOTER | leaving));
    }
    for (const int32_t id : group->outgoing)
      if (!contains(group->voters, id)) members.push_back(member(*group, id, CHR_MEMBER_OUTGOING));
    for (const int32_t id : learners_of(*group)) members.push_back(member(*group, id, CHR_MEMBER_LEARNER));
    const size_t room = std::min<size_t>(out->n_members, members.size());
    std::copy_n(members.begin(), room, out->members);
    out->n_members = static_cast<uint32_t>(members.size());
    out->config_index = group->config_index;
    out->joint = group->outgoing.empty() ? 0 : 1;
    return CHR_OK;
  }

  // Those that catch up to become voters, then those for good.
  static std::vector<int32_t> learners_of(const Group& group) {
    std::vector<int32_t> out;
    const auto add = [&](const std::vector<int32_t>& nodes) {
      for (const int32_t id : nodes)
        if (!contains(group.voters, id) && !contains(group.outgoing, id) && !contains(out, id))
          out.push_back(id);
    };
    if (group.change && !group.change->joint) add(group.change->target);
    if (group.owner->leads(group)) add(group.learners);
    return out;
  }

  static chr_status CHR_CALL set_learners(void* self, chr_str name, const int32_t* nodes, uint32_t n,
                                          chr_error* error) {
    FakeConsensus* consensus = static_cast<FakeConsensus*>(self);
    const auto found = consensus->groups_.find(std::string(from_abi(name)));
    if (found == consensus->groups_.end() || !found->second->open)
      return report(error, CHR_E_NOT_FOUND, "the group is not open");
    Group& group = *found->second;
    if (!consensus->leads(group)) return report(error, CHR_E_NOT_LEADER, "not the leader");
    const std::vector<int32_t> learners(nodes, nodes + n);
    for (const int32_t id : learners)
      if (id <= 0 || id == consensus->host_.node().id || std::ranges::count(learners, id) > 1)
        return report(error, CHR_E_INVALID_ARGUMENT, "a learner is named twice, or is no other node");
    group.learners = learners;
    return CHR_OK;
  }

  static chr_status CHR_CALL change_members(chr_group* handle, const chr_members_change* change,
                                            uint64_t token, chr_error* error) {
    Group* group = of(handle);
    FakeConsensus* consensus = group->owner;
    if (!group->open) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
    if (!consensus->leads(*group)) return report(error, CHR_E_NOT_LEADER, "not the leader");
    if (consensus->changes_refused_ != CHR_OK)
      return report(error, consensus->changes_refused_, "changes of members are refused");
    const std::vector<int32_t> target(change->voters, change->voters + change->n_voters);
    for (size_t i = 0; i < target.size(); ++i)
      if (target[i] <= 0 || std::count(target.begin(), target.end(), target[i]) > 1)
        return report(error, CHR_E_INVALID_ARGUMENT, "a member is named twice, or is no node");
    if (target.empty()) return report(error, CHR_E_INVALID_ARGUMENT, "a group needs a voter");
    if (group->change && group->change->target == target) {
      group->change->tokens.push_back(token);
      return CHR_PENDING;
    }
    if (group->change && group->change->joint)
      return report(error, CHR_E_CONFLICT, "another change of members is under way");
    end(group, CHR_E_CANCELLED, "another change of members replaced it");
    if (target == group->voters) return CHR_OK;
    group->change = FakeConsensus::Change{target, {token}, false};
    if (!consensus->hold_changes_) go_on(group);
    return CHR_PENDING;
  }

  // Both stages, in the host's next runs.
  static void go_on(Group* group) {
    FakeConsensus* consensus = group->owner;
    consensus->host_.post(consensus->shard_of(group->name), [consensus, name = group->name] {
      const auto found = consensus->groups_.find(name);
      if (found == consensus->groups_.end() || !found->second->change || !found->second->open) return;
      if (!consensus->leads(*found->second)) return;
      step(found->second.get());
      if (found->second->change) go_on(found->second.get());
    });
  }

  // From catching up to the joint configuration, from there to the target alone.
  static void step(Group* group) {
    FakeConsensus* consensus = group->owner;
    const bool join = !group->change->joint;
    group->change->joint = true;
    if (join) group->outgoing = std::exchange(group->voters, group->change->target);
    if (!join) group->outgoing.clear();
    FakeConsensus::Entry entry;
    entry.header.kind = CHR_ENTRY_CONFIG;
    consensus->append(group, std::move(entry));
    group->config_index = group->log.back().header.index;
    consensus->schedule(group, group->config_index);
    if (join) return;
    const int32_t self = consensus->host_.node().id;
    const bool leaves = !contains(group->voters, self);
    end(group, leaves ? CHR_E_NOT_LEADER : CHR_OK, "leadership went to another node");
    if (leaves) consensus->change_role(group, group->voters.front(), group->term + 1);
  }

  static void end(Group* group, chr_status code, std::string_view why) {
    if (!group->change) return;
    const std::vector<uint64_t> tokens = std::exchange(group->change, std::nullopt)->tokens;
    for (const uint64_t token : tokens) {
      code == CHR_OK ? group->owner->host_.complete(token, CHR_OK)
                     : group->owner->host_.complete(token, code, why);
    }
  }

 private:
  // Unless the test says otherwise, every member has all that is committed, and answered just now.
  static chr_member member(const Group& group, int32_t id, uint32_t flags) {
    const Host& host = group.owner->host_;
    const bool self = id == host.node().id;
    chr_member out{id, flags, 0, -1, 0, 0};
    if (self || group.owner->leads(group)) {
      out.match_index = self ? FakeConsensus::last_index(group) : group.commit;
      out.match_offset = self ? group.log_end : FakeConsensus::committed_offset(group);
    }
    // The last voter is the one that held copies are short of.
    for (const FakeConsensus::Entry& entry : group.log) {
      if (self || id != group.voters.back() || !group.owner->lacks_copies(group, entry)) continue;
      out.match_index = entry.header.index - 1;
      out.match_offset = entry.header.base_offset;
      break;
    }
    if (!self && group.owner->leads(group)) out.heard_ns = out.caught_up_ns = host.now_ns();
    if (const auto told = group.members.find(id); told != group.members.end()) {
      out = told->second;
      out.id = id;
      out.flags = flags;
    }
    return out;
  }
};

inline const chr_learners_v1& FakeConsensus::learners_table() {
  static constexpr chr_learners_v1 kTable = {sizeof(chr_learners_v1), 1, FakeMembers::set_learners};
  return kTable;
}
inline void FakeConsensus::hold_copies(bool on) {
  hold_copies_ = on;
  if (on) return;
  for (const auto& [name, group] : groups_)
    for (Entry& entry : group->log)
      if (entry.token != 0 && entry.header.index <= group->commit)
        host_.complete(std::exchange(entry.token, 0), CHR_OK);
}
inline void FakeConsensus::step_change(const std::string& name) {
  if (Group& group = at(name); group.change) FakeMembers::step(&group);
}
inline void FakeConsensus::end_change(Group* group, chr_status code, std::string_view why) {
  // What is joint already is finished by the next leader.
  if (group->change && group->change->joint) group->outgoing.clear();
  FakeMembers::end(group, code, why);
}

}  // namespace chronik::testing
