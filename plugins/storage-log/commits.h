// Commits: what was accepted, on its way into the journal. Writes gather in a frame; it is written as soon as
// fewer than so many others are being written, and what comes meanwhile gathers in the next one.
#pragma once

#include "storage-log/groups.h"
#include "storage-log/journal/journal.h"

namespace chronik::storage_log {

// Under the store's mutex.
class Commits {
 public:
  // One write in a frame.
  struct Effect {
    std::shared_ptr<Group> group;
    OwnedWrite write;
  };
  struct Frame {
    Frame(Host host, uint64_t block, uint64_t the_number) : number(the_number), buffer(host, block) {}
    const uint64_t number;  // by which it is known while it gathers
    FrameBuffer buffer;
    std::vector<uint64_t> groups;
    std::vector<Effect> effects;  // one per change in the buffer
    uint64_t sequence = 0;        // once it is written
    uint64_t began_ns = 0;
  };

  Commits(Host host, Journal& journal) : host_(host), journal_(journal) {}

  // Room for a change of so many bytes. OVERLOADED: the host has no memory; INVALID_ARGUMENT: it fits in no file of
  // the journal.
  Status reserve(uint64_t bytes);
  // Which was reserved.
  void add(const GroupChange& change, uint64_t bytes, Effect effect);

  // The frames that may be written now.
  std::vector<Journal::Frame> take_ready();
  // An empty one, that says how far all is durable.
  std::optional<Journal::Frame> take_mark();
  // A frame was written: those that are durable now, in order.
  std::vector<std::unique_ptr<Frame>> finished(uint64_t sequence);

  bool is_idle() const;
  // Frames wait that could be written if the journal had room.
  bool is_stuck() const;
  // What was neither written nor found durable: after a failure.
  std::vector<std::unique_ptr<Frame>> take_all();
  // What was not written, nor will be.
  std::vector<std::unique_ptr<Frame>> take_gathered();

 private:
  std::unique_ptr<Frame> make_frame();
  std::optional<Journal::Frame> begin(std::unique_ptr<Frame> frame);

  Host host_;
  Journal& journal_;
  uint64_t last_number_ = 0;
  std::deque<std::unique_ptr<Frame>> gathered_;  // more are added to the last one
  std::deque<std::unique_ptr<Frame>> written_;   // and not durable
};

}  // namespace chronik::storage_log
