#include "storage-lmdb/env.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace chronik::storage_lmdb {
namespace {

constexpr char kMagic[] = "chronik.lmdb";
constexpr char kFormatKey[] = "format";

struct FormatRecord {
  char magic[16];
  uint32_t format;
  uint32_t lanes;
};

MDB_val format_key() { return {sizeof kFormatKey - 1, const_cast<char*>(kFormatKey)}; }

// LMDB would wait for a pipe, and make a new file where a link leads to.
Status check_file(const std::filesystem::path& file) {
  std::error_code error;
  const auto there = std::filesystem::status(file, error);
  const bool is_link = std::filesystem::is_symlink(std::filesystem::symlink_status(file, error));
  if (is_link && !std::filesystem::exists(there))
    return fail(Code::kIo, file.string() +
                               " is a link to a file that is not there: mount what it leads to, or "
                               "correct the link");
  if (!std::filesystem::exists(there) || std::filesystem::is_regular_file(there)) return {};
  return fail(Code::kIo, file.string() +
                             " is no regular file but a folder, a pipe, a socket or a device: move it away, "
                             "and put the file back");
}

// A folder with files of another storage, and none of ours, is no empty one.
Status check_folder(const std::string& directory) {
  for (const char* name : {"data.mdb", "lock.mdb"}) CHRONIK_CHECK(check_file(directory + "/" + name));
  std::string other;
  std::error_code error;
  for (std::filesystem::directory_iterator files(directory, error), end; !error && files != end;
       files.increment(error)) {
    const std::string name = files->path().filename().string();
    if (name == "data.mdb") return {};
    if (name != "lock.mdb" && files->is_regular_file(error))
      other = name;  // a disk of its own has a lost+found
  }
  if (error) return fail(Code::kIo, "cannot read " + directory + ": " + error.message());
  if (other.empty()) return {};
  return fail(Code::kUnsupported,
              directory + " holds the file " + other +
                  " and no data.mdb: set storage.plugin to the storage that wrote it, or move "
                  "the file away");
}

// Whether LMDB does not know the file.
bool is_foreign(int rc) { return rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH; }
Error foreign_file(const std::string& directory, int rc) {
  return {Code::kCorrupt, directory + "/data.mdb is no store of storage-lmdb, or a damaged one (" +
                              mdb_strerror(rc) +
                              "): correct data_dir, or move the file away and restore a backup, or "
                              "let this node join its cluster as a new one"};
}

}  // namespace

Error lmdb_error(int rc, const std::string& doing) {
  Code code = Code::kIo;
  switch (rc) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case MDB_MAP_FULL:
      code = Code::kNoSpace;
      break;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PAGE_FULL:  // of an operation that needs no page
    case MDB_CURSOR_FULL:
    case MDB_BAD_VALSIZE:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
      code = Code::kCorrupt;
      break;
    default:
      break;
  }
  return {code, "cannot " + doing + ": " + mdb_strerror(rc)};
}

int commit(MDB_txn* txn) {
  errno = 0;  // no call of the system fails with EIO and leaves it so
  const int rc = mdb_txn_commit(txn);
  // mutant short-write-ends-node: return rc;
  return rc == EIO && errno != EIO ? ENOSPC : rc;
}

Status Env::create(uint64_t map_size) {
  int rc = mdb_env_create(&env_);
  if (rc == MDB_SUCCESS) {
    mdb_env_set_assert(env_, [](MDB_env*, const char* text) { throw DamagedPage{text}; });
    rc = mdb_env_set_mapsize(env_, map_size);
  }
  if (rc == MDB_SUCCESS) rc = mdb_env_set_maxdbs(env_, 3 + kLanes);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "prepare to open a store"));
  return {};
}

Result<std::shared_ptr<Env>> Env::open(const Options& options) {
  CHRONIK_CHECK(check_folder(options.directory));
  std::shared_ptr<Env> env(new Env);
  const auto check = [&options](int rc) -> Status {
    if (rc == MDB_SUCCESS) return {};
    return std::unexpected(lmdb_error(rc, "open the store in " + options.directory));
  };
  CHRONIK_CHECK(env->create(options.map_size));
  CHRONIK_CHECK(check(mdb_env_set_maxreaders(env->env_, options.max_readers)));
  const int rc =
      mdb_env_open(env->env_, options.directory.c_str(), MDB_NOTLS | MDB_NORDAHEAD | MDB_NOMEMINIT, 0640);
  if (is_foreign(rc)) return std::unexpected(foreign_file(options.directory, rc));
  CHRONIK_CHECK(check(rc));
  if (env->used_end() > options.map_size)
    CHRONIK_CHECK(check(mdb_env_set_mapsize(env->env_, env->used_end() + options.spare)));
  // What a killed process had written but not synced is found too, and counts as durable from here on.
  CHRONIK_CHECK(check(mdb_env_sync(env->env_, 1)));
  if (Status opened = env->open_databases(options); !opened) {
    if (opened.error().code == Code::kCorrupt)
      opened.error().message +=
          "; move the file away, then restore a backup, or let this node join its cluster as a new one";
    return std::unexpected(std::move(opened).error());
  }
  return env;
}

Result<std::shared_ptr<Env>> Env::open_for_reading(const std::string& directory) {
  CHRONIK_CHECK(check_folder(directory));
  const std::string file = directory + "/data.mdb";
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(file, error);
  if (error == std::errc::no_such_file_or_directory || (!error && size == 0))
    return fail(Code::kNotFound,
                directory + " holds no store of storage-lmdb: there is no data.mdb, or an empty one");
  if (error) return fail(Code::kIo, "cannot read " + file + ": " + error.message());
  std::shared_ptr<Env> env(new Env);
  CHRONIK_CHECK(env->create(size));  // LMDB takes more where the trees need it
  int rc = mdb_env_open(env->env_, directory.c_str(), MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0);
  if (is_foreign(rc)) return std::unexpected(foreign_file(directory, rc));
  if (rc == MDB_SUCCESS) env->stand_in_for_missing(size);
  MDB_txn* txn = nullptr;
  if (rc == MDB_SUCCESS) rc = mdb_txn_begin(env->env_, nullptr, MDB_RDONLY, &txn);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "open the store in " + directory));
  const Status opened = contain([&]() -> Status {
    CHRONIK_CHECK(env->check_format(txn, directory));
    return env->open_databases(txn, 0, directory);
  });
  if (!opened) {
    mdb_txn_abort(txn);
    Error failed = opened.error();
    const bool is_refused = failed.code == Code::kCorrupt || failed.code == Code::kUnsupported;
    if (is_refused && size < env->used_end()) {  // whoever wrote it
      failed.code = Code::kCorrupt;
      failed.message = file + " was cut short, it ends after " + std::to_string(size) + " of " +
                       std::to_string(env->used_end()) + " bytes: " + failed.message;
    }
    return std::unexpected(std::move(failed));
  }
  mdb_txn_commit(txn);  // keeps the handles
  return env;
}

// Touching the map beyond the end of its file would end the process. Zeros are no page of LMDB, so there they are damage.
void Env::stand_in_for_missing(uint64_t size) {
  MDB_stat stat{};
  mdb_env_stat(env_, &stat);
  page_size_ = stat.ms_psize;
  if (size >= used_end()) return;
  // By its name: file systems in layers show another inode there.
  std::error_code error;
  const std::string path =
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(data_file()), error);
  if (error) return;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    uint64_t offset = 0;
    const bool is_map =
        std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %*s %" SCNx64, &begin, &end, &offset) == 3;
    if (!is_map || !line.ends_with(" " + path)) continue;
    const uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
    const uintptr_t there = (size + page - 1) / page * page;
    const uintptr_t from = there > offset ? begin + (there - offset) : begin;
    if (from >= end) continue;
    if (::mmap(reinterpret_cast<void*>(from), end - from, PROT_READ, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0) == MAP_FAILED)
      return;
  }
}

Env::~Env() {
  if (env_ != nullptr) mdb_env_close(env_);
}

Status Env::open_databases(const Options& options) {
  MDB_txn* txn = nullptr;
  const int rc = mdb_txn_begin(env_, nullptr, 0, &txn);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "begin a transaction"));
  Status status = check_format(txn, options.directory);
  if (!status && status.error().code == Code::kNotFound) status = make_format(txn, options.directory);
  if (status) status = open_databases(txn, MDB_CREATE, options.directory);
  if (!status) {
    mdb_txn_abort(txn);
    return status;
  }
  const int committed = commit(txn);
  if (committed != MDB_SUCCESS)
    return std::unexpected(lmdb_error(committed, "write to " + options.directory));
  return {};
}

Status Env::open_databases(MDB_txn* txn, unsigned flags, const std::string& directory) {
  int rc = mdb_dbi_open(txn, "groups", flags, &groups_);
  if (rc == MDB_SUCCESS) rc = mdb_dbi_open(txn, "keys", flags, &keys_);
  for (uint32_t i = 0; i < kLanes && rc == MDB_SUCCESS; ++i)
    rc = mdb_dbi_open(txn, ("log" + std::to_string(i)).c_str(), flags, &lanes_[i]);
  if (rc == MDB_NOTFOUND)
    return fail(Code::kCorrupt, directory + "/data.mdb lacks a table that every store of storage-lmdb has");
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "open the databases of " + directory));
  MDB_stat stat{};
  mdb_env_stat(env_, &stat);
  page_size_ = stat.ms_psize;
  return {};
}

// NOT_FOUND: the file holds nothing.
Status Env::check_format(MDB_txn* txn, const std::string& directory) {
  MDB_val key = format_key();
  MDB_val value{};
  int rc = mdb_dbi_open(txn, "meta", 0, &meta_);
  if (rc == MDB_SUCCESS) rc = mdb_get(txn, meta_, &key, &value);
  if (rc == MDB_SUCCESS) {
    FormatRecord record{};
    std::memcpy(&record, value.mv_data, std::min(value.mv_size, sizeof record));
    if (value.mv_size < sizeof record || std::strncmp(record.magic, kMagic, sizeof record.magic) != 0)
      return fail(Code::kCorrupt, directory + " holds an LMDB file whose format record is damaged");
    if (record.format != kFormat || record.lanes != kLanes) {
      return fail(Code::kUnsupported, "the store in " + directory + " has format " +
                                          std::to_string(record.format) + "." + std::to_string(record.lanes) +
                                          "; this storage-lmdb reads format " + std::to_string(kFormat) +
                                          "." + std::to_string(kLanes) +
                                          ": start the chronik that wrote it, or a newer one");
    }
    return {};
  }
  if (rc != MDB_NOTFOUND) return std::unexpected(lmdb_error(rc, "read the format of " + directory));
  MDB_stat stat{};
  MDB_dbi main = 0;
  rc = mdb_dbi_open(txn, nullptr, 0, &main);
  if (rc == MDB_SUCCESS) rc = mdb_stat(txn, main, &stat);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "read the tables of " + directory));
  if (stat.ms_entries != 0)
    return fail(Code::kUnsupported, directory +
                                        "/data.mdb is an LMDB file of another program: set data_dir, or "
                                        "storage.plugin, to what they were, or move the file away");
  return fail(Code::kNotFound, directory + "/data.mdb holds nothing yet");
}

Status Env::make_format(MDB_txn* txn, const std::string& directory) {
  MDB_val key = format_key();
  FormatRecord record{};
  std::memcpy(record.magic, kMagic, sizeof kMagic);
  record.format = kFormat;
  record.lanes = kLanes;
  MDB_val value{sizeof record, &record};
  int rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &meta_);
  if (rc == MDB_SUCCESS) rc = mdb_put(txn, meta_, &key, &value, 0);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "write to " + directory));
  return {};
}

int Env::data_file() const {
  mdb_filehandle_t fd = -1;
  mdb_env_get_fd(env_, &fd);
  return fd;
}

uint64_t Env::used_end() const {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  return (info.me_last_pgno + 1) * page_size_;
}

}  // namespace chronik::storage_lmdb
