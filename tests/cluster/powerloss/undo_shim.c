// Preloaded into a server, makes a later power loss possible: before each write to a file below
// CHRONIK_UNDO_OF, what stands there goes into the journal CHRONIK_UNDO_JOURNAL, until a sync makes the write
// durable. undo.py takes back, after kill -9, what was not synced, all or a part. The journal is written
// before the file and survives the process, so it misses nothing.
//
// A record: "UNDO", kind u32 (1 write, 2 synced file, 3 synced range), offset u64, length u64, size of the
// file before u64, bytes of what stood there u32, bytes of the path u32; then the path, then what stood there
// (zeros behind the file's end are left out). Little endian. Names of files (create, rename, unlink) are not
// taken back. While the file CHRONIK_UNDO_LIES exists, a sync does nothing, as on a disk that lies; then
// acknowledged records must get lost, which shows that the test can fail.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kWrite = 1, kSyncedFile = 2, kSyncedRange = 3, kMostPath = 4096 };

struct record {
  char magic[4];
  uint32_t kind;
  uint64_t offset, length, size_before;
  uint32_t old_bytes, path_bytes;
};

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static int g_journal = -1;
static const char* g_lies;
static char g_folder[kMostPath];

static void set_up(void) {
  const char* folder = getenv("CHRONIK_UNDO_OF");
  const char* journal = getenv("CHRONIK_UNDO_JOURNAL");
  if (folder == NULL || journal == NULL) return;
  snprintf(g_folder, sizeof g_folder, "%s/", folder);
  g_lies = getenv("CHRONIK_UNDO_LIES");
  g_journal = (int)syscall(SYS_openat, AT_FDCWD, journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int lies(void) { return g_lies != NULL && access(g_lies, F_OK) == 0; }

// The path of an open file that is watched; 0 for others.
static uint32_t path_of(int fd, char* path) {
  pthread_once(&g_once, set_up);
  if (g_journal < 0 || fd == g_journal) return 0;
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, kMostPath);
  if (n <= 0 || strncmp(path, g_folder, strlen(g_folder)) != 0) return 0;
  return (uint32_t)n;
}

static void journal(const struct record* head, const char* path, const void* old) {
  const struct iovec parts[] = {
      {(void*)head, sizeof *head}, {(void*)path, head->path_bytes}, {(void*)old, head->old_bytes}};
  const ssize_t whole = (ssize_t)(sizeof *head + head->path_bytes + head->old_bytes);
  if (syscall(SYS_writev, g_journal, parts, 3) != whole) abort();  // without it the test proves nothing
}

// With the lock held: what stands where a write, or the end of the file where a resize, will change it.
static void before_change(int fd, const char* path, uint32_t path_bytes, uint64_t offset, uint64_t length) {
  struct stat status;
  if (fstat(fd, &status) != 0) abort();
  const uint64_t size = (uint64_t)status.st_size;
  struct record head = {{'U', 'N', 'D', 'O'}, kWrite, offset, length, size, 0, path_bytes};
  void* old = NULL;
  if (offset < size) {
    const uint64_t there = length < size - offset ? length : size - offset;
    const int reader = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    old = malloc(there);
    if (reader < 0 || old == NULL || syscall(SYS_pread64, reader, old, there, offset) != (ssize_t)there)
      abort();
    syscall(SYS_close, reader);
    head.old_bytes = (uint32_t)there;
  }
  journal(&head, path, old);
  free(old);
}

static void synced(const char* path, uint32_t path_bytes, uint32_t kind, uint64_t offset, uint64_t length) {
  const struct record head = {{'U', 'N', 'D', 'O'}, kind, offset, length, 0, 0, path_bytes};
  journal(&head, path, NULL);
}

static ssize_t write_at(int fd, const struct iovec* parts, int count, off_t at, int positioned) {
  char path[kMostPath + 1];
  const uint32_t path_bytes = path_of(fd, path);
  if (path_bytes == 0) {
    return positioned ? syscall(SYS_pwritev, fd, parts, count, at, 0) : syscall(SYS_writev, fd, parts, count);
  }
  path[path_bytes] = 0;
  uint64_t length = 0;
  for (int i = 0; i < count; ++i) length += parts[i].iov_len;
  pthread_mutex_lock(&g_lock);
  const int flags = fcntl(fd, F_GETFL);
  if (!positioned) {
    struct stat status;
    if (fstat(fd, &status) != 0) abort();
    at = (flags & O_APPEND) != 0 ? status.st_size : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
  }
  before_change(fd, path, path_bytes, (uint64_t)at, length);
  const ssize_t written =
      positioned ? syscall(SYS_pwritev, fd, parts, count, at, 0) : syscall(SYS_writev, fd, parts, count);
  if (written > 0 && (flags & O_DSYNC) != 0 && !lies())
    synced(path, path_bytes, kSyncedRange, (uint64_t)at, (uint64_t)written);
  pthread_mutex_unlock(&g_lock);
  return written;
}

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
  return write_at(fd, parts, count, at, 1);
}
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
  return write_at(fd, parts, count, at, 1);
}
ssize_t writev(int fd, const struct iovec* parts, int count) { return write_at(fd, parts, count, 0, 0); }
ssize_t pwrite(int fd, const void* bytes, size_t n, off_t at) {
  const struct iovec part = {(void*)bytes, n};
  return write_at(fd, &part, 1, at, 1);
}
ssize_t pwrite64(int fd, const void* bytes, size_t n, off64_t at) { return pwrite(fd, bytes, n, at); }
ssize_t write(int fd, const void* bytes, size_t n) {
  const struct iovec part = {(void*)bytes, n};
  return write_at(fd, &part, 1, 0, 0);
}

int ftruncate(int fd, off_t size) {
  char path[kMostPath + 1];
  const uint32_t path_bytes = path_of(fd, path);
  if (path_bytes == 0) return (int)syscall(SYS_ftruncate, fd, size);
  path[path_bytes] = 0;
  pthread_mutex_lock(&g_lock);
  struct stat status;
  if (fstat(fd, &status) != 0) abort();
  const uint64_t cut = status.st_size > size ? (uint64_t)(status.st_size - size) : 0;
  before_change(fd, path, path_bytes, (uint64_t)size, cut);
  const int result = (int)syscall(SYS_ftruncate, fd, size);
  pthread_mutex_unlock(&g_lock);
  return result;
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

static int sync_file(int fd, long call) {
  char path[kMostPath + 1];
  const uint32_t path_bytes = path_of(fd, path);
  if (path_bytes == 0) return (int)syscall(call, fd);
  if (lies()) return 0;
  // Writes that begin while the sync runs wait, so that it is known which ones it covers.
  pthread_mutex_lock(&g_lock);
  const int result = (int)syscall(call, fd);
  if (result == 0) synced(path, path_bytes, kSyncedFile, 0, 0);
  pthread_mutex_unlock(&g_lock);
  return result;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
