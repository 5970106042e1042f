// A snapshot of a group as it travels to a member whose log ends before the leader's begins: the state of the
// state machine as of an index, in pieces, and where the log goes on.
//
// The log from its start on is data that clients read, so the receiver's log begins where the sender's does,
// below the state's index, and catches up by appends. What the state covers is not applied a second time.
#pragma once

#include "raft/core/raft_log.h"

#include <optional>
#include <vector>

namespace chronik::raft {

inline constexpr uint32_t kMaxPieceBytes = 1u << 20;  // what storage keeps under one key
inline constexpr uint32_t kMaxPieces = 64u << 10;

struct SnapshotInfo {
  // The state: equal ones, of whatever sender, consist of equal pieces.
  Index index = 0;
  Term term = 0;
  uint32_t pieces = 0;
  uint64_t bytes = 0;
  uint32_t checksum = 0;  // CRC32C of all pieces in order
  ConfigEntry config;     // in force at index
  // The log of the receiver begins after `base`, in whose term `base_term` it goes on.
  Index base = 0;
  TermStart base_term;
  int64_t base_offset = 0;  // one past the last record up to base
  int64_t log_start = 0;
  uint64_t generation = 0;  // of the sender's storage; does not travel

  bool same_state(const SnapshotInfo& other) const {
    return index == other.index && term == other.term && pieces == other.pieces && bytes == other.bytes &&
           checksum == other.checksum;
  }
};

// The info of another node is untrusted; sent_in: the term of the message.
bool is_sound(const SnapshotInfo& info, Term sent_in);

// The log of a member right after the snapshot was installed: empty.
StoredLog log_after(const SnapshotInfo& info);

// Pieces that came in so far.
class IncomingSnapshot {
 public:
  explicit IncomingSnapshot(SnapshotInfo info) : info_(std::move(info)) {}

  enum class PieceResult : uint8_t { kNotNext, kTaken, kDamaged };
  PieceResult add_piece(uint64_t number, Payload piece);
  bool complete() const { return pieces_.size() == info_.pieces; }
  // All pieces are there and are what the sender has.
  bool intact() const { return complete() && bytes_ == info_.bytes && checksum_ == info_.checksum; }

  const SnapshotInfo& info() const { return info_; }
  // The same state, with a log that begins elsewhere.
  void rebase(const SnapshotInfo& info) { info_ = info; }
  size_t pieces() const { return pieces_.size(); }
  SnapshotInstall install() const { return {std::make_shared<const SnapshotInfo>(info_), pieces_}; }

 private:
  SnapshotInfo info_;
  std::vector<Payload> pieces_;
  uint64_t bytes_ = 0;
  uint32_t checksum_ = 0;
};

}  // namespace chronik::raft
