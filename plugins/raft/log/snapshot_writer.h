// Puts a snapshot into storage in the place of the one before it.
#pragma once

#include "raft/log/store.h"
#include "raft/log/write.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace chronik::raft {

// Pieces go to storage a few to a write, so that the commits of other groups pass between them. They lie
// under a generation of their own, and count from the write on that puts the key of the snapshot; it also
// removes the pieces of the snapshot before. Those that a crash left of one which never counted go with the
// first write. A storage that is full gets all at once: it takes that or refuses it without trying.
class SnapshotWriter : public std::enable_shared_from_this<SnapshotWriter> {
 public:
  static constexpr uint32_t kPiecesAtOnce = 4;

  using Done = std::function<void(const Status&)>;
  using Submit = std::function<void(Write, Done)>;
  // Adds what is to happen together with the change of snapshots, and has a last word at what is recorded of the
  // new one.
  using AddSteps = std::function<void(Write*, SnapshotMeta*)>;

  // Lives until done was called, on the shard on which it was started. pieces are kept by whoever holds
  // owner; submit takes one write after the other.
  struct Job {
    uint64_t group = 0;
    SnapshotMeta before;  // counts until then
    SnapshotMeta meta;    // of a later generation
    std::vector<chr_slice> pieces;
    std::shared_ptr<const void> owner;
  };
  static void run(const Store& store, Submit submit, Job job, AddSteps add_steps, Done done);

 private:
  SnapshotWriter(const Store& store, Submit submit, Job job, AddSteps add_steps, Done done)
      : store_(store),
        at_once_(store.full() ? UINT32_MAX : kPiecesAtOnce),
        submit_(std::move(submit)),
        job_(std::move(job)),
        add_steps_(std::move(add_steps)),
        done_(std::move(done)) {}

  void find_stale(uint64_t generation, uint32_t piece, const std::function<void()>& then);
  void put_pieces();
  void put_some(Write* write, size_t end);
  void put_key();
  void give_up(const Status& why);

  const Store store_;
  const uint32_t at_once_;  // pieces in a write
  const Submit submit_;
  Job job_;
  const AddSteps add_steps_;
  const Done done_;
  uint32_t put_ = 0;    // pieces on their way, or there
  uint32_t there_ = 0;  // pieces that storage has
  std::vector<std::string> stale_;
};

}  // namespace chronik::raft
