// FakeAssignor: chronik.assignor/1 that deals the partitions of each topic to its subscribers in turn, or does
// what the test says. It records what it was asked.
#pragma once

#include <chronik/assignor.hpp>
#include <chronik/testing/fake_host.hpp>

#include <functional>
#include <string>

namespace chronik::testing {

class FakeAssignor {
 public:
  // What a test looks at of a group that it was asked about.
  struct Asked {
    std::vector<std::string> members;
    uint32_t n_topics;
    uint32_t n_partitions;
    bool homogeneous;
    std::vector<uint32_t> owners;
  };

  // Now found by acquire("chronik.assignor/1:NAME").
  FakeAssignor(FakeHost* host, const std::string& name) {
    host->provide((CHR_ASSIGNOR_ID ":" + name).c_str(), &kTable, this);
  }
  FakeAssignor(const FakeAssignor&) = delete;
  FakeAssignor& operator=(const FakeAssignor&) = delete;

  // In place of dealing; whatever it does, wrong things too.
  std::function<Status(const chr_assignor_group& group, std::span<uint32_t> owners)> answer;
  const std::vector<Asked>& asked() const { return asked_; }

 private:
  static void deal(const chr_assignor_group& group, std::span<uint32_t> owners) {
    for (uint32_t t = 0; t < group.n_topics; ++t) {
      std::vector<uint32_t> subscribers;
      for (uint32_t m = 0; m < group.n_members; ++m) {
        if (is_subscribed(group.members[m], t)) subscribers.push_back(m);
      }
      for (uint32_t p = 0; p < group.topics[t].n_partitions && !subscribers.empty(); ++p)
        owners[group.topics[t].first + p] = subscribers[p % subscribers.size()];
    }
  }
  static chr_status CHR_CALL assign(void* self, const chr_assignor_group* group, uint32_t* owners,
                                    chr_error* error) {
    auto* fake = static_cast<FakeAssignor*>(self);
    Asked asked{{},
                group->n_topics,
                group->n_partitions,
                (group->flags & CHR_ASSIGNOR_HOMOGENEOUS) != 0,
                {group->owners, group->owners + group->n_partitions}};
    for (const chr_assignor_member& member : members_of(*group))
      asked.members.emplace_back(from_abi(member.id));
    fake->asked_.push_back(std::move(asked));
    if (!fake->answer) {
      deal(*group, {owners, group->n_partitions});
      return CHR_OK;
    }
    const Status answered = fake->answer(*group, {owners, group->n_partitions});
    return answered ? CHR_OK : report(error, answered.error());
  }
  static constexpr chr_assignor_v1 kTable = {sizeof(chr_assignor_v1), 1, assign};

  std::vector<Asked> asked_;
};

}  // namespace chronik::testing
