// What a store wrote and synced, in order, and the images that a power loss at any moment of it may leave:
// what was synced is there; of the rest nothing, all, or any choice of 512-byte sectors.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::conformance {

using Image = std::map<std::string, std::string>;  // content by file name

// Which unsynced writes a power loss spares.
enum class Survivors { kNone, kAll, kSomeSectors };

class Trace {
 public:
  enum class Kind { kWrite, kResize, kSync, kSyncOne, kIssued, kAcknowledged };
  struct Event {
    Kind kind;
    std::string file;
    uint64_t at = 0;    // kWrite: offset; kResize: new size; kSyncOne: the event of its write; kIssued,
                        // kAcknowledged: which
    std::string bytes;  // kWrite
  };

  explicit Trace(Image base = {}) : base_(std::move(base)) {}

  // Returns the number of the event.
  size_t wrote(std::string file, uint64_t at, const void* bytes, uint64_t n) {
    return add({Kind::kWrite, std::move(file), at, std::string(static_cast<const char*>(bytes), n)});
  }
  void resized(std::string file, uint64_t size) { add({Kind::kResize, std::move(file), size, {}}); }
  void synced(std::string file) { add({Kind::kSync, std::move(file), 0, {}}); }
  // One write alone became durable (O_DSYNC).
  void synced_one(std::string file, size_t write) { add({Kind::kSyncOne, std::move(file), write, {}}); }
  void issued(uint64_t n) { add({Kind::kIssued, {}, n, {}}); }
  void acknowledged(uint64_t n) { add({Kind::kAcknowledged, {}, n, {}}); }

  const std::vector<Event>& events() const { return events_; }
  // The first `end` events alone: where a process that was killed then left off.
  Trace until(size_t end) const {
    Trace trace(base_);
    trace.events_.assign(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(end));
    return trace;
  }
  // Just before and just after each sync: where images are worth looking at.
  std::vector<size_t> boundaries() const;
  // What the disk may hold if the power fails before event number `end`.
  Image image(size_t end, Survivors survivors, std::mt19937_64& random) const;

 private:
  size_t add(Event event) {
    events_.push_back(std::move(event));
    return events_.size() - 1;
  }
  static void apply(const Event& event, std::string& content);
  static void apply_some_sectors(const Event& event, std::string& content, std::mt19937_64& random);

  Image base_;
  std::vector<Event> events_;
};

}  // namespace chronik::conformance
