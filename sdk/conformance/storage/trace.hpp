// What a store wrote and synced, in order, and the images that a power loss at any moment of it may leave:
// what was synced is there; of the rest nothing, all, or any choice of 512-byte sectors and of changes to names.
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
  enum class Kind {
    kWrite,
    kZero,
    kResize,
    kEnd,  // of a write that was under way
    kSync,
    kSyncOne,
    kName,
    kSyncNames,
    kIssued,
    kAcknowledged
  };
  static constexpr uint64_t kNow = UINT64_MAX;
  struct Event {
    Kind kind;
    std::string file;  // which, whatever its name is by then; of kName the new name
    uint64_t at =
        0;  // kWrite, kZero: offset; kResize: new size; kEnd, kSyncOne: the event of its write; kSync:
            // how many events there were when it began; kIssued, kAcknowledged: which
    std::string bytes{};      // kWrite; of kName the file, empty where the name goes
    uint64_t n = 0;           // kZero
    bool ends_later = false;  // kWrite: of the host's files, any part of it may be done until its kEnd
    std::string from{};       // kName: what the file was called before, if it was
  };

  explicit Trace(Image base = {});

  // Returns the number of the event. The file is known by its name, and made durably where there is none.
  size_t wrote(const std::string& name, uint64_t at, const void* bytes, uint64_t n);
  void resized(const std::string& name, uint64_t size) { cut(known(name), size); }
  void synced(const std::string& name) { add({Kind::kSync, file_of(name), kNow}); }
  // One write alone became durable (O_DSYNC).
  void synced_one(size_t write) { add({Kind::kSyncOne, events_[write].file, write}); }
  void issued(uint64_t n) { add({Kind::kIssued, {}, n}); }
  void acknowledged(uint64_t n) { add({Kind::kAcknowledged, {}, n}); }

  // ---- the same for the host's files, whose names come and go ----
  // The file that has this name now; made is one that has it from now on.
  std::string file_of(const std::string& name) const;
  std::string made(const std::string& name);
  void renamed(const std::string& from, const std::string& to);
  void removed(const std::string& name) { add({Kind::kName, name}); }
  void synced_names() { add({Kind::kSyncNames, {}}); }
  size_t begun(const std::string& file, uint64_t at, std::string bytes) {
    return add({Kind::kWrite, file, at, std::move(bytes), 0, true});
  }
  void ended(size_t write) { add({Kind::kEnd, events_[write].file, write}); }
  // The process is gone: what was under way is done.
  void end_all();
  void zeroed(const std::string& file, uint64_t at, uint64_t n) { add({Kind::kZero, file, at, {}, n}); }
  void cut(const std::string& file, uint64_t size) { add({Kind::kResize, file, size}); }
  // began: events().size() of then.
  void synced(const std::string& file, size_t began) { add({Kind::kSync, file, began}); }

  const std::vector<Event>& events() const { return events_; }
  // The first `end` events alone: where a process that was killed then left off.
  Trace until(size_t end) const;
  // Just before and just after each sync: where images are worth looking at.
  std::vector<size_t> boundaries() const;
  // What the disk may hold if the power fails before event number `end`.
  Image image(size_t end, Survivors survivors, std::mt19937_64& random) const;

 private:
  using Names = std::map<std::string, std::string>;  // which file has a name

  size_t add(Event event);
  std::string known(const std::string& name);
  static void rename(const Event& event, Names& names);
  Names names_before(size_t end, Survivors survivors, std::mt19937_64& random) const;

  Image base_;
  std::vector<Event> events_;
  Names names_;  // after all events
  uint64_t files_ = 0;
};

}  // namespace chronik::conformance
