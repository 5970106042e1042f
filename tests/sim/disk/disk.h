// The simulated disk of one node: what is below the files that a storage opens by itself (interposed_files.h), and below
// those of its host (host_files.h).
//
// Calls take effect at once in the view of the reader (the page cache), and last from a sync on. A blocking job
// runs in one go, so every call carries the virtual time at which it happens in the job; a crash at time C
// knows by it which syncs had ended, and which writes had not even begun.
#pragma once

#include "sim/base/rng.h"
#include "sim/disk/volume.h"

#include <chronik/host_services.h>

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::sim {

struct DiskCosts {
  uint64_t call_ns = 2'000;
  uint64_t sync_ns = 200'000;  // mean
  double bytes_per_ns = 0.5;   // 500 MB/s
};

class Disk {
 public:
  explicit Disk(Rng rng) : rng_(rng) {}

  // The disk holds it from now on, until drop(), or uncount() where it may come back. The file outlives that.
  void hold(Volume& file) { files_.insert(&file); }
  void uncount(Volume& file) { files_.erase(&file); }
  void drop(Volume& file);

  // ---- calls that a job waits for ----
  // Such a call waits for those before it, of other jobs too: there is one queue. What that and the call itself
  // take is added to *cost, which the caller adds to the time of its job.
  // *taken: how much of it was written, which may be less than all. through: durable when it returns.
  chr_status write(uint64_t now, Volume& file, uint64_t at, std::string_view bytes, bool through,
                   uint64_t* taken, uint64_t* cost);
  void resize(uint64_t now, Volume& file, uint64_t n);
  chr_status sync(uint64_t now, Volume& file, uint64_t* cost);
  void read(uint64_t now, uint64_t n, uint64_t* cost) { begin(now, takes(n), cost); }
  // A sync that is of no file. *durable_at: UINT64_MAX where it says OK and does nothing.
  chr_status sync_names(uint64_t now, uint64_t* durable_at, uint64_t* cost);

  // ---- calls in flight: many at a time, which end in any order ----
  struct InFlight {
    chr_status status;
    uint64_t ends;
  };
  // durable: when it ends, and so are the cuts of the file before.
  InFlight begin_write(uint64_t now, Volume& file, uint64_t at, std::string_view bytes, bool durable);
  // Of what had ended when it began.
  InFlight begin_sync(uint64_t now, Volume& file);

  // Nothing happens before this time any more: no crash, above all.
  void passed(uint64_t now) { passed_ = now; }
  // Power loss: what was not synced by `now` survives in part, or torn, or not at all.
  void crash(uint64_t now);
  // The process ended, the machine did not: what was written by `now` stays for its readers, but as little
  // durable as before; of what was in flight any part.
  void kill(uint64_t now);
  // The process ended as it wished.
  void stopped(uint64_t now);

  // ---- faults ----
  DiskCosts costs;
  uint64_t slow_until = 0;  // until then each sync takes `slow_ns` more
  uint64_t slow_ns = 0;
  uint64_t stalled_until = 0;      // no call ends before
  uint64_t capacity = UINT64_MAX;  // NO_SPACE beyond
  bool fills_up = false;           // a write for which there is not room is done as far as there is
  bool fail_next_sync =
      false;  // IO, once; what it was to make durable is never made so, though later syncs of the file say OK
  bool fail_next_write = false;   // IO, once, and nothing is written
  bool short_next_write = false;  // only a part of it is written, once
  // The kernel writes back what it has in its cache, finds no room, and drops it: what of any file has ended and is not durable
  // never is. The next durable write of the file is told so, NO_SPACE, and the next sync, each once.
  void fail_write_back(uint64_t now);
  // Planted bugs: a sync does nothing; what makes durable says so when it has only begun; what a durable write was told, no sync is.
  bool sync_lies = false;
  bool answers_early = false;
  bool tells_once = false;
  // Called when the sync that makes this 0 has begun, with the time at which it ends.
  uint64_t syncs_until_call = 0;
  std::function<void(uint64_t ends)> on_sync;
  // One bit of what is durable is another from now on; `which` chooses it. Never one of the newest durable
  // write or later ones: a damaged end of a journal cannot be told from a torn one. False: there was nothing
  // to choose from.
  bool flip(uint64_t now, Volume& file, uint64_t which);

  // Something else did that to a file.
  void note_damage() { damaged_ = true; }

  bool busy(uint64_t at) const { return std::max(busy_until_, in_flight_until_) > at; }
  bool sync_failed() const { return sync_failed_; }  // or a write-back, since the last crash
  // A call failed in a way that a process need not survive, since its start.
  bool failed() const { return sync_failed_ || write_failed_; }
  uint64_t used() const;  // by all that it holds
  uint64_t room() const;
  bool damaged() const { return damaged_; }
  uint64_t refusals() const { return refusals_; }  // NO_SPACE
  void refused() { ++refusals_; }
  uint64_t syncs() const { return syncs_; }

 private:
  struct Change {
    Volume* file;
    uint64_t time;  // when it was made
    uint64_t ends;  // until then any part of it may be
    uint64_t at;
    uint64_t old_size;  // before
    uint64_t new_size;
    std::string before;    // what it overwrote
    uint64_t n;            // bytes written; 0 for a resize
    uint64_t durable_at;   // UINT64_MAX: not synced
    bool is_lost = false;  // by a sync that failed: it never is
  };
  uint64_t takes(uint64_t n) const {
    return costs.call_ns + static_cast<uint64_t>(static_cast<double>(n) / costs.bytes_per_ns);
  }
  // What a write meets: how much of it is done.
  chr_status admit(const Volume& file, uint64_t at, uint64_t* n);
  void put(Volume& file, uint64_t at, std::string_view bytes, uint64_t starts, uint64_t ends);
  // How much of a write there is room for.
  uint64_t fitting(const Volume& file, uint64_t at, uint64_t n) const;
  // A sync that ends then has begun: what becomes of it.
  chr_status admit_sync(uint64_t ends);
  uint64_t sync_takes(uint64_t now) {
    return costs.sync_ns / 2 + rng_.around(costs.sync_ns / 2) + (now < slow_until ? slow_ns : 0);
  }
  // Durable then: what of the file had ended by `now`; or its last change, and the resizes before that.
  void cover(Volume& file, uint64_t now, uint64_t then);
  void cover_last(Volume& file, uint64_t then);
  // Lost: what cover() would have made durable. False: there is no such.
  bool lose(Volume& file, uint64_t now);
  // Of a file, whose write-back failed: who is still to be told.
  struct Untold {
    bool write = true;
    bool sync = true;
  };
  // NO_SPACE: it is told now.
  chr_status tell(Volume& file, bool Untold::* who);
  void forget_durable();
  void roll_back(uint64_t now, bool power_loss);
  static void undo(const Change& change);
  static void redo(const Change& change, std::string_view text);
  void redo_some(const Change& change, std::string_view text);
  void stay_cached(uint64_t now, const std::vector<std::string>& written);

  // When a call made now begins; *cost and the queue grow by the wait and by `own`.
  uint64_t begin(uint64_t now, uint64_t own, uint64_t* cost);

  Rng rng_;
  uint64_t passed_ = 0;
  uint64_t busy_until_ = 0;
  uint64_t in_flight_until_ = 0;
  bool sync_failed_ = false;
  bool write_failed_ = false;
  bool damaged_ = false;
  std::map<const Volume*, std::array<uint64_t, 2>> synced_from_;  // where its last two durable writes began
  std::map<const Volume*, Untold> untold_;
  std::set<Volume*> files_;     // in no order that says anything: what is done with one, is with all
  std::deque<Change> changes_;  // not yet durable, oldest first
  uint64_t refusals_ = 0;
  uint64_t syncs_ = 0;
};

}  // namespace chronik::sim
