#include "raft/group/proposals.h"

#include "raft/group/append_budget.h"
#include "raft/group/applier.h"
#include "raft/group/log_trim.h"
#include "raft/group/role_report.h"
#include "raft/group/storage_writes.h"

#include <chronik/plugin.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace chronik::raft {
namespace {

constexpr uint32_t kFirstMachineKind = 16;

void put_big_endian(uint8_t* p, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0; value >>= 8) p[i] = static_cast<uint8_t>(value);
}

bool fits(int32_t at, size_t bytes, uint64_t size) {
  return at < 0 || (size >= bytes && static_cast<uint64_t>(at) <= size - bytes);
}

}  // namespace

chr_status Proposals::check_proposal(uint64_t expected_term, const chr_proposal* items, uint32_t n,
                                     chr_error* error) const {
  if (group_.state == GroupState::kRecovering)
    return report(error, CHR_E_UNAVAILABLE, "the group is still opening");
  if (group_.state == GroupState::kFailed) return report(error, group_.failure);
  if (group_.closing || group_.state == GroupState::kClosed)
    return report(error, CHR_E_SHUTTING_DOWN, "the group is closing");
  if (!group_.leads()) return report(error, CHR_E_NOT_LEADER, "this node does not lead the group");
  if (expected_term != 0 && expected_term != group_.raft->term())
    return report(error, CHR_E_FENCED, "the leader's term moved on since the proposal was prepared");
  // What takes no offset may find room where records do not.
  const bool full =
      siblings_.writes.is_refused() || group_.raft->full() || siblings_.writes.is_waiting_for_room();
  if (full && std::any_of(items, items + n, [](const chr_proposal& item) { return item.records != 0; }))
    return report(error, CHR_E_NO_SPACE, "storage is full", CHR_ERROR_RETRIABLE);
  for (uint32_t i = 0; i < n; ++i) {
    const chr_proposal& item = items[i];
    if (item.kind < kFirstMachineKind)
      return report(error, CHR_E_INVALID_ARGUMENT, "kinds of entries below 16 belong to consensus");
    if (!fits(item.offset_at, 8, item.payload.n) || !fits(item.epoch_at, 4, item.payload.n))
      return report(error, CHR_E_INVALID_ARGUMENT, "a patch position lies outside of the payload");
  }
  return CHR_OK;
}

// Base offset and leader epoch are known here, and nobody else can take them: a shard
// does one thing at a time.
void Proposals::fill_proposals(const chr_proposal* items, uint32_t n) {
  proposals_.clear();
  int64_t offset = group_.raft->log().end_offset();
  for (uint32_t i = 0; i < n; ++i) {
    const chr_proposal& item = items[i];
    Proposal proposal;
    proposal.kind = item.kind;
    proposal.records = item.records;
    proposal.max_timestamp = item.max_timestamp;
    const bool patched = item.offset_at >= 0 || item.epoch_at >= 0;
    const bool writable = (item.flags & CHR_PROPOSAL_WRITABLE) != 0;
    proposal.payload = patched && !writable ? Payload::copy(item.payload) : Payload::keep(item.payload);
    uint8_t* bytes = const_cast<uint8_t*>(proposal.payload.slice().p);
    if (item.offset_at >= 0) put_big_endian(bytes + item.offset_at, static_cast<uint64_t>(offset), 8);
    if (item.epoch_at >= 0) put_big_endian(bytes + item.epoch_at, group_.raft->term(), 4);
    offset += item.records;
    proposals_.push_back(std::move(proposal));
  }
}

chr_status Proposals::propose(uint64_t expected_term, const chr_proposal* items, uint32_t n, uint32_t until,
                              chr_placed* placed, uint64_t token, chr_error* error) {
  if (const chr_status status = check_proposal(expected_term, items, n, error); status != CHR_OK) {
    group_.host().add(group_.services.metrics.proposals_refused);
    return status;
  }
  if (until > CHR_UNTIL_COPIES && until - CHR_UNTIL_COPIES > group_.raft->membership().voters.size())
    return report(error, CHR_E_INVALID_ARGUMENT, "the group has fewer voters than copies are asked for");
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < n; ++i) bytes += items[i].records > 0 ? items[i].payload.n : 0;
  if (!siblings_.budget.has_room_for_proposal(bytes)) {
    group_.host().add(group_.services.metrics.proposals_refused);
    return report(error, CHR_E_OVERLOADED, "the disk of this node is behind, try again", CHR_ERROR_RETRIABLE);
  }
  fill_proposals(items, n);
  const Result<Placement> placement = group_.raft->propose(group_.now(), expected_term, proposals_);
  if (!placement) {
    proposals_.clear();
    group_.host().add(group_.services.metrics.proposals_refused);
    return report(error, placement.error());
  }
  int64_t offset = placement->base_offset;
  for (uint32_t i = 0; i < n; ++i) {
    placed[i] = {placement->first_index + i, placement->term, offset};
    offset += items[i].records;
  }
  siblings_.budget.count_unwritten();
  group_.mark();
  const Index last = placement->first_index + n - 1;
  if (until == CHR_UNTIL_PLACED) return CHR_OK;
  if (until == CHR_UNTIL_DURABLE) {
    waiters_.until_durable(last, token);
  } else if (until > CHR_UNTIL_COPIES) {
    waiters_.until_copies(last, until - CHR_UNTIL_COPIES, token);
  } else {
    waiters_.until_committed(last, token);
  }
  return CHR_PENDING;
}

chr_status Proposals::trim(int64_t offset, uint64_t token, chr_error* error) {
  if (group_.is_open() && siblings_.trim.is_agreed(offset)) return CHR_OK;
  const bool alone = group_.is_open() && !group_.leads() && siblings_.writes.is_full();
  if (const chr_status status = check_proposal(0, nullptr, 0, error); status != CHR_OK && !alone)
    return status;
  if (offset > siblings_.role.high_watermark())
    return report(error, CHR_E_OUT_OF_RANGE, "the log cannot start above its high watermark");
  // The entry may have to wait behind others for the very room that it makes.
  if (siblings_.writes.is_full())
    siblings_.trim.trim_ahead(
        offset, alone ? siblings_.applier.applied() : group_.raft->trim_limit(group_.now()) + 1);
  if (alone) return CHR_OK;
  const Status proposed = propose_trim(offset, token);
  return proposed ? CHR_PENDING : report(error, proposed.error());
}

Status Proposals::propose_trim(int64_t offset, uint64_t token) {
  if (!group_.is_open()) return fail(Code::kCancelled, "the group was closed");
  const std::string bytes = encode(TrimCommand{offset, group_.raft->trim_limit(group_.now())});
  chr_slice payload{};
  if (group_.host().alloc(std::max<size_t>(bytes.size(), 1), &payload) != CHR_OK)
    return fail(Code::kOverloaded, "no memory for a proposal");
  std::memcpy(const_cast<uint8_t*>(payload.p), bytes.data(), bytes.size());
  payload.n = bytes.size();
  Proposal item;
  item.kind = CHR_ENTRY_TRIM;
  item.payload = Payload::adopt(payload);
  const Result<Placement> placement = group_.raft->propose(group_.now(), 0, {&item, 1});
  if (!placement) return std::unexpected(placement.error());
  waiters_.until_applied(placement->first_index, token);
  group_.mark();
  return {};
}

chr_status Proposals::barrier(uint64_t token, chr_error* error) {
  if (!group_.is_open()) return report(error, CHR_E_UNAVAILABLE, "the group is not open");
  const Result<uint64_t> context = group_.raft->read_index(group_.now());
  if (!context) return report(error, context.error());
  waiters_.until_readable(*context, token);
  group_.mark();
  return CHR_PENDING;
}

void Proposals::complete_reached() {
  const RaftLog& log = group_.raft->log();
  waiters_.reached(
      log.stable(), log.committed(), siblings_.applier.applied(),
      [this](uint32_t n) { return group_.raft->copied_to(n); },
      [this](uint64_t token) { group_.shard->complete(token, CHR_OK); });
}

void Proposals::fail_from(Index index, chr_status code, std::string_view why) {
  // mutant ack-without-term: if (code != CHR_E_NOT_LEADER) waiters_.fail_from(index, [&](uint64_t token) {
  //     group_.shard->complete(token, code, why); });
  waiters_.fail_from(index, [&](uint64_t token) { group_.shard->complete(token, code, why); });
}

}  // namespace chronik::raft
