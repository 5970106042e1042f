// The segment files of all groups: those that are open, with their maps, and what is to be removed or synced.
#pragma once

#include "storage-log/segment/place.h"
#include "storage-log/segment/spare_segments.h"

#include <chronik/files.hpp>

#include <array>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <vector>

namespace chronik::storage_log {

class GroupLog;

// The bytes of a segment, to read; for as long as the lease.
struct MappedBytes {
  const uint8_t* p = nullptr;
  uint64_t n = 0;
  Lease lease;
};

// [any] thread. One of SegmentFiles; kept open while somebody has it.
class OpenSegment : public std::enable_shared_from_this<OpenSegment> {
 public:
  using Readers = std::shared_ptr<const void>;
  // readers: of the file when it was open before, where some are left.
  OpenSegment(const SegmentId& id, File file, uint64_t size, Readers readers = nullptr);
  // Its file under another name. Nobody has the old one, or reads what it gave out.
  OpenSegment(const SegmentId& id, OpenSegment& old);
  const SegmentId& id() const { return id_; }
  const File& file() const { return file_; }
  uint64_t size() const { return size_.load(std::memory_order_acquire); }
  // [0, n) at least.
  Result<MappedBytes> map(uint64_t n, uint64_t usual);
  // To be kept by whoever reads what map() gave, beyond the time for which he has the segment: the file is not written over then.
  Readers readers() const { return readers_; }

 private:
  friend class SegmentFiles;
  friend class UseOrder;
  bool is_dirty() const { return synced_ != written_; }
  bool is_read() const { return readers_.use_count() > 1; }

  const SegmentId id_;
  File file_;
  std::atomic<uint64_t> size_;
  const Readers readers_;
  std::mutex mutex_;  // mapped_
  MappedBytes mapped_;

  // SegmentFiles::mutex_
  std::list<OpenSegment*>* list_ = nullptr;  // of UseOrder, while it is there
  std::list<OpenSegment*>::iterator place_;
  bool is_syncing_ = false;
  uint64_t written_ = 0;  // counts writes; of those before the file was opened none is left to sync
  uint64_t synced_ = 0;   // so many of them are durable
};

// Open segments by their last use: a read, a write, or the end of a sync. Under SegmentFiles::mutex_.
class UseOrder {
 public:
  void add(OpenSegment& segment);
  void remove(OpenSegment& segment);
  // Of one that is not there: nothing. It is closed when who has it is done.
  void note(OpenSegment& segment);
  // Clean ones and dirty ones; what was not used for longest is first.
  const std::array<std::list<OpenSegment*>, 2>& lists() const { return lists_; }

 private:
  std::list<OpenSegment*>& list_of(const OpenSegment& segment) { return lists_[segment.is_dirty() ? 1 : 0]; }

  std::array<std::list<OpenSegment*>, 2> lists_;
};

// [any] thread, but for what says otherwise.
class SegmentFiles {
 public:
  SegmentFiles(Files files, const SegmentOptions& options)
      : files_(files), options_(options), open_limit_(options.open_files), spares_(options.segment_bytes) {}
  const Files& files() const { return files_; }
  const SegmentOptions& options() const { return options_; }

  // The open file, or nullptr.
  std::shared_ptr<OpenSegment> find(const SegmentId& id);
  // The open file, if n bytes of it may be written and survive with its name: a direct write goes there at once. nullptr: prepare().
  std::shared_ptr<OpenSegment> ready(const SegmentId& id, uint64_t n);
  // [blocking] Makes ready() true, and says what ready() says. NO_SPACE, IO, and failure().
  Result<std::shared_ptr<OpenSegment>> prepare(const SegmentId& id, uint64_t n);
  // [blocking] To read. NOT_FOUND.
  Result<std::shared_ptr<OpenSegment>> open(const SegmentId& id) { return open(id, 0); }
  // [blocking] To write to [0, n) without DURABLE. After written(), sync_written() makes it durable, with the name.
  Result<std::shared_ptr<OpenSegment>> open_to_write(const SegmentId& id, uint64_t n);
  void written(OpenSegment& segment);

  // Files that no log lists any more, as is durable, go in the background, with their indexes, or become files of other segments.
  // Leases on them go on. From scan() to remove_unlisted_files() none becomes another: a power loss may still take frames that a start reads.
  void remove(std::span<const SegmentId> ids);
  // 50 ms have passed: those that were kept for others and that nobody took for long go.
  void tick();
  // All of them do.
  void give_up_spares();
  bool has_spares() const;
  bool has_removals() const;
  // [blocking] At most so many. What could not be removed is tried again by the next call.
  Status remove_some(size_t files);

  // [blocking] All that was written() before the call is durable, with all names. IO: see failure().
  Status sync_written();
  // OK, or the first sync that failed: IO. What was written before may be lost whatever a later sync says, and memory does not
  // have it any more. So nothing more is written or synced here.
  Status failure() const;

  // [blocking] At a start, before anything else: what lies in the folder.
  Status scan();
  // At a start, after the last frame. CORRUPT names the first segment that is missing, or shorter than what the checkpoint had of
  // it. The log serves what lies before it, and behind it.
  Status check(const GroupLog& log) const;
  // [blocking] Then, before the first write: removes what no log lists, but of groups that keep it. next_group: the smallest id
  // that a group may get.
  Status remove_unlisted_files(std::span<const std::shared_ptr<GroupLog>> logs, uint64_t next_group,
                               const std::function<bool(uint64_t group)>& keeps = nullptr);

  // On disk, as sizes of files.
  uint64_t file_bytes() const;
  size_t open_count() const;

 private:
  Result<std::shared_ptr<OpenSegment>> open(const SegmentId& id, uint32_t flags);
  Result<File> open_file(const SegmentId& id, uint32_t flags);
  Result<std::shared_ptr<OpenSegment>> reuse_spare(const SegmentId& id);
  Result<std::shared_ptr<OpenSegment>> rename(const SegmentId& from, OpenSegment* old, const SegmentId& to);
  Status grow(OpenSegment& segment, uint64_t n);
  Status make_room();
  std::vector<std::shared_ptr<OpenSegment>> least_used();
  std::shared_ptr<OpenSegment> take_open(const SegmentId& id);
  Status sync(std::span<const std::shared_ptr<OpenSegment>> segments);
  Status sync_names();
  Status remove_one(const SegmentId& id);
  Status keep_failure(const std::string& what, const Error& error);
  void remove_at_once(std::span<const SegmentId> ids);
  void forget(const SegmentId& id);
  bool is_read(const SegmentId& id) const;
  void set_size(const SegmentId& id, uint64_t size);
  uint64_t size_of(const SegmentId& id) const;

  const Files files_;
  const SegmentOptions options_;

  std::mutex opening_;        // a file is opened once at a time; held during that, before mutex_
  mutable std::mutex mutex_;  // all below
  std::map<SegmentId, std::shared_ptr<OpenSegment>> open_;
  UseOrder by_use_;  // of open_
  std::condition_variable sync_ended_;
  std::map<SegmentId, uint64_t> sizes_;  // of all there are
  uint64_t file_bytes_ = 0;
  size_t open_limit_;  // of the configuration; less where the process may have no more
  uint64_t ticks_ = 0;
  std::set<SegmentId> unsynced_names_;
  std::map<SegmentId, std::weak_ptr<const void>> read_;  // closed, and perhaps read by who had it
  SpareSegments spares_;
  std::set<SegmentId> to_remove_;
  bool is_starting_ = false;           // from scan() to remove_unlisted_files()
  std::set<SegmentId> found_indexes_;  // likewise
  Status failure_;
};

}  // namespace chronik::storage_log
