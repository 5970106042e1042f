#include "sim/check/offset_model.h"

#include <fmt/format.h>

#include <algorithm>

namespace chronik::sim {
namespace {

// A node that is not the leader any more knows that by then.
constexpr uint64_t kDeposedKnows = 20 * kSecond;

}  // namespace

std::string OffsetModel::metadata_of(int64_t offset) { return fmt::format("of {}", offset); }

int64_t OffsetModel::begin(OffsetKey key, bool may_be_taken) {
  const auto at = commits_.try_emplace(std::move(key)).first;
  const int64_t offset = next_++;
  offsets_[offset] = {&at->first, at->second.size()};
  at->second.push_back({offset, world_.now(), 0, may_be_taken, false});
  ++open_;
  return offset;
}

OffsetModel::Commit& OffsetModel::find(int64_t offset) {
  const auto& [key, index] = offsets_.at(offset);
  return commits_.find(*key)->second[index];
}

void OffsetModel::fail(const OffsetKey& key, std::string_view what) {
  world_.fail("group-offsets", fmt::format("group {}, {}-{}: {}", key.group, key.topic, key.partition, what));
}

void OffsetModel::acknowledged(int64_t offset) {
  Commit& commit = find(offset);
  if (commit.ended == 0) commit.ended = world_.now();
  ++acks_;
  --open_;
  if (!commit.may_be_taken)
    fail(*offsets_.at(offset).first,
         fmt::format("offset {} is taken from a member whose time in the group was over", offset));
}

void OffsetModel::refused(int64_t offset) {
  Commit& commit = find(offset);
  commit.refused = true;
  ++refusals_;
  --open_;
  if (commit.ended != 0)
    fail(*offsets_.at(offset).first, fmt::format("offset {} was read, and its commit refused", offset));
}

void OffsetModel::read(const OffsetKey& key, int64_t offset, std::string_view metadata, uint64_t begun,
                       bool by_leader) {
  ++reads_;
  static std::vector<Commit> none;
  const auto known = commits_.find(key);
  std::vector<Commit>& commits = known == commits_.end() ? none : known->second;
  const auto found = std::ranges::find(commits, offset, &Commit::offset);
  if (found == commits.end() && offset != -1)
    return fail(key, fmt::format("offset {} is read, which nobody committed", offset));
  if (found != commits.end()) {
    if (found->refused) return fail(key, fmt::format("offset {} is read, and was refused", offset));
    if (metadata != metadata_of(offset))
      return fail(key, fmt::format("offset {} comes with the metadata \"{}\"", offset, metadata));
    if (found->ended == 0) found->ended = world_.now();
  }
  const uint64_t since = by_leader ? begun : begun - std::min(begun, kDeposedKnows);
  for (const Commit& other : commits) {
    if (other.ended == 0 || other.ended >= since) continue;
    if (offset == -1 || other.begun > found->ended)
      return fail(
          key, fmt::format("offset {} is read {} ms after offset {}, the later one, was acknowledged or read",
                           offset, (begun - other.ended) / kMillisecond, other.offset));
  }
}

}  // namespace chronik::sim
