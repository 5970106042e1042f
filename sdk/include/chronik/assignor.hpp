// chronik.assignor/1 for who asks it: a group put together, the assignors by their names, an answer that was
// checked; draft/assignor.h has the promises. To write one, see assignor_plugin.hpp.
//
//     CHRONIK_TRY(assignors_, Assignors::acquire(host, {"uniform", "range"}));      // in start()
//     AssignorGroup group;
//     const uint32_t orders = group.add_topic(orders_id, 12);
//     const uint32_t member = group.add_member({.id = "consumer-1", .topics = {&orders, 1}});
//     CHRONIK_TRY(const GroupAssignment assignment, assignors_.assign("range", group));
//     for (const AssignedTopic& topic : assignment.of(member)) ...
#pragma once

#include <chronik/draft/assignor.h>
#include <chronik/host.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <span>
#include <vector>

namespace chronik {

inline std::span<const chr_assignor_member> members_of(const chr_assignor_group& group) {
  return {group.members, group.n_members};
}
inline std::span<const chr_assignor_topic> topics_of(const chr_assignor_group& group) {
  return {group.topics, group.n_topics};
}
inline std::span<const uint32_t> subscriptions_of(const chr_assignor_member& member) {
  return {member.topics, member.n_topics};
}
inline bool is_subscribed(const chr_assignor_member& member, uint32_t topic) {
  return std::ranges::binary_search(subscriptions_of(member), topic);
}
// Racks with a replica of partition number i; none where they are not known.
inline std::span<const uint32_t> racks_of(const chr_assignor_group& group, uint32_t i) {
  if (group.rack_ends == nullptr) return {};
  const uint32_t begin = i == 0 ? 0 : group.rack_ends[i - 1];
  return {group.replica_racks + begin, group.rack_ends[i] - begin};
}

// A group as assignors see it. Texts are borrowed: they outlive it.
class AssignorGroup {
 public:
  struct Member {
    std::string_view id;
    std::string_view instance_id = {};      // empty: a dynamic member
    std::string_view rack = {};             // empty: not known
    std::span<const uint32_t> topics = {};  // as add_topic() numbered them, ascending
  };

  AssignorGroup() = default;
  AssignorGroup(AssignorGroup&&) = default;  // not copied: members point to their subscriptions
  AssignorGroup& operator=(AssignorGroup&&) = default;

  // Ascending by id, as bytes, all of them before the first member. Its number.
  uint32_t add_topic(const chr_uuid& id, uint32_t n_partitions) {
    topics_.push_back({id, static_cast<uint32_t>(owners_.size()), n_partitions});
    owners_.resize(owners_.size() + n_partitions, CHR_ASSIGNOR_NOBODY);
    return static_cast<uint32_t>(topics_.size() - 1);
  }
  // Ascending by id, as bytes. Its number.
  uint32_t add_member(const Member& member) {
    const bool same = !subscriptions_.empty() && std::ranges::equal(subscriptions_.back(), member.topics);
    if (!same) subscriptions_.emplace_back(member.topics.begin(), member.topics.end());
    const std::vector<uint32_t>& topics = subscriptions_.back();
    members_.push_back({to_abi(member.id), to_abi(member.instance_id), topics.data(),
                        static_cast<uint32_t>(topics.size()), number_of_rack(member.rack)});
    return static_cast<uint32_t>(members_.size() - 1);
  }
  // What the member was assigned last. Partitions that the topic does not have are left out.
  void add_owned(uint32_t member, uint32_t topic, std::span<const int32_t> partitions) {
    for (const int32_t p : partitions) {
      const auto partition = static_cast<uint32_t>(p);
      if (partition < topics_[topic].n_partitions) owners_[topics_[topic].first + partition] = member;
    }
  }
  // Racks with a replica of a partition. Ascending by topic and partition; those left out have none.
  void add_racks(uint32_t topic, uint32_t partition, std::span<const std::string_view> racks) {
    rack_ends_.resize(topics_[topic].first + partition, static_cast<uint32_t>(replica_racks_.size()));
    for (const std::string_view rack : racks) replica_racks_.push_back(number_of_rack(rack));
    rack_ends_.push_back(static_cast<uint32_t>(replica_racks_.size()));
  }

  // Valid until something is added.
  const chr_assignor_group& view() {
    if (!rack_ends_.empty()) rack_ends_.resize(owners_.size(), static_cast<uint32_t>(replica_racks_.size()));
    const bool homogeneous = std::ranges::all_of(subscriptions_, [&](const std::vector<uint32_t>& topics) {
      return topics == subscriptions_.front();
    });
    view_ = {sizeof view_,
             homogeneous ? static_cast<uint32_t>(CHR_ASSIGNOR_HOMOGENEOUS) : 0u,
             members_.data(),
             topics_.data(),
             racks_.data(),
             static_cast<uint32_t>(members_.size()),
             static_cast<uint32_t>(topics_.size()),
             static_cast<uint32_t>(racks_.size()),
             static_cast<uint32_t>(owners_.size()),
             owners_.data(),
             rack_ends_.empty() ? nullptr : rack_ends_.data(),
             rack_ends_.empty() ? nullptr : replica_racks_.data()};
    return view_;
  }

 private:
  uint32_t number_of_rack(std::string_view rack) {
    if (rack.empty()) return CHR_ASSIGNOR_NO_RACK;
    const auto [it, fresh] = rack_numbers_.emplace(rack, static_cast<uint32_t>(racks_.size()));
    if (fresh) racks_.push_back(to_abi(rack));
    return it->second;
  }

  std::vector<chr_assignor_member> members_;
  std::vector<chr_assignor_topic> topics_;
  std::vector<uint32_t> owners_;
  std::deque<std::vector<uint32_t>>
      subscriptions_;  // of members that follow one another, where they are the same
  std::map<std::string_view, uint32_t> rack_numbers_;
  std::vector<chr_str> racks_;
  std::vector<uint32_t> rack_ends_, replica_racks_;
  chr_assignor_group view_{};
};

// Whether a group keeps the order and the bounds that draft/assignor.h promises to assignors.
inline Status check_assignor_group(const chr_assignor_group& group) {
  const auto wrong = [](std::string what) { return fail(Code::kInvalidArgument, std::move(what)); };
  uint32_t first = 0;
  for (uint32_t t = 0; t < group.n_topics; ++t) {
    const chr_assignor_topic& topic = group.topics[t];
    if (t > 0 && std::memcmp(group.topics[t - 1].id.b, topic.id.b, sizeof topic.id.b) >= 0)
      return wrong("topics are not ascending by id at number " + std::to_string(t));
    if (topic.first != first)
      return wrong("partitions are not counted through at topic " + std::to_string(t));
    first += topic.n_partitions;
  }
  if (first != group.n_partitions)
    return wrong("the topics have another number of partitions than the group");
  for (uint32_t m = 0; m < group.n_members; ++m) {
    const chr_assignor_member& member = group.members[m];
    if (m > 0 && from_abi(group.members[m - 1].id) >= from_abi(member.id))
      return wrong("members are not ascending by id at \"" + std::string(from_abi(member.id)) + "\"");
    const std::span<const uint32_t> topics = subscriptions_of(member);
    const bool ascends = std::ranges::adjacent_find(topics, std::greater_equal<>()) == topics.end();
    if (!ascends || (!topics.empty() && topics.back() >= group.n_topics))
      return wrong("topics of member \"" + std::string(from_abi(member.id)) +
                   "\" are no ascending numbers of topics");
  }
  return {};
}

// What a member got of a topic.
struct AssignedTopic {
  uint32_t topic;                       // its number
  std::span<const int32_t> partitions;  // ascending, at least one
};

// Who reads what. Outlives the group that it was made of.
class GroupAssignment {
 public:
  // owners: what an assignor wrote. The error names the partition, and the member that may not have it.
  static Result<GroupAssignment> make(const chr_assignor_group& group, std::span<const uint32_t> owners) {
    GroupAssignment made(group.n_members);
    CHRONIK_CHECK(made.count(group, owners));
    made.fill(group, owners);
    return made;
  }
  GroupAssignment(GroupAssignment&&) = default;
  GroupAssignment& operator=(GroupAssignment&&) = default;

  // Ascending by topic.
  std::span<const AssignedTopic> of(uint32_t member) const {
    return {topics_.data() + topic_ends_[member], topic_ends_[member + 1] - topic_ends_[member]};
  }
  size_t partitions_of(uint32_t member) const {
    return partition_ends_[member + 1] - partition_ends_[member];
  }
  size_t partitions() const { return partitions_.size(); }  // that somebody reads

 private:
  explicit GroupAssignment(uint32_t n_members) : topic_ends_(n_members + 1), partition_ends_(n_members + 1) {}

  // fn(topic, partition, owner, is_first) for each partition that has one; is_first: of this topic, for it.
  template <class F>
  static Status for_each(const chr_assignor_group& group, std::span<const uint32_t> owners, F&& fn) {
    std::vector<uint32_t> last(group.n_members, UINT32_MAX);
    for (uint32_t t = 0; t < group.n_topics; ++t) {
      for (uint32_t p = 0; p < group.topics[t].n_partitions; ++p) {
        const uint32_t owner = owners[group.topics[t].first + p];
        if (owner == CHR_ASSIGNOR_NOBODY) continue;
        const bool known = owner < group.n_members;
        CHRONIK_CHECK(fn(t, p, owner, !known || last[owner] != t));
        last[owner] = t;
      }
    }
    return {};
  }

  Status count(const chr_assignor_group& group, std::span<const uint32_t> owners) {
    return for_each(group, owners, [&](uint32_t t, uint32_t p, uint32_t owner, bool is_first) -> Status {
      if (owner >= group.n_members)
        return refuse(group.topics[t], p,
                      "member number " + std::to_string(owner) + " of " + std::to_string(group.n_members));
      if (is_first && !is_subscribed(group.members[owner], t))
        return refuse(group.topics[t], p,
                      "the member \"" + std::string(from_abi(group.members[owner].id)) +
                          "\", who does not subscribe to it");
      ++partition_ends_[owner + 1];
      topic_ends_[owner + 1] += is_first ? 1 : 0;
      return {};
    });
  }

  void fill(const chr_assignor_group& group, std::span<const uint32_t> owners) {
    for (size_t m = 0; m < group.n_members; ++m) {
      partition_ends_[m + 1] += partition_ends_[m];
      topic_ends_[m + 1] += topic_ends_[m];
    }
    partitions_.resize(partition_ends_.back());
    topics_.resize(topic_ends_.back());
    std::vector<size_t> next_partition = partition_ends_, next_topic = topic_ends_;
    (void)for_each(group, owners, [&](uint32_t t, uint32_t p, uint32_t owner, bool is_first) -> Status {
      int32_t* const at = partitions_.data() + next_partition[owner]++;
      *at = static_cast<int32_t>(p);
      if (is_first) topics_[next_topic[owner]++] = {t, {at, 0}};
      std::span<const int32_t>& run = topics_[next_topic[owner] - 1].partitions;
      run = {run.data(), run.size() + 1};
      return {};
    });
  }

  static Status refuse(const chr_assignor_topic& topic, uint32_t partition, const std::string& to) {
    std::string id;
    for (const uint8_t byte : topic.id.b) {
      id += "0123456789abcdef"[byte >> 4];
      id += "0123456789abcdef"[byte & 15];
    }
    return fail(Code::kFailed,
                "gave partition " + std::to_string(partition) + " of topic " + id + " to " + to);
  }

  std::vector<size_t> topic_ends_, partition_ends_;  // where those of member m end, at m + 1
  std::vector<AssignedTopic> topics_;
  std::vector<int32_t> partitions_;
};

// Assignors by their names. Any thread; valid until the instance that acquired them stops.
class Assignors {
 public:
  Assignors() = default;
  // From start() on; the manifest requires CHR_ASSIGNOR_ID. The error names the first that nobody provides, or
  // that is there twice.
  static Result<Assignors> acquire(const Host& host, std::vector<std::string> names) {
    Assignors assignors;
    for (const std::string& name : names) {
      if (assignors.find(name) != nullptr)
        return fail(Code::kInvalidArgument, "the assignor \"" + name + "\" is named twice");
      Provider provider;
      const std::string id = CHR_ASSIGNOR_ID ":" + name;
      provider.table = host.acquire<chr_assignor_v1>(id.c_str(), &provider.self);
      if (provider.table == nullptr)
        return fail(Code::kNotFound, "no plugin provides the assignor \"" + name + "\" (" + id + ")");
      assignors.providers_.push_back(provider);
      assignors.names_.push_back(name);
    }
    return assignors;
  }

  // In the order in which they were asked for.
  const std::vector<std::string>& names() const { return names_; }
  bool contains(std::string_view name) const { return find(name) != nullptr; }

  // NOT_FOUND: there is none of this name. Any other error: the group, the assignor or what it said is wrong;
  // the message begins with the assignor. Beside the assignor's, work is linear in the group.
  Result<GroupAssignment> assign(std::string_view name, AssignorGroup& group) const {
    const auto named = [&](Code code, const std::string& what) {
      return fail(code, "the assignor \"" + std::string(name) + "\" " + what);
    };
    const Provider* const provider = find(name);
    if (provider == nullptr) return named(Code::kNotFound, "is none of this node's");
    const chr_assignor_group& view = group.view();
    if (const Status right = check_assignor_group(view); !right)
      return named(right.error().code, "cannot be asked: " + right.error().message);
    std::vector<uint32_t> owners(view.n_partitions, CHR_ASSIGNOR_NOBODY);
    chr_error error = make_abi_error();
    const chr_status status = provider->table->assign(provider->self, &view, owners.data(), &error);
    if (status != CHR_OK)
      return named(status < 0 ? static_cast<Code>(status) : Code::kFailed,
                   "failed: " + std::string(error.message));
    Result<GroupAssignment> made = GroupAssignment::make(view, owners);
    if (!made) return named(made.error().code, made.error().message);
    return made;
  }

 private:
  struct Provider {
    const chr_assignor_v1* table = nullptr;
    void* self = nullptr;
  };
  const Provider* find(std::string_view name) const {
    const auto found = std::ranges::find(names_, name);
    return found == names_.end() ? nullptr : &providers_[static_cast<size_t>(found - names_.begin())];
  }

  std::vector<std::string> names_;
  std::vector<Provider> providers_;
};

}  // namespace chronik
