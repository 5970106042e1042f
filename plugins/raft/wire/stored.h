// What raft keeps in the keys of a group and in its own entries.
#pragma once

#include "raft/core/raft_log.h"
#include "raft/core/types.h"

#include <chronik/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace chronik::raft {

inline constexpr std::string_view kVoteKey = "raft/vote";
inline constexpr std::string_view kLogKey = "raft/log";
inline constexpr std::string_view kSnapshotKey = "raft/snapshot";
std::string piece_key(uint64_t generation, uint32_t piece);

struct StoredVote {
  HardState hard_state;
  Index commit = 0;
  LogEnd left{};  // see StoredLog
};
std::string encode(const StoredVote& vote);
Result<StoredVote> decode_vote(std::string_view bytes);

// Where the log begins, as long as it is empty: after `index`, at the Kafka offset.
struct Base {
  Index index = 0;
  int64_t offset = 0;
};

struct LogMeta {
  int64_t log_start = 0;  // Kafka offset; may lie inside the first entry
  std::vector<TermStart> terms;
  std::vector<ConfigEntry> configs;  // ascending; those that may come to be in force
  Base base{};
};
std::string encode(const LogMeta& meta);
Result<LogMeta> decode_log_meta(std::string_view bytes);

// A snapshot of the state machine, as of `index`.
struct SnapshotMeta {
  uint64_t generation = 0;
  Index index = 0;
  Term term = 0;
  int64_t log_start = 0;
  uint32_t pieces = 0;
  uint64_t bytes = 0;
  uint32_t checksum = 0;  // CRC32C of all pieces
  ConfigEntry config{};   // in force at index; no voters: not known
  bool received = false;  // from another node: the log may still end before index
};
std::string encode(const SnapshotMeta& meta);
Result<SnapshotMeta> decode_snapshot(std::string_view bytes);

// An entry that moves the start of the log.
struct TrimCommand {
  int64_t offset = 0;
  Index limit = 0;  // entries above it stay
};
std::string encode(const TrimCommand& trim);
Result<TrimCommand> decode_trim(std::string_view bytes);

}  // namespace chronik::raft
