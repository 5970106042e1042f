#include "sim/disk/host_files.h"

#include "sim/base/digest.h"

#include <chronik/files.hpp>
#include <chronik/leased.hpp>

#include <fmt/format.h>

#include <sys/mman.h>

#include <algorithm>
#include <set>

namespace chronik::sim {
namespace {

constexpr uint64_t kLookAgain = 100 * kMillisecond;  // a stall may be over sooner than it was to be

// A mapped range, for as long as someone holds it.
struct Map : Leased<Map> {
  Map(void* at, uint64_t bytes) : p(at), n(bytes) {}
  ~Map() { munmap(p, n); }
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  void* const p;
  const uint64_t n;
};

chr_status gone(chr_error* error) { return report(error, CHR_E_IO, "the process is dying"); }
chr_status failed(chr_status status, const char* what, chr_error* error) {
  if (status == CHR_OK) return CHR_OK;
  return report(error, status, fmt::format("the simulated disk cannot {}", what));
}

}  // namespace

// ---- a process begins and ends ----------------------------------------------------------------------------

void HostFiles::process_dies(uint64_t now, bool power_loss) {
  settle();
  Names names = durable_names_;
  const bool none = rng_.chance(0.4);
  std::deque<NameChange> left;
  for (NameChange& change : changes_) {
    if (change.time > now) continue;  // had not begun
    const bool is_durable = change.durable_at <= now;
    if (power_loss && !is_durable && (none || rng_.chance(0.5))) continue;
    apply(change, names);
    if (!is_durable) change.durable_at = UINT64_MAX;
    if (!power_loss) left.push_back(std::move(change));
  }
  changes_ = std::move(left);
  names_ = std::move(names);
  if (power_loss) durable_names_ = names_;
  let_go();
  dead_ = true;
}

void HostFiles::let_go() {
  operations_.clear();
  handles_.clear();
  collect();
}

void HostFiles::remove_all() {
  operations_.clear();
  handles_.clear();
  changes_.clear();
  names_.clear();
  durable_names_.clear();
  collect();
}

// A file that no name leads to any more, and cannot again, is gone.
void HostFiles::collect() {
  std::set<uint64_t> used, may_return;
  for (const auto& [name, number] : names_) used.insert(number);
  for (const auto& [file, handle] : handles_) used.insert(handle.number);
  for (const auto& [name, number] : durable_names_) may_return.insert(number);
  for (const NameChange& change : changes_) may_return.insert(change.number);
  std::erase_if(files_, [&](const auto& entry) {
    const auto& [number, file] = entry;
    const bool is_used = used.contains(number);
    is_used ? disk_.hold(*file) : disk_.uncount(*file);
    if (is_used || may_return.contains(number)) return false;
    disk_.drop(*file);
    return true;
  });
}

bool HostFiles::flip_before(const std::string& bytes, uint64_t which) {
  bool found = false;
  for (const auto& [name, number] : names_) found |= sim::flip_before(*files_.at(number), bytes, which);
  if (found) disk_.note_damage();
  return found;
}

bool HostFiles::flip(uint64_t now, uint64_t which) {
  if (names_.empty()) return false;
  const auto name = std::next(names_.begin(), static_cast<std::ptrdiff_t>(which % names_.size()));
  return disk_.flip(now, *files_.at(name->second), which);
}

// ---- what every call asks ---------------------------------------------------------------------------------

chr_status HostFiles::misuse(chr_host* self, const std::string& what, chr_error* error) const {
  node_.misbehaved(self, "chronik.host.files/1: " + what);
  return report(error, CHR_E_INVALID_ARGUMENT, what);
}

chr_status HostFiles::admit(chr_host* self, const char* what, bool blocks, chr_error* error) {
  if (dead_) return gone(error);
  settle();
  if (!blocks || world_.current.shard < 0) return CHR_OK;
  return misuse(self, fmt::format("{} blocks, and was called on a shard", what), error);
}

HostFiles::Handle* HostFiles::find(chr_host* self, uint64_t file, const char* what, chr_error* error) {
  const auto found = handles_.find(file);
  if (found != handles_.end() && !found->second.is_closed) return &found->second;
  misuse(self, fmt::format("{} of a handle that is not open", what), error);
  return nullptr;
}

bool HostFiles::overlaps_one_in_flight(uint64_t number, uint64_t at, uint64_t n) const {
  return std::ranges::any_of(operations_, [&](const auto& one) {
    const Operation& other = one.second;
    return !other.slices.empty() && handles_.at(other.handle).number == number && at < other.at + other.n &&
           other.at < at + n;
  });
}

void HostFiles::note(uint64_t what) const { world_.trace.note(world_.now(), id_, Kind::kDisk, what); }

// ---- names ------------------------------------------------------------------------------------------------

void HostFiles::apply(const NameChange& change, Names& names) {
  if (const auto from = names.find(change.from); from != names.end() && from->second == change.number)
    names.erase(from);
  if (!change.to.empty()) names[change.to] = change.number;
}

void HostFiles::change_name(std::string from, std::string to, uint64_t number) {
  world_.current.cost += disk_.costs.call_ns;
  changes_.push_back({world_.now(), std::move(from), std::move(to), number, UINT64_MAX});
  apply(changes_.back(), names_);
  collect();
}

// Events of the past are settled: no crash comes before now.
void HostFiles::settle() {
  disk_.passed(world_.loop.now());
  bool any = false;
  for (; !changes_.empty() && changes_.front().durable_at <= world_.loop.now(); any = true) {
    apply(changes_.front(), durable_names_);
    changes_.pop_front();
  }
  if (any) collect();
}

chr_status HostFiles::rename(chr_host* self, std::string_view from, std::string_view to, chr_error* error) {
  if (const chr_status status = admit(self, "rename()", true, error); status != CHR_OK) return status;
  if (!is_file_name(from) || !is_file_name(to))
    return misuse(self, "rename() to or from what is no name", error);
  const auto found = names_.find(from);
  if (found == names_.end()) return report(error, CHR_E_NOT_FOUND, fmt::format("there is no file {}", from));
  change_name(std::string(from), std::string(to), found->second);
  return CHR_OK;
}

chr_status HostFiles::remove(chr_host* self, std::string_view name, chr_error* error) {
  if (const chr_status status = admit(self, "remove()", true, error); status != CHR_OK) return status;
  if (!is_file_name(name)) return misuse(self, "remove() of what is no name", error);
  const auto found = names_.find(name);
  if (found == names_.end()) return report(error, CHR_E_NOT_FOUND, fmt::format("there is no file {}", name));
  change_name(std::string(name), {}, found->second);
  return CHR_OK;
}

chr_status HostFiles::sync_names(chr_host* self, chr_error* error) {
  if (const chr_status status = admit(self, "sync_names()", true, error); status != CHR_OK) return status;
  uint64_t durable_at = UINT64_MAX;
  const uint64_t begins = world_.now();
  const chr_status status = disk_.sync_names(world_.now(), &durable_at, &world_.current.cost);
  note(1);
  for (NameChange& change : changes_) {
    // Another job's may come later than this one's.
    if (status == CHR_OK && change.time <= begins)
      change.durable_at = std::min(change.durable_at, durable_at);
  }
  return failed(status, "sync names", error);
}

chr_status HostFiles::list(chr_host* self, void(CHR_CALL* fn)(void*, chr_str, uint64_t), void* context,
                           chr_error* error) {
  if (const chr_status status = admit(self, "list()", true, error); status != CHR_OK) return status;
  for (const auto& [name, number] : Names(names_)) fn(context, to_abi(name), files_.at(number)->size());
  return CHR_OK;
}

chr_status HostFiles::space(chr_host* self, uint64_t* free_bytes, chr_error* error) {
  if (const chr_status status = admit(self, "space()", true, error); status != CHR_OK) return status;
  *free_bytes = std::min<uint64_t>(disk_.room(), uint64_t{1} << 40);
  return CHR_OK;
}

// ---- handles ----------------------------------------------------------------------------------------------

chr_status HostFiles::open(chr_host* self, std::string_view name, uint32_t flags, uint64_t* file,
                           chr_file_info* info, chr_error* error) {
  if (const chr_status status = admit(self, "open()", true, error); status != CHR_OK) return status;
  if (!is_file_name(name)) return misuse(self, "open() of what is no name", error);
  const bool both = (flags & CHR_FILE_CREATE) != 0 && (flags & CHR_FILE_READ) != 0;
  if (both || (flags & ~(CHR_FILE_CREATE | CHR_FILE_DIRECT | CHR_FILE_READ)) != 0)
    return misuse(self, "open() with flags that are unknown or contradict each other", error);
  auto found = names_.find(name);
  if (found == names_.end() && (flags & CHR_FILE_CREATE) == 0)
    return report(error, CHR_E_NOT_FOUND, fmt::format("there is no file {}", name));
  if (found == names_.end()) {
    const int fd = memfd_create("chronik-sim", MFD_CLOEXEC);
    if (fd < 0) return report(error, CHR_E_IO, "the machine below has no memory for a file");
    files_[++last_file_] = std::make_unique<FdVolume>(fd);
    change_name({}, std::string(name), last_file_);
    found = names_.find(name);
  }
  const uint64_t number = found->second;
  for (const auto& [id, handle] : handles_) {
    if (handle.number == number && !handle.is_closed)
      return misuse(self, fmt::format("{} is opened twice at a time", name), error);
  }
  wait_for(number);
  const bool is_direct = (flags & CHR_FILE_DIRECT) != 0;
  Rng drawn = world_.stream("direct");  // what file system it is
  const uint32_t block = drawn.chance(0.5) ? 512 : 4096, passes = drawn.chance(0.8) ? 1 : 0;
  *file = ++last_handle_;
  handles_[*file] = {number, is_direct ? block : 1, (flags & CHR_FILE_READ) != 0};
  const chr_file_info all{info->struct_size, is_direct ? block : 1, is_direct ? passes : 0, 0,
                          files_.at(number)->size()};
  std::memcpy(info, &all, std::min<size_t>(info->struct_size, sizeof all));
  return CHR_OK;
}

// A job that opens what was closed with something in flight waits for that.
void HostFiles::wait_for(uint64_t number) {
  uint64_t ends = world_.now();
  for (const auto& [id, operation] : operations_) {
    if (handles_.at(operation.handle).number == number) ends = std::max(ends, operation.ends);
  }
  world_.current.cost += ends - world_.now();
}

void HostFiles::close(chr_host* self, uint64_t file) {
  if (dead_) return;
  Handle* const handle = find(self, file, "close()", nullptr);
  if (handle == nullptr) return;
  handle->is_closed = true;
  end_if_closed(file);
}

void HostFiles::end_if_closed(uint64_t handle) {
  const auto is_of = [handle](const auto& one) { return one.second.handle == handle; };
  if (!handles_.at(handle).is_closed || std::ranges::any_of(operations_, is_of)) return;
  handles_.erase(handle);
  collect();
}

// ---- bytes ------------------------------------------------------------------------------------------------

uint64_t HostFiles::digest_of(const Operation& operation) {
  uint64_t digest = 0;
  for (const chr_slice& slice : operation.slices) digest = sim::digest(slice.p, slice.n, digest);
  return digest;
}

chr_status HostFiles::write(chr_host* self, const chr_file_write& args, chr_error* error) {
  if (const chr_status status = admit(self, "write()", args.token == 0, error); status != CHR_OK)
    return status;
  Handle* const handle = find(self, args.file, "write()", error);
  if (handle == nullptr) return CHR_E_INVALID_ARGUMENT;
  if (handle->is_to_read) return misuse(self, "write() of what was opened to read", error);
  if (args.n == 0 || args.n > CHR_FILE_MAX_SLICES) return misuse(self, "a write has 1 to 1024 slices", error);
  Operation operation{self, args.file, args.at, 0, args.token, 0, CHR_OK};
  std::string bytes;
  bool is_aligned = args.at % handle->block == 0;
  for (uint32_t i = 0; i < args.n; ++i) {
    const chr_slice& slice = args.slices[i];
    is_aligned &= slice.n % handle->block == 0 && reinterpret_cast<uintptr_t>(slice.p) % handle->block == 0;
    bytes.append(reinterpret_cast<const char*>(slice.p), slice.n);
    operation.slices.push_back(slice);
    operation.leases.push_back(Lease::share(slice.lease));
  }
  operation.n = bytes.size();
  FdVolume& to = volume(*handle);
  if (operation.n == 0) return misuse(self, "a write of no bytes", error);
  if ((args.flags & ~CHR_FILE_DURABLE) != 0) return misuse(self, "write() with unknown flags", error);
  if (!is_aligned) return misuse(self, "a write to a direct file is not aligned", error);
  if (args.at > to.size()) return misuse(self, "a write leaves a hole", error);
  if (overlaps_one_in_flight(handle->number, args.at, bytes.size()))
    return misuse(self, "a write overlaps one in flight", error);
  const bool is_durable = (args.flags & CHR_FILE_DURABLE) != 0;
  note(fold(args.at + 1, bytes.size() << 1 | (is_durable ? 1 : 0)));
  if (args.token != 0) {
    operation.digest = digest_of(operation);
    return begin(std::move(operation), disk_.begin_write(world_.now(), to, args.at, bytes, is_durable));
  }
  uint64_t taken = 0;
  const chr_status status =
      disk_.write(world_.now(), to, args.at, bytes, is_durable, &taken, &world_.current.cost);
  if (to.failed()) world_.fail("host-disk", "the machine below has no room for a simulated file");
  if (status == CHR_OK && taken < bytes.size())
    return failed(disk_.failed() ? CHR_E_IO : CHR_E_NO_SPACE, "write all of it", error);
  return failed(status, "write", error);
}

chr_status HostFiles::sync(chr_host* self, uint64_t file, uint64_t token, chr_error* error) {
  if (const chr_status status = admit(self, "sync()", token == 0, error); status != CHR_OK) return status;
  Handle* const handle = find(self, file, "sync()", error);
  if (handle == nullptr) return CHR_E_INVALID_ARGUMENT;
  note(0);
  FdVolume& of = volume(*handle);
  if (token == 0) return failed(disk_.sync(world_.now(), of, &world_.current.cost), "sync", error);
  return begin({self, file, 0, 0, token, 0, CHR_OK}, disk_.begin_sync(world_.now(), of));
}

// They are in flight together, and the job waits for the last.
chr_status HostFiles::sync_files(chr_host* self, std::span<const uint64_t> files, chr_status* each,
                                 chr_error* error) {
  if (const chr_status status = admit(self, "sync_files()", true, error); status != CHR_OK) return status;
  for (const uint64_t file : files)
    if (find(self, file, "sync_files()", error) == nullptr) return CHR_E_INVALID_ARGUMENT;
  const uint64_t now = world_.now();
  uint64_t ends = now;
  chr_status first = CHR_OK;
  for (size_t i = 0; i < files.size(); ++i) {
    note(0);
    const Disk::InFlight call = disk_.begin_sync(now, volume(handles_.at(files[i])));
    each[i] = call.status;
    if (first == CHR_OK) first = call.status;
    ends = std::max(ends, call.ends);
  }
  world_.current.cost += ends - now;
  return failed(first, "sync", error);
}

chr_status HostFiles::begin(Operation operation, const Disk::InFlight& call) {
  operation.status = call.status;
  operation.ends = call.ends;
  operations_[++last_operation_] = std::move(operation);
  world_.loop.add(call.ends, id_, &HostFiles::run_end, this, nullptr, last_operation_);
  return CHR_PENDING;
}

void HostFiles::run_end(const Event& event, bool alive) {
  if (alive) static_cast<HostFiles*>(event.a)->end(event.c);
}

void HostFiles::end(uint64_t number) {
  settle();
  const uint64_t now = world_.loop.now();
  if (disk_.stalled_until > now) {
    const uint64_t again = std::min(disk_.stalled_until, now + kLookAgain);
    return world_.loop.add(again, id_, &HostFiles::run_end, this, nullptr, number);
  }
  Operation operation = std::move(operations_.extract(number).mapped());
  note(operation.token << 1 | (operation.status == CHR_OK ? 0 : 1));
  if (!operation.slices.empty() && digest_of(operation) != operation.digest)
    misuse(operation.self, "the bytes of a write were changed while it was in flight", nullptr);
  operation.leases.clear();
  end_if_closed(operation.handle);
  chr_done done{};
  done.token = operation.token;
  done.code = operation.status;
  if (done.code != CHR_OK) done.message = to_abi("the simulated disk cannot do what was in flight");
  const Enter enter(world_, {id_, -1, 0, nullptr});
  node_.complete(operation.self, done);
}

chr_status HostFiles::read(chr_host* self, uint64_t file, uint64_t at, uint8_t* p, uint64_t n,
                           chr_error* error) {
  if (const chr_status status = admit(self, "read()", true, error); status != CHR_OK) return status;
  Handle* const handle = find(self, file, "read()", error);
  if (handle == nullptr) return CHR_E_INVALID_ARGUMENT;
  if ((at | n | reinterpret_cast<uintptr_t>(p)) % handle->block != 0)
    return misuse(self, "a read of a direct file is not aligned", error);
  const FdVolume& from = volume(*handle);
  if (at > from.size() || n > from.size() - at)
    return report(error, CHR_E_OUT_OF_RANGE, "the file ends before");
  disk_.read(world_.now(), n, &world_.current.cost);
  from.read(at, reinterpret_cast<char*>(p), n);
  return CHR_OK;
}

chr_status HostFiles::zero(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error) {
  if (const chr_status status = admit(self, "zero()", true, error); status != CHR_OK) return status;
  Handle* const handle = find(self, file, "zero()", error);
  if (handle == nullptr) return CHR_E_INVALID_ARGUMENT;
  if (handle->is_to_read) return misuse(self, "zero() of what was opened to read", error);
  FdVolume& to = volume(*handle);
  if ((at | n) % handle->block != 0) return misuse(self, "zero() of a direct file is not aligned", error);
  if (at > to.size()) return misuse(self, "zero() leaves a hole", error);
  if (overlaps_one_in_flight(handle->number, at, n))
    return misuse(self, "zero() overlaps a write in flight", error);
  note(fold(at + 1, n << 1));
  const std::string zeros(std::min<uint64_t>(n, 1 << 20), '\0');
  for (const uint64_t end = at + n; at < end;) {
    uint64_t taken = 0;
    const uint64_t piece = std::min<uint64_t>(end - at, zeros.size());
    const chr_status status =
        disk_.write(world_.now(), to, at, {zeros.data(), piece}, false, &taken, &world_.current.cost);
    if (status != CHR_OK) return failed(status, "write zeros", error);
    if (taken < piece) return failed(disk_.failed() ? CHR_E_IO : CHR_E_NO_SPACE, "write all zeros", error);
    at += taken;
  }
  return CHR_OK;
}

chr_status HostFiles::resize(chr_host* self, uint64_t file, uint64_t n, chr_error* error) {
  if (const chr_status status = admit(self, "resize()", true, error); status != CHR_OK) return status;
  Handle* const handle = find(self, file, "resize()", error);
  if (handle == nullptr) return CHR_E_INVALID_ARGUMENT;
  if (handle->is_to_read) return misuse(self, "resize() of what was opened to read", error);
  FdVolume& of = volume(*handle);
  if (overlaps_one_in_flight(handle->number, n, UINT64_MAX - n))
    return misuse(self, "resize() overlaps a write in flight", error);
  note(fold(n + 1, 3));
  if (n > of.size() && n - of.size() > disk_.room()) {
    disk_.refused();
    return failed(CHR_E_NO_SPACE, "grow a file", error);
  }
  world_.current.cost += disk_.costs.call_ns;
  disk_.resize(world_.now(), of, n);
  return CHR_OK;
}

chr_status HostFiles::map(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_slice* out,
                          chr_error* error) {
  if (const chr_status status = admit(self, "map()", false, error); status != CHR_OK) return status;
  Handle* const handle = find(self, file, "map()", error);
  if (handle == nullptr) return CHR_E_INVALID_ARGUMENT;
  if (at % 4096 != 0 || n == 0) return misuse(self, "map() of no page, or of nothing", error);
  void* const p = mmap(nullptr, n, PROT_READ, MAP_SHARED, volume(*handle).fd(), static_cast<off_t>(at));
  if (p == MAP_FAILED) return report(error, CHR_E_IO, "the machine below cannot map");
  auto* const map = new Map(p, n);
  *out = {static_cast<const uint8_t*>(p), n, map->lease()};
  return CHR_OK;
}

chr_status HostFiles::load(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error) {
  if (const chr_status status = admit(self, "load()", true, error); status != CHR_OK) return status;
  Handle* const handle = find(self, file, "load()", error);
  if (handle == nullptr) return CHR_E_INVALID_ARGUMENT;
  const uint64_t size = volume(*handle).size();
  if (at > size || n > size - at) return report(error, CHR_E_OUT_OF_RANGE, "the file ends before");
  disk_.read(world_.now(), n, &world_.current.cost);
  return CHR_OK;
}

// Whatever was loaded, another process may have had its place since.
int32_t HostFiles::is_loaded(chr_host* self, uint64_t file) {
  if (admit(self, "is_loaded()", false, nullptr) != CHR_OK) return 0;
  return find(self, file, "is_loaded()", nullptr) != nullptr && !rng_.chance(0.1) ? 1 : 0;
}

}  // namespace chronik::sim
