#include "storage-log/segment/segment_files.h"

#include "storage-log/segment/group_log.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kPage = 4096;
constexpr size_t kMinOpenFiles = 4;
constexpr size_t kSyncedTogether = 256;        // more at a time would hold up commits for longer
constexpr size_t kSyncedForRoom = 32;          // with the one that is closed: they are next
constexpr uint64_t kTicksPerFile = 20;         // until one more may be open than before
constexpr uint64_t kMinFileBytes = 16u << 10;  // a partition with one record takes no more

// To what size a file grows so that n bytes fit: few sizes on the way to a whole segment, and little in a small one.
uint64_t grown_size(uint64_t n, uint64_t segment_bytes) {
  uint64_t size = kMinFileBytes;
  while (size < n) size *= 4;
  return size > segment_bytes ? std::max(n, segment_bytes) : size;
}

// Of what nobody else has any more: what others did with it was before what follows. use_count() alone does not say so.
template <class T>
void follow(const std::shared_ptr<T>& last) {
  std::shared_ptr<T>(last).reset();
}

}  // namespace

OpenSegment::OpenSegment(const SegmentId& id, File file, uint64_t size, Readers readers)
    : id_(id),
      file_(std::move(file)),
      size_(size),
      readers_(readers != nullptr ? std::move(readers) : std::make_shared<char>()) {}

OpenSegment::OpenSegment(const SegmentId& id, OpenSegment& old)
    : id_(id),
      file_(std::move(old.file_)),
      size_(old.size()),
      readers_(std::make_shared<char>()),
      mapped_(std::move(old.mapped_)),
      written_(old.written_),
      synced_(old.synced_) {}

Result<MappedBytes> OpenSegment::map(uint64_t n, uint64_t usual) {
  const std::lock_guard lock(mutex_);
  if (mapped_.n < n) {
    const uint64_t pages = (std::max(n, usual) + kPage - 1) & ~(kPage - 1);
    CHRONIK_TRY(const chr_slice mapped, file_.map(0, pages));
    mapped_ = {mapped.p, mapped.n, Lease::adopt(mapped.lease)};
  }
  return mapped_;
}

void UseOrder::add(OpenSegment& segment) {
  segment.list_ = &list_of(segment);
  segment.place_ = segment.list_->insert(segment.list_->end(), &segment);
}

void UseOrder::remove(OpenSegment& segment) { std::exchange(segment.list_, nullptr)->erase(segment.place_); }

void UseOrder::note(OpenSegment& segment) {
  if (segment.list_ == nullptr) return;
  std::list<OpenSegment*>& to = list_of(segment);
  to.splice(to.end(), *segment.list_, segment.place_);
  segment.list_ = &to;
}

std::shared_ptr<OpenSegment> SegmentFiles::find(const SegmentId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end()) return nullptr;
  by_use_.note(*found->second);
  return found->second;
}

std::shared_ptr<OpenSegment> SegmentFiles::ready(const SegmentId& id, uint64_t n) {
  std::shared_ptr<OpenSegment> segment = find(id);
  if (segment == nullptr || segment->size() < n) return nullptr;
  const std::lock_guard lock(mutex_);
  return unsynced_names_.contains(id) || !failure_ ? nullptr : segment;
}

Result<std::shared_ptr<OpenSegment>> SegmentFiles::prepare(const SegmentId& id, uint64_t n) {
  CHRONIK_TRY(std::shared_ptr<OpenSegment> segment, open_to_write(id, n));
  bool has_name = false;
  {
    const std::lock_guard lock(mutex_);
    has_name = !unsynced_names_.contains(id);
  }
  if (!has_name) CHRONIK_CHECK(sync_names());
  return segment;
}

Result<std::shared_ptr<OpenSegment>> SegmentFiles::open_to_write(const SegmentId& id, uint64_t n) {
  CHRONIK_CHECK(failure());
  CHRONIK_TRY(std::shared_ptr<OpenSegment> segment, open(id, CHR_FILE_CREATE));
  if (segment->size() < n) CHRONIK_CHECK(grow(*segment, n));
  return segment;
}

void SegmentFiles::written(OpenSegment& segment) {
  const std::lock_guard lock(mutex_);
  ++segment.written_;
  by_use_.note(segment);
}

Result<std::shared_ptr<OpenSegment>> SegmentFiles::open(const SegmentId& id, uint32_t flags) {
  if (std::shared_ptr<OpenSegment> segment = find(id)) return segment;
  const std::lock_guard lock(opening_);
  if (std::shared_ptr<OpenSegment> segment = find(id)) return segment;
  CHRONIK_CHECK(make_room());
  if ((flags & CHR_FILE_CREATE) != 0) {
    CHRONIK_TRY(std::shared_ptr<OpenSegment> reused, reuse_spare(id));
    if (reused != nullptr) return reused;
  }
  CHRONIK_TRY(File file, open_file(id, flags));
  const uint64_t size = file.info().size;
  const std::lock_guard state(mutex_);
  const auto read = read_.find(id);
  auto segment = std::make_shared<OpenSegment>(id, std::move(file), size,
                                               read == read_.end() ? nullptr : read->second.lock());
  // Another thread may have asked for the removal meanwhile: then this one goes with it.
  if (!sizes_.contains(id)) unsynced_names_.insert(id);
  set_size(id, size);
  open_.emplace(id, segment);
  by_use_.add(*segment);
  return segment;
}

// With opening_ held. Where the process may not have so many files open, fewer of these are kept, and some are left for others.
Result<File> SegmentFiles::open_file(const SegmentId& id, uint32_t flags) {
  Result<File> file = files_.open(segment_name(id), flags);
  if (file || file.error().code != Code::kOverloaded) return file;
  {
    const std::lock_guard lock(mutex_);
    open_limit_ = std::max(kMinOpenFiles, open_.size() * 3 / 4);
  }
  CHRONIK_CHECK(make_room());
  return files_.open(segment_name(id), flags);
}

// With opening_ held. nullptr: there is none, or the log has not filled the segment before, and may never fill this one.
Result<std::shared_ptr<OpenSegment>> SegmentFiles::reuse_spare(const SegmentId& id) {
  std::optional<SegmentId> spare;
  std::shared_ptr<OpenSegment> old;
  {
    const std::lock_guard lock(mutex_);
    const auto before = sizes_.find({id.group, id.number - 1});
    if (before == sizes_.end() || before->second < options_.segment_bytes || sizes_.contains(id))
      return nullptr;
    spare = spares_.take([&](const SegmentId& each) {
      const auto found = open_.find(each);
      return !is_read(each) && (found == open_.end() || found->second.use_count() == 1);
    });
    if (!spare) return nullptr;
    old = take_open(*spare);
    if (old != nullptr) {
      follow(old);
      follow(old->readers_);
    }
  }
  Result<std::shared_ptr<OpenSegment>> renamed = rename(*spare, old.get(), id);
  if (renamed) return renamed;
  remove_at_once({&*spare, 1});
  if (renamed.error().code == Code::kNotFound) return nullptr;
  return renamed;
}

Result<std::shared_ptr<OpenSegment>> SegmentFiles::rename(const SegmentId& from, OpenSegment* old,
                                                          const SegmentId& to) {
  const Status unindexed = files_.remove(index_name(from));
  if (!unindexed && unindexed.error().code != Code::kNotFound) return std::unexpected(unindexed.error());
  CHRONIK_CHECK(files_.rename(segment_name(from), segment_name(to)));
  std::shared_ptr<OpenSegment> segment;
  if (old != nullptr) {
    segment = std::make_shared<OpenSegment>(to, *old);
  } else {
    CHRONIK_TRY(File file, open_file(to, 0));
    const uint64_t size = file.info().size;
    segment = std::make_shared<OpenSegment>(to, std::move(file), size);
  }
  const std::lock_guard lock(mutex_);
  forget(from);
  unsynced_names_.insert(to);
  set_size(to, segment->size());
  open_.emplace(to, segment);
  by_use_.add(*segment);
  return segment;
}

Status SegmentFiles::grow(OpenSegment& segment, uint64_t n) {
  const std::lock_guard lock(opening_);
  if (segment.size() >= n) return {};
  const uint64_t size = grown_size(n, options_.segment_bytes);
  CHRONIK_CHECK(segment.file().resize(size));
  segment.size_.store(size, std::memory_order_release);
  const std::lock_guard state(mutex_);
  if (sizes_.contains(segment.id())) set_size(segment.id(), size);
  return {};
}

// With opening_ held.
Status SegmentFiles::make_room() {
  for (;;) {
    const std::vector<std::shared_ptr<OpenSegment>> least = least_used();
    if (least.empty()) return {};
    CHRONIK_CHECK(sync(least));
    OpenSegment& segment = *least.front();
    const std::lock_guard lock(mutex_);
    if (least.front().use_count() > 2 || segment.is_dirty())
      return {};  // somebody came for it: one more stays open
    std::erase_if(read_, [](const auto& each) { return each.second.expired(); });
    if (segment.is_read()) read_[segment.id()] = segment.readers();
    take_open(segment.id());
  }
}

// One that nobody uses, if there are too many; what is not written to first, as that needs no sync. Behind one that does: others,
// to be synced with it.
std::vector<std::shared_ptr<OpenSegment>> SegmentFiles::least_used() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<OpenSegment>> least;
  if (open_.size() < open_limit_) return least;
  const size_t most = std::clamp<size_t>(open_limit_ / 8, 1, kSyncedForRoom);
  for (const auto& list : by_use_.lists()) {
    for (OpenSegment* const segment : list) {
      if (segment->weak_from_this().use_count() == 1) least.push_back(segment->shared_from_this());
      if (!least.empty() && (least.size() == most || !segment->is_dirty())) return least;
    }
  }
  return least;
}

std::shared_ptr<OpenSegment> SegmentFiles::take_open(const SegmentId& id) {
  const auto found = open_.find(id);
  if (found == open_.end()) return nullptr;
  const std::shared_ptr<OpenSegment> segment = std::move(found->second);
  open_.erase(found);
  by_use_.remove(*segment);
  return segment;
}

// A file counts as dirty until its sync has ended: who looks meanwhile, for a checkpoint, does not leave it out.
// One at a time of a file: the kernel tells a failure to one sync of a descriptor only.
Status SegmentFiles::sync(std::span<const std::shared_ptr<OpenSegment>> segments) {
  std::vector<std::pair<OpenSegment*, uint64_t>> begun;  // with the writes that its sync covers
  std::vector<const File*> files;
  {
    std::unique_lock lock(mutex_);
    // All begin at once: two calls that each hold what the other waits for would wait for ever.
    const auto is_syncing = [](const auto& segment) { return segment->is_syncing_; };
    sync_ended_.wait(lock, [&] { return std::ranges::none_of(segments, is_syncing); });
    for (const auto& segment : segments) {
      if (!segment->is_dirty()) continue;
      begun.emplace_back(segment.get(), segment->written_);
      files.push_back(&segment->file());
    }
    if (begun.empty()) return {};
    if (!failure_) return failure_;
    for (const auto& [segment, written] : begun) segment->is_syncing_ = true;
  }
  std::vector<chr_status> each(files.size(), CHR_E_IO);
  const Status synced = files_.sync_files(files, each);
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < begun.size(); ++i) {
    const auto [segment, written] = begun[i];
    segment->is_syncing_ = false;
    // A lack of space, too: the kernel has dropped what it could not write.
    if (each[i] != CHR_OK) {
      static_cast<void>(
          keep_failure("the sync of " + segment_name(segment->id()) + " failed", synced.error()));
      continue;
    }
    segment->synced_ = std::max(segment->synced_, written);
    by_use_.note(*segment);
  }
  sync_ended_.notify_all();
  return failure_;
}

Status SegmentFiles::keep_failure(const std::string& what, const Error& error) {
  if (failure_) failure_ = fail(Code::kIo, what + ": " + error.message);
  return failure_;
}

Status SegmentFiles::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

Status SegmentFiles::sync_names() {
  std::set<SegmentId> names;
  {
    const std::lock_guard lock(mutex_);
    names = unsynced_names_;
  }
  const Status synced = files_.sync_names();
  const std::lock_guard lock(mutex_);
  if (!synced && synced.error().code == Code::kNoSpace)
    return synced;  // names stay in memory, and are tried again
  if (!synced) return keep_failure("the sync of the names of segments failed", synced.error());
  for (const SegmentId& id : names) unsynced_names_.erase(id);
  return {};
}

Status SegmentFiles::sync_written() {
  std::vector<std::shared_ptr<OpenSegment>> dirty;
  bool has_names = false;
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) return failure_;
    for (OpenSegment* const segment : by_use_.lists()[1]) dirty.push_back(segment->shared_from_this());
    has_names = !unsynced_names_.empty();
  }
  for (std::span<const std::shared_ptr<OpenSegment>> rest = dirty; !rest.empty();) {
    const size_t n = std::min(rest.size(), kSyncedTogether);
    CHRONIK_CHECK(sync(rest.first(n)));
    rest = rest.subspan(n);
  }
  return has_names ? sync_names() : Status();
}

void SegmentFiles::remove(std::span<const SegmentId> ids) {
  const std::lock_guard lock(mutex_);
  for (const SegmentId& id : ids) {
    const auto size = sizes_.find(id);
    const bool goes = is_starting_ || size == sizes_.end() || to_remove_.contains(id);
    if (goes || !spares_.keep(id, size->second, file_bytes_)) to_remove_.insert(id);
  }
}

void SegmentFiles::remove_at_once(std::span<const SegmentId> ids) {
  const std::lock_guard lock(mutex_);
  to_remove_.insert(ids.begin(), ids.end());
}

void SegmentFiles::tick() {
  const std::lock_guard lock(mutex_);
  // Whoever had so many files open may have closed them since.
  if (open_limit_ < options_.open_files && ++ticks_ % kTicksPerFile == 0) ++open_limit_;
  for (const SegmentId& id : spares_.age(file_bytes_)) to_remove_.insert(id);
}

void SegmentFiles::give_up_spares() {
  const std::lock_guard lock(mutex_);
  for (const SegmentId& id : spares_.give_up()) to_remove_.insert(id);
}

bool SegmentFiles::has_spares() const {
  const std::lock_guard lock(mutex_);
  return !spares_.empty();
}

bool SegmentFiles::has_removals() const {
  const std::lock_guard lock(mutex_);
  return !to_remove_.empty();
}

Status SegmentFiles::remove_some(size_t files) {
  for (; files > 0; --files) {
    SegmentId id;
    {
      const std::lock_guard lock(mutex_);
      if (to_remove_.empty()) return {};
      id = *to_remove_.begin();
      to_remove_.erase(to_remove_.begin());
    }
    if (const Status removed = remove_one(id); !removed) {
      remove_at_once({&id, 1});
      return removed;
    }
  }
  return {};
}

Status SegmentFiles::remove_one(const SegmentId& id) {
  std::shared_ptr<OpenSegment> open;  // closed when who uses it is done
  const std::lock_guard lock(opening_);
  {
    const std::lock_guard state(mutex_);
    open = take_open(id);
  }
  for (const std::string& name : {index_name(id), segment_name(id)}) {
    const Status removed = files_.remove(name);
    if (!removed && removed.error().code != Code::kNotFound) return removed;
  }
  const std::lock_guard state(mutex_);
  forget(id);
  return {};
}

Status SegmentFiles::scan() {
  const std::lock_guard lock(mutex_);
  is_starting_ = true;
  return files_.list([this](std::string_view name, uint64_t size) {
    SegmentId id;
    if (parse_segment_name(name, &id)) set_size(id, size);
    if (parse_index_name(name, &id)) found_indexes_.insert(id);
  });
}

Status SegmentFiles::check(const GroupLog& log) const {
  for (const Segment& segment : log.segments()) {
    const SegmentId id{log.group(), segment.number};
    const uint64_t size = size_of(id);
    if (size >= segment.on_disk) continue;
    return fail(Code::kCorrupt, "the file " + segment_name(id) + " has " + std::to_string(size) +
                                    " bytes, and had " + std::to_string(segment.on_disk) + " before");
  }
  return {};
}

Status SegmentFiles::remove_unlisted_files(std::span<const std::shared_ptr<GroupLog>> logs,
                                           uint64_t next_group,
                                           const std::function<bool(uint64_t group)>& keeps) {
  std::set<SegmentId> listed;
  std::unordered_map<uint64_t, uint64_t> last_numbers;
  for (const auto& log : logs) {
    for (const Segment& segment : log->segments()) listed.insert({log->group(), segment.number});
    last_numbers[log->group()] = log->last_number();
  }
  std::set<SegmentId> found;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, size] : sizes_) found.insert(id);
    found.merge(std::exchange(found_indexes_, {}));
    is_starting_ = false;
  }
  for (const SegmentId& id : found) {
    if (listed.contains(id) || (keeps && keeps(id.group))) continue;
    const auto last = last_numbers.find(id.group);
    // Its number, or the group's, may be given out again: what has it then must not be removed later.
    if (id.group >= next_group || (last != last_numbers.end() && id.number > last->second)) {
      CHRONIK_CHECK(remove_one(id));
    } else {
      remove_at_once({&id, 1});
    }
  }
  return {};
}

uint64_t SegmentFiles::file_bytes() const {
  const std::lock_guard lock(mutex_);
  return file_bytes_;
}

size_t SegmentFiles::open_count() const {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

void SegmentFiles::forget(const SegmentId& id) {
  set_size(id, 0);
  sizes_.erase(id);
  unsynced_names_.erase(id);
  read_.erase(id);
}

bool SegmentFiles::is_read(const SegmentId& id) const {
  if (const auto open = open_.find(id); open != open_.end()) return open->second->is_read();
  const auto closed = read_.find(id);
  return closed != read_.end() && !closed->second.expired();
}

void SegmentFiles::set_size(const SegmentId& id, uint64_t size) {
  uint64_t& known = sizes_[id];
  file_bytes_ += size - known;
  known = size;
}

uint64_t SegmentFiles::size_of(const SegmentId& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = sizes_.find(id);
  return found == sizes_.end() ? 0 : found->second;
}

}  // namespace chronik::storage_log
