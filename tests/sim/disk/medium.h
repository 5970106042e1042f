// The simulated disk of one storage plugin on one node: chronik.host.medium/1, and what is below the files
// that a storage opens by itself (files.h).
//
// Calls take effect at once in the view of the reader (the page cache), and on the platter by sync. A
// blocking job runs in one go, so every call carries the virtual time at which it happens in the job; a crash
// at time C knows by it which syncs had ended, and which writes had not even begun.
#pragma once

#include "sim/base/rng.h"
#include "sim/disk/platter.h"

#include <chronik/host_services.h>

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::sim {

struct MediumCosts {
  uint64_t call_ns = 2'000;
  uint64_t sync_ns = 200'000;  // mean
  double bytes_per_ns = 0.5;   // 500 MB/s
};

class Medium {
 public:
  explicit Medium(Rng rng) : rng_(rng) {}

  // A call waits for those before it, of other jobs too: there is one queue. What that and the call itself
  // take is added to *cost, which the caller adds to the time of its job.
  uint64_t size() const { return bytes_.size(); }
  chr_status read(uint64_t at, uint8_t* p, uint64_t n) const;
  chr_status write(uint64_t now, uint64_t at, const uint8_t* p, uint64_t n, uint64_t* cost);
  chr_status resize(uint64_t now, uint64_t n);
  chr_status sync(uint64_t now, uint64_t* cost);

  // ---- the same on a file ----
  // The disk holds it from now on, until drop(). The file outlives that.
  void hold(Volume& file) { files_.push_back(&file); }
  void drop(Volume& file);
  // *taken: how much of it was written, which may be less than all. through: durable when it returns.
  chr_status write(uint64_t now, Volume& file, uint64_t at, std::string_view bytes, bool through,
                   uint64_t* taken, uint64_t* cost);
  void resize(uint64_t now, Volume& file, uint64_t n);
  chr_status sync(uint64_t now, Volume& file, uint64_t* cost);
  // Power loss: what was not synced by `now` survives in part, or torn, or not at all.
  void crash(uint64_t now);
  // The process ended, the machine did not: what was written by `now` stays for its readers, but as little
  // durable as before.
  void kill(uint64_t now);
  // The process ended as it wished.
  void stopped(uint64_t now);

  // ---- faults ----
  MediumCosts costs;
  uint64_t slow_until = 0;  // until then each sync takes `slow_ns` more
  uint64_t slow_ns = 0;
  uint64_t stalled_until = 0;      // no call ends before
  uint64_t capacity = UINT64_MAX;  // NO_SPACE beyond
  bool fills_up = false;           // a write to a file for which there is not room is done as far as there is
  bool fail_next_sync =
      false;  // IO, once; what it was to make durable is never made so, though later syncs say OK
  bool fail_next_write = false;   // of a file: IO, once, and nothing is written
  bool short_next_write = false;  // of a file: only a part of it is written, once
  bool sync_lies = false;         // a planted bug: sync does nothing
  // Called when the sync that makes this 0 has begun, with the time at which it ends.
  uint64_t syncs_until_call = 0;
  std::function<void(uint64_t ends)> on_sync;
  // One bit of what is durable is another from now on; `which` chooses it. Never one of the newest
  // synced write or later ones: a damaged end of a journal cannot be told from a torn one. False:
  // there was nothing to choose from.
  bool flip(uint64_t now, uint64_t which);

  // Something else did that to a file.
  void note_damage() { damaged_ = true; }

  bool busy(uint64_t at) const { return busy_until_ > at; }
  bool sync_failed() const { return sync_failed_; }  // since the last crash
  // A call failed in a way that a process need not survive, since its start.
  bool failed() const { return sync_failed_ || write_failed_; }
  uint64_t used() const;  // by all that it holds
  bool damaged() const { return damaged_; }
  uint64_t refusals() const { return refusals_; }  // NO_SPACE
  uint64_t syncs() const { return syncs_; }
  uint64_t lost_writes() const { return lost_; }

 private:
  struct Change {
    Volume* file;   // nullptr: the medium
    uint64_t time;  // when it was made
    uint64_t at;
    uint64_t old_size;  // before
    uint64_t new_size;
    std::string before;   // what it overwrote
    uint64_t n;           // bytes written; 0 for a resize
    uint64_t durable_at;  // UINT64_MAX: not synced
  };
  Volume& volume(const Change& change) { return change.file != nullptr ? *change.file : bytes_; }
  void put(uint64_t now, Volume* file, uint64_t at, const char* p, uint64_t n, uint64_t* cost);
  void cut(uint64_t now, Volume* file, uint64_t n);
  // How much of a write there is room for.
  uint64_t fitting(const Volume& file, uint64_t at, uint64_t n) const;
  // Makes what is not durable yet durable when the sync ends: all of one volume, or its last change.
  chr_status flush(uint64_t now, Volume* file, bool last_only, uint64_t* cost);
  void forget_durable(uint64_t now);
  void roll_back(uint64_t now, bool power_loss);
  void undo(const Change& change);
  void redo(const Change& change, const std::string& text);
  void stay_cached(uint64_t now, const std::vector<std::string>& written);

  // When a call made now begins; *cost and the queue grow by the wait and by `own`.
  uint64_t begin(uint64_t now, uint64_t own, uint64_t* cost);

  Rng rng_;
  uint64_t busy_until_ = 0;
  bool sync_failed_ = false;
  bool write_failed_ = false;
  bool damaged_ = false;
  uint64_t synced_from_[2] = {0, 0};  // where the writes of the last two syncs began
  Platter bytes_;
  std::vector<Volume*> files_;
  std::deque<Change> changes_;  // not yet durable, oldest first
  uint64_t refusals_ = 0;
  uint64_t syncs_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace chronik::sim
