// Writing an assignor in C++: a name and one function; draft/assignor.h has the promises.
//
//     class First final : public chronik::AssignorPlugin<First> {
//      public:
//       static constexpr std::string_view kId = "assignor-first", kVersion = "1.0.0", kName = "first";
//       explicit First(chronik::Host) {}
//       static chronik::Status assign(const chr_assignor_group& group, std::span<uint32_t> owners);
//     };
//     CHRONIK_PLUGIN(First)
//
// The manifest says the name too, so that nobody has to run the plugin to learn it:
// provides = ["chronik.assignor/1:first"].
#pragma once

#include <chronik/assignor.hpp>
#include <chronik/plugin.hpp>

#include <numeric>

namespace chronik {

// Who subscribes to each topic, in the order that is given: all members, each once.
class Subscribers {
 public:
  Subscribers(const chr_assignor_group& group, std::span<const uint32_t> order) : ends_(group.n_topics + 1) {
    for (const chr_assignor_member& member : members_of(group)) {
      for (const uint32_t topic : subscriptions_of(member)) ++ends_[topic + 1];
    }
    for (uint32_t t = 0; t < group.n_topics; ++t) ends_[t + 1] += ends_[t];
    members_.resize(ends_.back());
    std::vector<size_t> next(ends_.begin(), ends_.end() - 1);
    for (const uint32_t m : order) {
      for (const uint32_t topic : subscriptions_of(group.members[m])) members_[next[topic]++] = m;
    }
  }

  std::span<const uint32_t> of(uint32_t topic) const {
    return {members_.data() + ends_[topic], ends_[topic + 1] - ends_[topic]};
  }

 private:
  std::vector<size_t> ends_;  // where those of topic t end, at t + 1
  std::vector<uint32_t> members_;
};

// Numbers of all members, as a group has them: ascending by id.
inline std::vector<uint32_t> in_order(const chr_assignor_group& group) {
  std::vector<uint32_t> order(group.n_members);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

template <class Derived>
class AssignorPlugin : public Plugin {
 public:
  // Hidden by one of the derived class where it has keys.
  static std::span<const chr_config_key> schema() { return {}; }

  const void* service(std::string_view id, void** instance) override {
    constexpr std::string_view kPrefix = CHR_ASSIGNOR_ID ":";
    if (!id.starts_with(kPrefix) || id.substr(kPrefix.size()) != Derived::kName) return nullptr;
    *instance = this;
    return &kTable;
  }

 private:
  chr_status call(const chr_assignor_group* group, uint32_t* owners, chr_error* error) {
    const Status assigned = static_cast<Derived*>(this)->assign(*group, {owners, group->n_partitions});
    return assigned ? CHR_OK : report(error, assigned.error());
  }
  static constexpr chr_assignor_v1 kTable = {sizeof(chr_assignor_v1), 1, thunk<&AssignorPlugin::call>};
};

}  // namespace chronik
