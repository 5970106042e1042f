// GroupPass: a visit to each group of a table, some in each turn of the shard, however many there are. Groups that
// come meanwhile are visited or not.
//
//   resting | begin_in(): the time is over             -> passing
//   passing | all visits of a slice are done           -> passing  the next slice, in a later turn
//           | some could not be done                   -> passing  those again, after kRetryMs
//           | all visits of the last slice are done    -> resting  in end()
//
// A slice is what one turn may look at (GroupTable::slice_end).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kafka-proto/coordinator/timers.h"
#include "kafka-proto/group/core/group_table.h"

namespace chronik::kafka {

class GroupPass {
 public:
  static constexpr uint64_t kRetryMs = 1'000;

  // done(true) once, within the visit or later; done(false): visit it again. Nothing once the pass is gone.
  using Done = std::function<void(bool)>;
  using Visit = std::function<void(const std::string& id, const group::Group& group, Done done)>;
  // The table and the wheel outlive it.
  GroupPass(const group::GroupTable& table, TimerWheel& timers, Visit visit, std::function<void()> end)
      : table_(table), visit_(std::move(visit)), end_(std::move(end)), timer_(timers, fire, this) {}
  GroupPass(const GroupPass&) = delete;
  GroupPass& operator=(const GroupPass&) = delete;

  // Where it rests.
  void begin_in(uint64_t delay_ms);
  bool is_resting() const { return !passing_ && !timer_.is_armed(); }

 private:
  static void fire(void* self) { static_cast<GroupPass*>(self)->visit_slice(); }
  void visit_slice();
  std::vector<std::string> next_slice();
  void visit_done(const std::string& id, bool done);
  void finish_slice();

  const group::GroupTable& table_;
  const Visit visit_;
  const std::function<void()> end_;
  Timer timer_;
  bool passing_ = false;
  std::string from_;                // where the next slice begins
  bool is_last_ = false;            // of the slices
  size_t left_ = 0;                 // of this one
  std::vector<std::string> again_;  // that could not be done
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace chronik::kafka
