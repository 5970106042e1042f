// A member of a group, as a process that may stop, die and come back. What the two protocols have in common.
#pragma once

#include "sim/workload/group_parts.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

namespace chronik::sim {

class GroupMember {
 public:
  GroupMember(GroupParts& parts, std::string name, bool is_static);
  GroupMember(const GroupMember&) = delete;
  GroupMember& operator=(const GroupMember&) = delete;
  virtual ~GroupMember() = default;

  // Where it is not in any: joins the group, and stays.
  void enter(const std::string& group);
  // Says so, and is gone.
  void leave();
  // Is gone without a word.
  void die();
  // Does nothing for so long, and then goes on as if nothing had happened.
  void pause(uint64_t ns) { paused_until_ = parts_.world().now() + ns; }
  // No more commits.
  void wind_down() { winding_down_ = true; }

  bool is_away() const { return group_.empty(); }
  const std::string& group() const { return group_; }
  const std::string& name() const { return name_; }
  // Whether it has a part in its group's generation or epoch, whose number that is, and what it has there.
  virtual bool is_stable() const = 0;
  virtual int32_t generation() const = 0;
  virtual std::vector<int32_t> owned() const = 0;
  std::string state() const;

 protected:
  // The next thing that the protocol wants. Not while it stands still.
  virtual void step() = 0;
  virtual void say_goodbye() = 0;
  virtual void forget() = 0;  // of the group, all
  virtual void commit(int32_t partition) = 0;

  // Runs later, unless it is gone by then.
  template <class F>
  void after(uint64_t delay, F fn) {
    GroupParts& parts = parts_;
    parts.world().loop.call(parts.world().now() + delay, [this, life = life_, fn = std::move(fn)]() mutable {
      if (life != life_) return;
      if (parts_.world().now() < paused_until_)
        return after(paused_until_ - parts_.world().now(), std::move(fn));
      fn();
    });
  }
  void step_after(uint64_t delay) {
    after(delay, [this] { step(); });
  }
  // The same, unless it is gone by then.
  template <class F>
  auto while_here(F fn) {
    return [this, life = life_, fn = std::move(fn)](auto... args) {
      if (life == life_) fn(args...);
    };
  }
  uint64_t within() const { return std::min(parts_.times.session_ns, parts_.times.rebalance_ns); }
  // Asks the coordinator, which is known. use(response, node, begun), unless this one is gone by then. Returns a number
  // of the connection.
  template <class Api, class Use>
  uint64_t ask(int16_t version, const typename Api::Request& request, uint64_t timeout, Use use) {
    const uint32_t node = client_.coordinator(group_);
    return client_.wire().template call<Api>(
        node, version, request, timeout,
        [this, life = life_, node, begun = parts_.world().now(), use = std::move(use)](const auto& response) {
          if (life == life_) use(response, node, begun);
        });
  }
  // No answer, or one that says so: it is looked for again, and the next step follows.
  void look_elsewhere() {
    client_.forget(group_);
    step_after(100 * kMillisecond + rng_.below(200 * kMillisecond));
  }
  bool knows_coordinator();
  // The leader that Raft has answers of a member that its session is over: that must not come early.
  void expelled(uint32_t node, std::string_view how);
  // It was heard of at that time, by the leader that Raft has.
  void heard(uint32_t node, uint64_t begun, uint64_t within);
  void fetch_owned(int16_t min_version);

  GroupParts& parts_;
  const std::string name_;
  const std::optional<std::string> instance_;
  GroupClient client_;
  Rng rng_;
  std::string group_;  // empty: away
  uint64_t sure_until_ = 0;

 private:
  void commit_later();

  uint64_t life_ = 0;
  uint64_t paused_until_ = 0;
  bool winding_down_ = false;
};

std::unique_ptr<GroupMember> make_classic_member(GroupParts& parts, std::string name, bool is_static);
std::unique_ptr<GroupMember> make_consumer_member(GroupParts& parts, std::string name, bool is_static);

}  // namespace chronik::sim
