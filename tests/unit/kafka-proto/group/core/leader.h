// A coordinator in a test: a table of what is recorded, one ClassicGroup that leads "g", a clock, and writes that
// are applied at once, or fail.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kafka-proto/group/core/classic_group.h"
#include "kafka-proto/group/core/group_table.h"

namespace chronik::kafka::group::test {

class Leader {
 public:
  static constexpr const char* kGroup = "g";

  GroupConfig config;
  GroupTable table;
  Now now{.monotonic_ms = 0, .wall_ms = 1'000'000};
  ErrorCode next_write = ErrorCode::kNone;  // of the next one that has records
  std::function<void(const Record&)> wrote = [](const Record&) {};

  const Group* recorded() const { return table.find(kGroup); }

  ClassicGroup& group() {
    if (group_ == nullptr) begin();
    return *group_;
  }
  const ClassicGroup* live() const { return group_.get(); }

  // Another node leads: what waits fails, and what is recorded is all that is left.
  void change_leader() {
    drop(ErrorCode::kNotCoordinator);
    begin();
  }

  void run(Outcome out) {
    const ErrorCode written =
        out.records.empty() ? ErrorCode::kNone : std::exchange(next_write, ErrorCode::kNone);
    if (written == ErrorCode::kNone)
      for (const Record& record : out.records) {
        table.apply(record);
        wrote(record);
      }
    for (const Outcome::Finish& finish : out.finish) finish(written);
    if (written != ErrorCode::kNone) drop(written);
    if (written == ErrorCode::kNone && is_gone(out.records)) drop(ErrorCode::kCoordinatorNotAvailable);
  }

  // Time passes, and the group is asked at each of its deadlines.
  void pass(int64_t ms) {
    const int64_t end = now.monotonic_ms + ms;
    while (group_ != nullptr && group_->next_deadline_ms() <= end) {
      move_to(std::max(now.monotonic_ms, group_->next_deadline_ms()));
      Outcome out;
      group_->expire(now, out);
      run(std::move(out));
    }
    move_to(end);
  }

 private:
  static bool is_gone(const std::vector<Record>& records) {
    const auto* last = records.empty() ? nullptr : std::get_if<ClassicGroupRecord>(&records.back());
    return last != nullptr && !last->value;
  }
  void drop(ErrorCode error) {
    if (group_ != nullptr) group_->fail_waits(error);
    group_ = nullptr;
  }
  void begin() {
    const Group* from = recorded();
    group_ = std::make_unique<ClassicGroup>(config.classic, kGroup,
                                            from == nullptr ? nullptr : from->classic.get(), now);
  }
  void move_to(int64_t monotonic_ms) {
    now.wall_ms += monotonic_ms - now.monotonic_ms;
    now.monotonic_ms = monotonic_ms;
  }

  std::unique_ptr<ClassicGroup> group_;
};

}  // namespace chronik::kafka::group::test
