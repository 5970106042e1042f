// RoleReport: what the state machine, the watchers and the metrics know of the group's role, and how far its
// log is committed.
//
//   follower          the core leads                       -> leader, unusable  only watchers hear of it
//   leader, unusable  its first entry is applied           -> leader, usable    both hear of it
//   leader, either    the core follows, or the group stops -> follower
#pragma once

#include "raft/group/context.h"

namespace chronik::raft {

class Applier;

class RoleReport {
 public:
  RoleReport(GroupContext* group, const Applier& applier) : group_(*group), applier_(applier) {}

  const chr_role& reported_role() const { return reported_role_; }
  bool is_leading() const { return leading_; }
  bool is_usable() const { return usable_; }
  // Readers see the log up to here, though the core may know more to be committed.
  Index visible() const { return visible_; }
  int64_t high_watermark() const { return high_watermark_; }

  // The core was restored: it follows nobody.
  void restore();
  void become_leader(const Event& event);
  // Whether it led.
  bool end_leading();
  // Tells the state machine, unless it knows this role already.
  void become_follower(const Event& event);
  // The group stopped: it follows nobody.
  void stop();
  // A leader is usable once it has applied an entry of its own.
  void tell_if_usable();
  void tell_watcher(chr_role_fn fn, void* context) const;

  void set_committed(Index index, int64_t offset);
  // A log of which a part was lost knows less to be committed than it did.
  void tell_committed();

 private:
  GroupContext& group_;
  const Applier& applier_;
  chr_role reported_role_{};
  bool leading_ = false;
  bool usable_ = false;  // and told to be
  Index visible_ = 0;
  int64_t high_watermark_ = 0;
  Index reported_committed_ = 0;  // the newest that the state machine knows of
};

}  // namespace chronik::raft
