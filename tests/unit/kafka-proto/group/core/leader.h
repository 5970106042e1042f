// A coordinator in a test: a table of what is recorded, one ClassicGroup that leads "g", a clock, and writes that
// are applied at once, or fail.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
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
    if (group_ != nullptr) group_->fail_waits(ErrorCode::kNotCoordinator);
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
    if (written == ErrorCode::kNone) return;
    group_->fail_waits(written);
    begin();
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
  void begin() {
    const Group* from = recorded();
    group_ =
        std::make_unique<ClassicGroup>(config, kGroup, from == nullptr ? nullptr : from->classic.get(), now);
  }
  void move_to(int64_t monotonic_ms) {
    now.wall_ms += monotonic_ms - now.monotonic_ms;
    now.monotonic_ms = monotonic_ms;
  }

  std::unique_ptr<ClassicGroup> group_;
};

// Kafka's name of an error, as far as groups answer it.
std::string name_of_error(ErrorCode error);

}  // namespace chronik::kafka::group::test
