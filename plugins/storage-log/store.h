// chronik.storage/1 on one journal of commits for all groups and segment files per group: the service, and what
// drives its parts. Safe to call from any thread.
//
// Whatever happens under the mutex is a turn: a call, the end of a write, a tick of the timer. A turn takes what it
// brought, lets the lanes accept what they can, and hands frames that may be written to the journal; what a turn
// leads to (completions, writes, jobs) is done when the mutex is free again.
#pragma once

#include "storage-log/lanes.h"
#include "storage-log/reads.h"
#include "storage-log/upkeep.h"

namespace chronik::storage_log {

class Store {
 public:
  explicit Store(Host host) : host_(host) {}

  // [ctl] Opens and recovers on a blocking thread, then completes the token.
  Status start(uint64_t token);
  // [ctl] Ends what is queued and in flight, then completes the token; true: there was nothing to end. A stop that comes during
  // the start waits for the end of the start.
  bool stop(uint64_t token);

  // ---- chr_storage_v1, where the rules stand ----
  chr_status open_group(chr_str name, uint64_t* group, chr_error* error);
  void list_groups(void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context);
  chr_status write(const chr_storage_write* writes, uint32_t n, chr_error* error);
  chr_status read(const chr_storage_read* args, chr_entries* out, uint64_t token, chr_error* error);
  chr_status find(uint64_t group, int32_t by, int64_t value, chr_entry_header* out, uint64_t token,
                  chr_error* error);
  chr_status get(uint64_t group, chr_str key, chr_slice* out, uint64_t token, chr_error* error);
  chr_status bounds(uint64_t group, chr_storage_bounds* out);
  chr_status usage(chr_storage_usage* out);

 private:
  // What there is once the store is started.
  struct Opened {
    Opened(Store& store, const Files& files, const StoreOptions& options);

    StoreParts parts;
    Lanes lanes;
    Upkeep upkeep;
    Reads reads;
  };
  using Step = std::function<void(Turn&)>;
  // Ends of writes that a shard brought.
  struct Outbox {
    std::vector<Turn::End> ends;
    bool is_posted = false;  // a turn there is on its way
  };

  Status open();
  void finish_start(uint64_t token, const Status& opened);
  void begin_stop(uint64_t token);
  // Runs the step under the mutex, and does what it leads to.
  void turn(const Step& step);
  void go_on(Turn& turn);
  std::vector<Turn::End> take_ends(Turn& turn);
  void complete(std::vector<Turn::End>& ends);
  void perform(Turn& turn);
  void refuse_what_is_stuck(Turn& turn);
  void post_turn(uint32_t shard, Step step);

  Status check_taken(const std::vector<OwnedWrite>& writes) const;
  void take(std::vector<OwnedWrite>& writes, Turn& turn);
  void submit(const Journal::Frame& frame, Turn& turn);
  void frame_done(const Journal::Frame& frame, const Status& status);
  void keep_or_fail(const Journal::Frame& frame, const Error& error);
  void publish(Commits::Frame& frame, Turn& turn);

  // A timer for what may wait a moment: the mark of an idle journal, moves of little, what found no room.
  bool wants_timer() const;
  void arm();  // on a shard
  static void CHR_CALL tick(void* self);

  // A disk that failed: all is refused, and the node ends once nothing is being written any more.
  void fail(const Error& error);
  void end_after_failure(Turn& turn);
  void refuse_all(Turn& turn);

  bool is_idle() const;
  // Where a stop waits and no turn is under way: what is left to do, or its token.
  std::optional<uint64_t> advance_stop(Turn& turn);

  Host host_;
  std::unique_ptr<Opened> opened_;

  std::mutex opening_mutex_;
  bool is_opening_ = false;
  std::optional<uint64_t> early_stop_;  // token of a stop that came during the start

  // Under the mutex of the parts.
  uint32_t turns_ = 0;  // under way
  uint64_t timer_ = 0;  // 0: none runs
  uint32_t timer_shard_ = 0;
  uint32_t posted_ = 0;                                              // turns on their way to a shard
  uint32_t submitted_ = 0;                                           // frames that are being written
  std::vector<Journal::Frame> unwritten_;                            // those that found no room on the disk
  uint64_t unwritten_since_ns_ = 0;                                  // 0: not since a frame was written
  enum class Ending { kNo, kErasing, kDone } ending_ = Ending::kNo;  // after a failure
  std::vector<Outbox> outboxes_;                                     // by shard
  bool was_stopped_ = false;
  std::optional<uint64_t> stop_token_;
};

}  // namespace chronik::storage_log
