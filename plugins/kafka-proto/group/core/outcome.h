// Outcome: what came of a request to a group: the records that it writes, and the answers that wait for them.
//
// A group's state changes where its records are applied, on each replica alike, and nowhere else; what only the
// leader knows beside them (who is joining, deadlines) may be lost with it. So there is one way for all: the
// records of an outcome are written as one batch, nothing else of the group is looked at meanwhile but
// heartbeats and reads, they are applied, and then the replies run.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "kafka-proto/group/core/record.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka::group {

// Answers a request: once, now or later (a join waits for the others). Dropped without a call only where the
// whole coordinator goes.
template <class Result>
using Reply = std::function<void(Result)>;

struct Outcome {
  // Runs with NONE once the records are applied, at once where there are none; else with why they could not be
  // written, and then nothing of the outcome has happened.
  using Finish = std::function<void(ErrorCode written)>;

  std::vector<Record> records;
  std::vector<Finish> finish;  // in this order

  // reply(result) after the records, or reply(Result of the error).
  template <class Result>
  void answer(Reply<Result> reply, Result result) {
    finish.push_back([reply = std::move(reply), result = std::move(result)](ErrorCode written) mutable {
      if (written != ErrorCode::kNone) {
        result = Result{};
        result.error = written;
      }
      reply(std::move(result));
    });
  }
};

}  // namespace chronik::kafka::group
