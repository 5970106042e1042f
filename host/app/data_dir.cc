#include "host/app/data_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>

#include "host/config/toml_document.h"

namespace chronik::host {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIdentityFile = "node.toml";
constexpr std::string_view kLockFile = "lock";

std::optional<chr_uuid> parse_uuid(std::string_view text) {
  chr_uuid id{};
  size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0 || digits >= 32) return std::nullopt;
    id.b[digits / 2] = static_cast<uint8_t>(id.b[digits / 2] << 4 | value);
    ++digits;
  }
  if (digits != 32) return std::nullopt;
  return id;
}

Status write_durably(const fs::path& path, std::string_view text) {
  const fs::path temporary = path.string() + ".new";
  const auto failed = [&](const fs::path& what) {
    return fail(Code::kIo, fmt::format("cannot write {}: {}", what.string(), std::strerror(errno)));
  };
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0) return failed(temporary);
  const bool written =
      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) return failed(temporary);
  const int directory = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return failed(path.parent_path());
  const bool synced = ::fsync(directory) == 0;
  ::close(directory);
  if (!synced) return failed(path.parent_path());
  return {};
}

Status make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return {};
  return fail(Code::kIo,
              fmt::format("cannot make data_dir {}: {}; make it and give it to this user, or choose "
                          "another data_dir",
                          path.string(), error.message()));
}

}  // namespace

std::string to_text(const chr_uuid& id) {
  std::string out;
  for (size_t i = 0; i < sizeof id.b; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", id.b[i]);
  }
  return out;
}

DataDir::~DataDir() {
  if (lock_ >= 0) ::close(lock_);
}

Status DataDir::open(const DataDirOptions& options) {
  path_ = options.path;
  CHRONIK_CHECK(make_folder(path_));
  std::error_code error;
  const bool known = fs::exists(path_ / kIdentityFile, error);
  if (!known) CHRONIK_CHECK(check_unused({}));
  CHRONIK_CHECK(lock());
  if (known) {
    std::string data_plugin;
    CHRONIK_CHECK(read_identity(&data_plugin));
    return check_identity(options, data_plugin);
  }
  new_node_ = true;
  node_id_ = options.node_id;
  data_plugin_ = options.data_plugin;
  renew();
  return write_identity();
}

Status DataDir::open_stopped(const fs::path& path) {
  path_ = path;
  std::error_code error;
  if (!fs::exists(path_ / kIdentityFile, error)) {
    return fail(Code::kNotFound,
                fmt::format("{} is no data_dir of a node: it has no {}; name the folder that is "
                            "data_dir in the node's configuration",
                            path_.string(), kIdentityFile));
  }
  CHRONIK_CHECK(lock());
  return read_identity(&data_plugin_);
}

Status DataDir::open_unused(const fs::path& path, std::string_view known) {
  path_ = path;
  CHRONIK_CHECK(make_folder(path_));
  std::error_code error;
  if (fs::exists(path_ / kIdentityFile, error)) {
    return fail(Code::kExists,
                fmt::format("{} is the data_dir of a node already; choose an empty folder", path_.string()));
  }
  CHRONIK_CHECK(check_unused(known));
  return lock();
}

Status DataDir::check_unused(std::string_view known) const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error)) {
    const std::string name = entry.path().filename().string();
    if (name == kLockFile || name == "lost+found" || name == std::string(kIdentityFile) + ".new") continue;
    if (!known.empty() && (name == known || name == std::string(known) + ".copying")) continue;
    return fail(
        Code::kInvalidArgument,
        fmt::format("data_dir {} has files (such as {}) but no {}, so it is no chronik data; choose an "
                    "empty folder",
                    path_.string(), name, kIdentityFile));
  }
  if (error)
    return fail(Code::kIo,
                fmt::format("cannot read data_dir {}: {}; the server's user must own it and all below",
                            path_.string(), error.message()));
  return {};
}

Status DataDir::bind(const std::string& data_plugin) {
  data_plugin_ = data_plugin;
  const std::lock_guard guard(mutex_);
  return write_identity();
}

Status DataDir::bind(const std::string& data_plugin, const DataDir& from) {
  node_id_ = from.node_id_;
  incarnation_ = from.incarnation_;
  cluster_id_ = from.cluster_id();
  return bind(data_plugin);
}

Status DataDir::lock() {
  const fs::path file = path_ / kLockFile;
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  // On a read-only file system no node runs that is not seen here.
  if (lock_ < 0 && errno == EROFS) lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) {
    return fail(Code::kIo, fmt::format("cannot open {}: {}; give data_dir to this user, or choose another",
                                       file.string(), std::strerror(errno)));
  }
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const ssize_t n = ::pread(lock_, holder, sizeof holder - 1, 0);
    const std::string_view pid(holder, n > 0 ? std::strcspn(holder, "\n") : 0);
    return fail(
        Code::kExists,
        fmt::format(
            "data_dir {} is in use by another chronik-server{}{}; stop it, or give this node a data_dir "
            "of its own",
            path_.string(), pid.empty() ? "" : ", process ", pid));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  // Only a help for people: who holds the folder. The lock itself does not depend on it.
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, pid.data(), pid.size(), 0) < 0) return {};
  return {};
}

Status DataDir::read_identity(std::string* data_plugin) {
  const fs::path file = path_ / kIdentityFile;
  // A named pipe would be waited for.
  if (std::error_code error; !fs::is_regular_file(file, error))
    return fail(Code::kIo, fmt::format("{} is no regular file; put it back from a backup, or start on an "
                                       "empty folder",
                                       file.string()));
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return fail(Code::kIo, fmt::format("cannot read {}; the server's user must own data_dir and all below",
                                       file.string()));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const TomlDocument document = parse_toml(text);
  const auto damaged = [&](std::string_view what) {
    return fail(Code::kCorrupt,
                fmt::format("{} is damaged ({}); restore it from a backup, or start on an empty folder",
                            file.string(), what));
  };
  if (!in || !document.errors.empty()) return damaged("it is no TOML");
  const auto integer = [&](std::string_view key) -> std::optional<int64_t> {
    const TomlMember* m = document.root.find(key);
    return m != nullptr && m->value.kind == TomlNode::Kind::kInteger ? std::optional(m->value.integer)
                                                                     : std::nullopt;
  };
  const auto string = [&](std::string_view key) {
    const TomlMember* m = document.root.find(key);
    return m != nullptr && m->value.kind == TomlNode::Kind::kString ? m->value.text : std::string();
  };
  const auto format = integer("format");
  if (!format) return damaged("format is missing; or it is a configuration, and data_dir is another folder");
  if (*format > kFormat) {
    return fail(
        Code::kUnsupported,
        fmt::format(
            "data_dir {} has format {}, written by {}; this is chronik {}, which reads up to format {}. "
            "Start the newer version",
            path_.string(), *format, string("written_by"), CHRONIK_VERSION, kFormat));
  }
  const auto node_id = integer("node_id");
  const auto incarnation = parse_uuid(string("incarnation"));
  if (!node_id || *node_id < 0 || *node_id > INT32_MAX) return damaged("node_id is missing");
  if (!incarnation) return damaged("incarnation is missing");
  node_id_ = static_cast<int32_t>(*node_id);
  incarnation_ = *incarnation;
  cluster_id_ = string("cluster_id");
  *data_plugin = string("data_plugin");
  return {};
}

Status DataDir::check_identity(const DataDirOptions& options, const std::string& data_plugin) {
  if (node_id_ != options.node_id) {
    return fail(Code::kFenced,
                fmt::format("data_dir {} belongs to node {}, but node_id is {}; set node_id = {}, or give "
                            "node {} a data_dir of its own",
                            path_.string(), node_id_, options.node_id, node_id_, options.node_id));
  }
  data_plugin_ = options.data_plugin;
  if (!data_plugin.empty() && data_plugin != options.data_plugin) {
    CHRONIK_TRY(const bool holds_others, has_files(data_plugin));
    if (holds_others) {
      return fail(
          Code::kFenced,
          fmt::format("data_dir {} holds data of {}, which {} cannot read; select {} again, or choose "
                      "an empty folder",
                      path_.string(), data_plugin,
                      options.data_plugin.empty() ? "a node without storage" : options.data_plugin,
                      data_plugin));
    }
  }
  if (data_plugin_.empty()) return {};
  CHRONIK_TRY(const bool holds_data, has_files(data_plugin_));
  if (!holds_data) {
    // What this node once promised (votes, acknowledged records) is gone, so it must
    // not pass for the same node.
    lost_data_ = true;
    new_node_ = true;
    cluster_id_.clear();
    renew();
    return write_identity();
  }
  return {};
}

void DataDir::renew() {
  size_t done = 0;
  while (done < sizeof incarnation_.b) {
    const ssize_t n = ::getrandom(incarnation_.b + done, sizeof incarnation_.b - done, 0);
    if (n > 0) done += static_cast<size_t>(n);
  }
  incarnation_.b[6] = static_cast<uint8_t>((incarnation_.b[6] & 0x0F) | 0x40);  // RFC 4122, version 4
  incarnation_.b[8] = static_cast<uint8_t>((incarnation_.b[8] & 0x3F) | 0x80);
}

// A folder that cannot be read says nothing of what it holds: who took it for lost would bar the node for good.
Result<bool> DataDir::has_files(const std::string& plugin_id) const {
  std::error_code error;
  const fs::path directory = path_ / plugin_id;
  const fs::directory_iterator files(directory, error);
  if (!error) return files != fs::directory_iterator();
  if (error == std::errc::no_such_file_or_directory) return false;
  return fail(Code::kIo, fmt::format("cannot read {}: {}; the server's user must own it and all below",
                                     directory.string(), error.message()));
}

Status DataDir::write_identity() const {
  std::string text = "# Whose data this is; written by chronik-server. Do not edit.\n";
  text += fmt::format("format = {}\nwritten_by = \"chronik {}\"\nnode_id = {}\nincarnation = \"{}\"\n",
                      kFormat, CHRONIK_VERSION, node_id_, to_text(incarnation_));
  if (!data_plugin_.empty()) text += fmt::format("data_plugin = \"{}\"\n", data_plugin_);
  if (!cluster_id_.empty()) text += fmt::format("cluster_id = \"{}\"\n", cluster_id_);
  return write_durably(path_ / kIdentityFile, text);
}

Result<fs::path> DataDir::plugin_directory(const std::string& plugin_id) const {
  fs::path directory = path_ / plugin_id;
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) {
    return fail(Code::kIo, fmt::format("cannot make {}: {}", directory.string(), error.message()));
  }
  return directory;
}

Status DataDir::adopt_cluster(std::string_view cluster_id) {
  const std::lock_guard guard(mutex_);
  if (cluster_id_ == cluster_id) return {};
  if (!cluster_id_.empty()) {
    return fail(Code::kFenced,
                fmt::format("data_dir {} belongs to cluster {}, not to {}; start this node on an empty "
                            "folder, or with the right peers",
                            path_.string(), cluster_id_, cluster_id));
  }
  if (cluster_id.empty() || cluster_id.size() > 128 ||
      cluster_id.find_first_of("\"\\\n\r") != std::string_view::npos) {
    return fail(Code::kInvalidArgument, "this is no cluster id");
  }
  cluster_id_ = cluster_id;
  const Status written = write_identity();
  if (!written) cluster_id_.clear();
  return written;
}

std::string DataDir::cluster_id() const {
  const std::lock_guard guard(mutex_);
  return cluster_id_;
}

}  // namespace chronik::host
