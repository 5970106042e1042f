#include "host/offline/storage_copy.h"

#include <chronik/crc32c.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>

#include "host/loader/child.h"
#include "host/offline/exporter.h"
#include "host/offline/importer.h"

namespace chronik::host {
namespace {

namespace fs = std::filesystem;

// Whether the same command may get further.
bool may_go_on(Code code) {
  switch (code) {
    case Code::kCorrupt:
    case Code::kConflict:
    case Code::kUnsupported:
    case Code::kNotFound:
    case Code::kInvalidArgument:
      return false;
    default:
      return true;
  }
}

// What cannot be read is not empty: the error of whoever opens it says why.
bool has_files(const fs::path& folder) {
  std::error_code error;
  const fs::directory_iterator files(folder, error);
  return error ? error != std::errc::no_such_file_or_directory : files != fs::directory_iterator();
}

Status io_error(std::string_view doing, const fs::path& path, int error) {
  return fail(Code::kIo, fmt::format("cannot {} {}: {}", doing, path.string(), std::strerror(error)));
}

Status sync_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return io_error("open", folder, errno);
  const bool synced = ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  return synced ? Status() : io_error("sync", folder, error);
}

// Changes with every write to a file of the folder.
Result<std::string> stamp_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const fs::path& path = at->path();
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return std::unexpected(io_error("read", path, errno).error());
    if (!S_ISREG(info.st_mode)) continue;
    files[path.lexically_relative(folder).string()] =
        fmt::format("{} {} {}", info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  }
  if (error) return fail(Code::kIo, fmt::format("cannot read {}: {}", folder.string(), error.message()));
  uint32_t sum = 0;
  for (const auto& [name, what] : files) {
    const std::string line = fmt::format("{} {}\n", name, what);
    sum = crc32c::extend(sum, reinterpret_cast<const uint8_t*>(line.data()), line.size());
  }
  return fmt::format("{} files {:08x}", files.size(), sum);
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Of two processes that work together: whether this one failed by itself, and not as the other was gone.
bool is_cause(const Status& status, const Status& other) {
  return !status && (other || status.error().code != Code::kCancelled);
}

}  // namespace

StorageCopy::StorageCopy(StoppedNode& node, StorageCopyOptions options)
    : node_(node), options_(std::move(options)), target_(options_.to_dir.empty() ? &node.data() : &other_) {}

Result<StorageCopyResult> StorageCopy::run() {
  CHRONIK_CHECK(check_source());
  CHRONIK_CHECK(prepare());
  if (!is_in_place_) {
    CHRONIK_CHECK(transfer());
  }
  CHRONIK_CHECK(verify());
  CHRONIK_CHECK(put_in_place());
  return result_;
}

Status StorageCopy::check_source() const {
  const std::string& from = options_.from.manifest().id;
  const DataDir& data = node_.data();
  if (options_.to_dir.empty() && from == options_.to.manifest().id)
    return fail(
        Code::kInvalidArgument,
        fmt::format("source and target are both {}; name another storage, or another folder with --to-dir",
                    from));
  // The last step of a copy removes this.
  const std::string& to = options_.to.manifest().id;
  const fs::path left = data.path() / (to + ".copying");
  if (data.data_plugin() == to && to != from && fs::exists(left / "copy.toml") && !fs::exists(left / "data"))
    return fail(Code::kExists,
                fmt::format("the node in {} keeps its data in {} already: the copy is complete; remove {}",
                            data.path().string(), to, left.string()));
  if (data.data_plugin() != from)
    return fail(Code::kInvalidArgument,
                fmt::format("the node in {} keeps its data in {}, not in {}", data.path().string(),
                            data.data_plugin().empty() ? "no storage" : data.data_plugin(), from));
  if (has_files(data.path() / from)) return {};
  return fail(Code::kNotFound,
              fmt::format("{} has no files, so there is nothing to copy", (data.path() / from).string()));
}

// A copy within the node's own folder would be a part of what it is made of.
Status StorageCopy::check_apart() const {
  std::error_code error;
  const fs::path node = fs::weakly_canonical(node_.data().path(), error);
  const fs::path to = fs::weakly_canonical(options_.to_dir, error);
  const auto [rest, below] = std::mismatch(node.begin(), node.end(), to.begin(), to.end());
  const bool is_within = rest == node.end() && below != to.end();  // itself it is no unused folder either
  if (!is_within) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{} lies within {}, which is the node's; choose a folder elsewhere",
                          options_.to_dir.string(), node.string()));
}

// The copy of an earlier run goes on only where nothing was written to the source since.
Status StorageCopy::prepare() {
  const std::string& to = options_.to.manifest().id;
  if (!options_.to_dir.empty()) {
    CHRONIK_CHECK(check_apart());
    CHRONIK_CHECK(other_.open_unused(options_.to_dir, to));
  }
  result_.source = node_.data().path() / options_.from.manifest().id;
  result_.target = target_->path() / to;
  work_ = target_->path() / (to + ".copying");
  CHRONIK_TRY(const std::string stamp, stamp_of(result_.source));
  const std::string mark = fmt::format(
      "# An unfinished copy; written by chronik-server storage copy. Do not edit.\nsource = \"{}\"\nstamp = "
      "\"{}\"\n",
      result_.source.string(), stamp);
  const bool is_ours = read_file(work_ / "copy.toml") == mark;
  is_in_place_ = is_ours && !fs::exists(work_ / "data") && has_files(result_.target);
  if (is_in_place_) return {};
  if (has_files(result_.target))
    return fail(Code::kExists,
                fmt::format("{} holds files already; move them away if they are not needed any more",
                            result_.target.string()));
  if (is_ours) {
    options_.say(fmt::format("going on with the copy in {}", work_.string()));
  } else {
    CHRONIK_CHECK(begin_anew());
  }
  std::error_code error;
  fs::create_directories(work_ / "data", error);
  if (error) return fail(Code::kIo, fmt::format("cannot make {}: {}", work_.string(), error.message()));
  std::ofstream(work_ / "copy.toml", std::ios::binary | std::ios::trunc) << mark;
  if (read_file(work_ / "copy.toml") == mark) return {};
  return fail(Code::kIo, fmt::format("cannot write {}: free space there, then run the same command again",
                                     (work_ / "copy.toml").string()));
}

Status StorageCopy::begin_anew() {
  std::error_code error;
  if (!fs::exists(work_, error)) return {};
  options_.say(fmt::format("{} holds a copy of something else, or of an older state of {}: it is begun again",
                           work_.string(), result_.source.string()));
  fs::remove_all(work_, error);
  if (error) return fail(Code::kIo, fmt::format("cannot remove {}: {}", work_.string(), error.message()));
  return {};
}

// A plugin of its own, of which fn reads.
Status StorageCopy::with_opened(const fs::path& folder, const PluginFile& file,
                                const std::function<Status(const StorageAdmin& admin)>& fn) const {
  LonePlugin plugin(node_.plugin_options(file, folder));
  CHRONIK_CHECK(plugin.create());
  CHRONIK_TRY(const StorageAdmin admin, plugin.admin());
  return plugin.run_blocking([&]() -> Status {
    CHRONIK_CHECK(admin.open());
    const Status status = fn(admin);
    admin.close();
    return status;
  });
}

Status StorageCopy::read_groups(const fs::path& folder, const PluginFile& file, int socket) const {
  return with_opened(folder, file, [&](const StorageAdmin& admin) { return export_groups(admin, socket); });
}

Status StorageCopy::write_groups(int socket) const {
  const fs::path folder = work_ / "data";
  LonePlugin plugin(node_.plugin_options(options_.to, folder));
  CHRONIK_CHECK(plugin.create());
  CHRONIK_CHECK(plugin.start());
  CHRONIK_TRY(const Storage storage, plugin.storage());
  CHRONIK_CHECK(Importer(plugin, storage, folder, socket).run());
  return plugin.stop();
}

Status StorageCopy::transfer() {
  const std::string& from = options_.from.manifest().id;
  const std::string& to = options_.to.manifest().id;
  options_.say(fmt::format("copying {} to {}; interrupted, it goes on when it is run again",
                           result_.source.string(), (work_ / "data").string()));
  CHRONIK_TRY(SocketPair sockets, SocketPair::make());
  CHRONIK_TRY(Child reader, Child::start(from, "it was copied", [&] {
                sockets.second.close();
                return read_groups(result_.source, options_.from, sockets.first.fd());
              }));
  CHRONIK_TRY(Child writer, Child::start(to, "a copy was written to it", [&] {
                sockets.first.close();
                return write_groups(sockets.second.fd());
              }));
  sockets.first.close();
  sockets.second.close();
  const Status read = reader.wait();
  const Status written = writer.wait();
  if (read && written) return {};
  const bool is_source = is_cause(read, written);
  Error error = is_source ? read.error() : written.error();
  if (!is_source && error.code == Code::kCorrupt) error.code = Code::kFailed;  // of the source it would tell
  error.message = is_source ? fmt::format("cannot read {}: {}", result_.source.string(), error.message)
                            : fmt::format("cannot write {}: {}", work_.string(), error.message);
  if (error.code != Code::kConflict)  // which says what to do
    error.message += "; " + end_unfinished(is_source && !may_go_on(error.code), error.code);
  return std::unexpected(std::move(error));
}

// What becomes of a copy that was not completed.
std::string StorageCopy::end_unfinished(bool is_useless, Code code) const {
  const std::string work = work_.string();
  if (!is_useless)
    return fmt::format("{}run the same command again: it goes on where it stopped. To give up, remove {}",
                       code == Code::kNoSpace ? "free space there, then " : "", work);
  std::error_code error;
  fs::remove_all(work_, error);
  return error ? fmt::format("nothing was changed for the node; remove {}, which is of no use", work)
               : "nothing was changed for the node, and nothing is left of the copy";
}

Status StorageCopy::digest_groups(const fs::path& folder, const PluginFile& file, int socket) const {
  return with_opened(folder, file, [&](const StorageAdmin& admin) {
    return export_digests(admin, file.manifest().id, socket);
  });
}

// Both sides are read again, from their files, by plugins that did not write them just now.
Status StorageCopy::verify() {
  options_.say("verifying both sides");
  const fs::path copy = is_in_place_ ? result_.target : work_ / "data";
  CHRONIK_TRY(SocketPair from, SocketPair::make());
  CHRONIK_TRY(Child reads_from, Child::start(options_.from.manifest().id, "it was verified", [&] {
                from.first.close();
                return digest_groups(result_.source, options_.from, from.second.fd());
              }));
  from.second.close();
  CHRONIK_TRY(SocketPair to, SocketPair::make());
  CHRONIK_TRY(Child reads_to, Child::start(options_.to.manifest().id, "it was verified", [&] {
                from.first.close();
                to.first.close();
                return digest_groups(copy, options_.to, to.second.fd());
              }));
  to.second.close();
  const Status same = compare(from.first.fd(), to.first.fd());
  from.first.close();
  to.first.close();
  const Status read = reads_from.wait();
  const Status read_copy = reads_to.wait();
  const std::string again =
      fmt::format("nothing was changed for the node; remove {}{} and copy again",
                  is_in_place_ ? result_.target.string() + " and " : "", work_.string());
  const auto is_known = [](const Status& status) {
    return !status && status.error().code != Code::kCancelled;
  };
  if (is_known(read) || is_known(read_copy)) {
    const Error& error = is_known(read) ? read.error() : read_copy.error();
    const fs::path& folder = is_known(read) ? result_.source : copy;
    // Damage of the copy is none of the source.
    return fail(is_known(read) ? error.code : Code::kFailed,
                fmt::format("cannot verify {}: {}; {}", folder.string(), error.message, again));
  }
  if (same) return {};
  return fail(same.error().code,
              fmt::format("the copy is not what its source is: {}; {}", same.error().message, again));
}

Status StorageCopy::compare(int from, int to) {
  MessageReader source(from);
  MessageReader copy(to);
  for (;;) {
    CHRONIK_CHECK(source.next());
    CHRONIK_CHECK(copy.next());
    const bool ends = source.type() == MessageType::kEnd;
    if (ends && copy.type() == MessageType::kEnd) return {};
    if (ends || copy.type() == MessageType::kEnd)
      return fail(Code::kFailed,
                  fmt::format("{} has fewer groups than the other side", ends ? "the source" : "the copy"));
    CHRONIK_TRY(const GroupDigest is, source.head_as<GroupDigest>());
    CHRONIK_TRY(const GroupDigest copied, copy.head_as<GroupDigest>());
    CHRONIK_TRY(const std::string name, source.body());
    CHRONIK_TRY(const std::string other, copy.body());
    if (name != other)
      return fail(Code::kFailed, fmt::format("one has a group {}, the other {}", name, other));
    if (is != copied)
      return fail(Code::kFailed, fmt::format("group {} differs: {}", name, describe_difference(is, copied)));
    ++result_.groups;
    result_.keys += is.keys;
    result_.entries += is.entries;
    result_.bytes += is.bytes;
    result_.checksum = extend_checksum(result_.checksum, name, is);
  }
}

Status StorageCopy::put_in_place() {
  std::error_code error;
  if (!is_in_place_) {
    if (fs::exists(result_.target, error)) fs::remove(result_.target, error);  // an empty folder
    if (::rename((work_ / "data").c_str(), result_.target.c_str()) != 0)
      return io_error("rename the copy to", result_.target, errno);
    CHRONIK_CHECK(sync_folder(result_.target));
    CHRONIK_CHECK(sync_folder(target_->path()));
  }
  const std::string& to = options_.to.manifest().id;
  CHRONIK_CHECK(options_.to_dir.empty() ? target_->bind(to) : target_->bind(to, node_.data()));
  fs::remove_all(work_, error);
  return {};
}

}  // namespace chronik::host
