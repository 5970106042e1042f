// What the state machine, the watchers and the metrics know of the group's role, and how far it is committed.
//
//   follower         the core leads   -> leader, unusable   watchers hear of it, the state machine not yet
//   leader, unusable its first entry is applied -> leader, usable   both hear of it
//   leader, either   the core follows, or the group stops -> follower
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
  // Readers see no more, though the core may know better by then.
  Index visible() const { return visible_; }
  int64_t high_watermark() const { return high_watermark_; }

  // A core that was restored: it follows nobody.
  void restore();
  void become_leader(const Event& event);
  // True: it led.
  bool end_leading();
  // Where the role is another one than the state machine knows of.
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
