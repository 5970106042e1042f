#include "kafka-proto/partition/append_queue.h"

#include "kafka-proto/partition/status.h"

namespace chronik::kafka {
namespace {

uint32_t majority(const chr_group_bounds& bounds) { return bounds.n_voters / 2 + 1; }

}  // namespace

void AppendQueue::append(const AppendRequest& request, AppendDone done) {
  if (!held_.has_early_appends()) return admit(request, std::move(done));
  if (held_.queue_behind_early(done, request.batch.bytes.size(), again(request))) return;
  Appended out;
  out.error = append_error(CHR_E_OVERLOADED);
  out.message = "the disk of this node is behind, try again";
  if (has_producer_order(request.origin)) dedup_.refused(request.batch.header, out.error);
  done(std::move(out));
}

HeldAppends::Again AppendQueue::again(const AppendRequest& request) {
  return [this, request](AppendDone later) { admit(request, std::move(later)); };
}

void AppendQueue::admit(const AppendRequest& request, AppendDone done) {
  Appended out;
  out.error = replica_.check_leader(-1);
  if (out.error != ErrorCode::kNone) return refuse(request, std::move(done), std::move(out));
  if (request.acks == -1 && !in_sync_.enough()) {
    out.error = ErrorCode::kNotEnoughReplicas;
    return done(std::move(out));
  }
  out.log_start = replica_.bounds().log_start;
  if (!has_producer_order(request.origin)) return propose(request, std::move(done));
  const ProducerDedup::Checked checked = dedup_.check(request.batch.header);
  if (!checked) {
    out.error = checked.error().error;
    out.message = checked.error().message;
    return done(std::move(out));
  }
  if (!checked->has_value()) return propose(request, std::move(done));
  add_repeat(**checked, request, std::move(done), std::move(out));
}

void AppendQueue::refuse(const AppendRequest& request, AppendDone done, Appended answer) {
  if (has_producer_order(request.origin)) dedup_.refused(request.batch.header, answer.error);
  held_.hold(std::move(done), std::move(answer), again(request));
}

void AppendQueue::add_repeat(const ProducerStates::Duplicate& original, const AppendRequest& request,
                             AppendDone done, Appended answer) {
  answer.base_offset = original.base_offset;
  // Of a repeat Kafka says it whatever the timestamps are.
  answer.log_append_time_ms = original.max_timestamp;
  Duplicate duplicate{std::make_shared<Append>(std::move(done), std::move(answer)),
                      original.base_offset + request.batch.header.last_offset_delta + 1, request.acks};
  // mutant duplicate-not-awaited: return finish_duplicate(std::move(duplicate));
  if (original.index == 0) return finish_duplicate(std::move(duplicate));
  duplicates_.emplace(original.index, std::move(duplicate));
}

// The original is committed. Where acks=all asks for more, a repeat is no safer than it was.
void AppendQueue::finish_duplicate(Duplicate duplicate) {
  const chr_group_bounds now = replica_.bounds();
  const bool wants_more = duplicate.acks == -1 && in_sync_.copies_wanted(now.n_voters) > majority(now);
  if (!wants_more) return duplicate.append->finish();
  short_of_copies_.push_back({0, duplicate.end, std::move(duplicate.append)});
  finish_copied(in_sync_.find());
}

void AppendQueue::propose(const AppendRequest& request, AppendDone done) {
  const AdmittedBatch& batch = request.batch;
  chr_proposal item{};
  item.kind = CHR_ENTRY_DATA;
  item.flags = CHR_PROPOSAL_WRITABLE;
  item.records = static_cast<uint32_t>(batch.header.last_offset_delta + 1);
  item.offset_at = kBaseOffsetAt;
  item.epoch_at = kLeaderEpochAt;
  item.max_timestamp = batch.header.max_timestamp;
  item.payload = {batch.bytes.data(), batch.bytes.size(), request.frame.get()};

  const chr_group_bounds now = replica_.bounds();
  const uint32_t copies = in_sync_.copies_wanted(now.n_voters);
  const bool wants_more = copies > majority(now);
  uint32_t until = wants_more ? CHR_UNTIL_COPIES + copies : static_cast<uint32_t>(CHR_UNTIL_COMMITTED);
  if (request.acks == 0) until = CHR_UNTIL_PLACED;
  if (request.acks == 1) until = CHR_UNTIL_DURABLE;
  chr_placed placed{};
  chr_error error = make_abi_error();
  const auto append = std::make_shared<Append>(std::move(done));
  append->answer.log_append_time_ms = batch.log_append_time_ms;
  append->answer.log_start = now.log_start;
  const chr_status status = replica_.propose(item, until, &placed, &error, [append, this](chr_status code) {
    if (append->done == nullptr) return;
    if (code != CHR_OK) {
      append->answer.error = append_error(code);
      append->answer.base_offset = -1;
    }
    held_.answer(std::exchange(append->done, nullptr), std::move(append->answer));
  });
  if (status == CHR_E_OVERLOADED)
    return held_.wait_for_room(std::exchange(append->done, nullptr), batch.bytes.size(), again(request));
  if (status != CHR_PENDING && status != CHR_OK) {
    append->answer.error = append_error(status);
    append->answer.message = error.message;
    if (has_producer_order(request.origin)) dedup_.refused(batch.header, append->answer.error);
    return held_.answer(std::exchange(append->done, nullptr), std::move(append->answer));
  }
  append->answer.base_offset = placed.base_offset;
  if (request.acks == -1 && wants_more)
    short_of_copies_.push_back({placed.index, placed.base_offset + item.records, append});
  if (has_producer_order(request.origin)) dedup_.placed(placed.index, placed.base_offset, batch.header);
  placed_(batch.bytes.size());
  if (status == CHR_OK) append->finish();
}

void AppendQueue::finish_repeats(uint64_t up_to_index) {
  while (!duplicates_.empty() && duplicates_.begin()->first <= up_to_index) {
    auto node = duplicates_.extract(duplicates_.begin());
    finish_duplicate(std::move(node.mapped()));
  }
}

// What is committed, and on as many disks as it wants, is done: repeats of batches, of which consensus does
// not tell, and appends that wanted copies of replicas that have left. What will not get them while replicas
// are missing ends as Kafka's do: it stands in the log, and the producer learns that it is not as safe as it
// asked for.
void AppendQueue::finish_copied(const InSyncReplicas::State& replicas) {
  std::vector<std::shared_ptr<Append>> over;
  std::erase_if(short_of_copies_, [&](const CopiesWait& wait) {
    Append& append = *wait.append;
    if (append.done == nullptr) return true;
    const bool copied = wait.end <= replicas.copied;
    if (wait.index > replica_.commit_index() || (!copied && replicas.enough())) return false;
    if (!copied) {
      append.answer.error = ErrorCode::kNotEnoughReplicasAfterAppend;
      append.answer.base_offset = -1;
    }
    over.push_back(wait.append);
    return true;
  });
  for (const std::shared_ptr<Append>& append : over) append->finish();
}

void AppendQueue::fail_waits() {
  std::vector<std::shared_ptr<Append>> waits;
  for (auto& [index, duplicate] : std::exchange(duplicates_, {}))
    waits.push_back(std::move(duplicate.append));
  for (CopiesWait& wait : std::exchange(short_of_copies_, {})) waits.push_back(std::move(wait.append));
  for (const std::shared_ptr<Append>& append : waits) {
    if (append->done == nullptr) continue;
    append->answer.error = ErrorCode::kNotLeaderOrFollower;
    append->answer.base_offset = -1;
    held_.answer(std::exchange(append->done, nullptr), std::move(append->answer));
  }
}

}  // namespace chronik::kafka
