// Preloaded into a server, makes a later power loss possible: before each write to a file below
// CHRONIK_UNDO_OF, what stands there goes into the journal CHRONIK_UNDO_JOURNAL, until the write is durable.
// undo.py takes back, after kill -9, what was not durable, all or a part. The journal is written before the
// file and survives the process, so it misses nothing.
//
// Writes are seen where they are called for: the C library's functions, and those of liburing, which this
// program links as a shared object. What io_uring carries out goes on for a while, so that its beginning and
// its end are told apart.
//
// A record is struct record, then what stood there (zeros behind the file's end are left out). Little endian.
// A file is known by its inode, whatever its name becomes. Names of files (create, rename, unlink) are not
// taken back. While the file CHRONIK_UNDO_LIES exists, what a sync covers is not made durable, as on a disk
// that lies; then acknowledged records must get lost, which shows that the test can fail.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  kWrite = 1,        // begins
  kResize = 2,       // to `offset`; `length` bytes are cut
  kWritten = 3,      // `length` bytes of the write `id` have been written
  kMadeDurable = 4,  // the same, and they are durable
  kSync = 5,         // begins: covers what has been written before; `size` is the file's
  kSynced = 6,       // the sync `id` has ended, without an error
  kGone = 7,         // the file has lost its name; its inode may be another file's soon
  kMaxPath = 4096,
  kMaxInFlight = 4096
};

struct record {
  char magic[4];
  uint32_t kind;
  uint64_t inode, id, offset, length, size;
  uint64_t old_bytes;
};

// With io_uring, from its submission to its end.
struct operation {
  uint64_t id;  // 0: free
  uint64_t inode;
  uint64_t user_data;  // of the program: the kernel is given the address of this
  int is_sync, durable, lies;
};

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static int g_journal = -1;
static const char* g_lies;
static char g_folder[kMaxPath];
static uint64_t g_last_id;
static struct operation g_operations[kMaxInFlight];
static int (*g_submit)(struct io_uring*);
static int (*g_submit_and_wait)(struct io_uring*, unsigned);
static unsigned (*g_peek_batch)(struct io_uring*, struct io_uring_cqe**, unsigned);

static void set_up(void) {
  *(void**)&g_submit = dlsym(RTLD_NEXT, "io_uring_submit");
  *(void**)&g_submit_and_wait = dlsym(RTLD_NEXT, "io_uring_submit_and_wait");
  *(void**)&g_peek_batch = dlsym(RTLD_NEXT, "io_uring_peek_batch_cqe");
  const char* folder = getenv("CHRONIK_UNDO_OF");
  const char* journal = getenv("CHRONIK_UNDO_JOURNAL");
  if (folder == NULL || journal == NULL) return;
  snprintf(g_folder, sizeof g_folder, "%s/", folder);
  g_lies = getenv("CHRONIK_UNDO_LIES");
  g_journal = (int)syscall(SYS_openat, AT_FDCWD, journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int lies(void) { return g_lies != NULL && access(g_lies, F_OK) == 0; }

static int is_watched_path(const char* path) { return strncmp(path, g_folder, strlen(g_folder)) == 0; }

// Whether this is a file that is watched; then how it is now.
static int is_watched(int fd, struct stat* status) {
  pthread_once(&g_once, set_up);
  if (g_journal < 0 || fd == g_journal) return 0;
  char link[64], path[kMaxPath + 1];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, kMaxPath);
  if (n <= 0) return 0;
  path[n] = 0;
  return is_watched_path(path) && fstat(fd, status) == 0 && S_ISREG(status->st_mode);
}

static void journal(const struct record* head, const void* old) {
  const struct iovec parts[] = {{(void*)head, sizeof *head}, {(void*)old, head->old_bytes}};
  const ssize_t whole = (ssize_t)(sizeof *head + head->old_bytes);
  if (syscall(SYS_writev, g_journal, parts, 2) != whole) abort();  // without it the test proves nothing
}

static void tell(uint32_t kind, uint64_t inode, uint64_t id, uint64_t length, uint64_t size) {
  const struct record head = {{'U', 'N', 'D', 'O'}, kind, inode, id, 0, length, size, 0};
  journal(&head, NULL);
}

// With the lock held: what stands where a write, or the end of the file where a resize, will change it. Its id.
static uint64_t before_change(int fd, const struct stat* status, uint32_t kind, uint64_t offset,
                              uint64_t length) {
  const uint64_t size = (uint64_t)status->st_size;
  struct record head = {{'U', 'N', 'D', 'O'}, kind, status->st_ino, ++g_last_id, offset, length, size, 0};
  void* old = NULL;
  if (offset < size && length > 0) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const uint64_t there = length < size - offset ? length : size - offset;
    const int reader = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    old = malloc(there);
    if (reader < 0 || old == NULL || syscall(SYS_pread64, reader, old, there, offset) != (ssize_t)there)
      abort();
    syscall(SYS_close, reader);
    head.old_bytes = there;
  }
  journal(&head, old);
  free(old);
  return head.id;
}

static uint64_t bytes_of(const struct iovec* parts, unsigned count) {
  uint64_t length = 0;
  for (unsigned i = 0; i < count; ++i) length += parts[i].iov_len;
  return length;
}

// ---- the C library ----

static ssize_t call_write(int fd, const struct iovec* parts, int count, off_t at, int flags, int positioned) {
  if (!positioned) return syscall(SYS_writev, fd, parts, count);
  return syscall(SYS_pwritev2, fd, parts, count, at, 0, flags);
}

static ssize_t write_at(int fd, const struct iovec* parts, int count, off_t at, int flags, int positioned) {
  struct stat status;
  if (!is_watched(fd, &status)) return call_write(fd, parts, count, at, flags, positioned);
  pthread_mutex_lock(&g_lock);
  const int opened = fcntl(fd, F_GETFL);
  if (fstat(fd, &status) != 0) abort();
  if (!positioned)
    at = (opened & O_APPEND) != 0 ? status.st_size : (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR);
  const int durable = ((opened & O_DSYNC) != 0 || (flags & RWF_DSYNC) != 0) && !lies();
  if (!durable) flags &= ~RWF_DSYNC;
  const uint64_t id = before_change(fd, &status, kWrite, (uint64_t)at, bytes_of(parts, (unsigned)count));
  const ssize_t written = call_write(fd, parts, count, at, flags, positioned);
  const int error = errno;
  if (written > 0) tell(durable ? kMadeDurable : kWritten, status.st_ino, id, (uint64_t)written, 0);
  pthread_mutex_unlock(&g_lock);
  errno = error;
  return written;
}

ssize_t pwritev2(int fd, const struct iovec* parts, int count, off_t at, int flags) {
  return write_at(fd, parts, count, at, flags, 1);
}
ssize_t pwritev64v2(int fd, const struct iovec* parts, int count, off64_t at, int flags) {
  return write_at(fd, parts, count, at, flags, 1);
}
ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
  return write_at(fd, parts, count, at, 0, 1);
}
ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
  return write_at(fd, parts, count, at, 0, 1);
}
ssize_t writev(int fd, const struct iovec* parts, int count) { return write_at(fd, parts, count, 0, 0, 0); }
ssize_t pwrite(int fd, const void* bytes, size_t n, off_t at) {
  const struct iovec part = {(void*)bytes, n};
  return write_at(fd, &part, 1, at, 0, 1);
}
ssize_t pwrite64(int fd, const void* bytes, size_t n, off64_t at) { return pwrite(fd, bytes, n, at); }
ssize_t write(int fd, const void* bytes, size_t n) {
  const struct iovec part = {(void*)bytes, n};
  return write_at(fd, &part, 1, 0, 0, 0);
}

int ftruncate(int fd, off_t size) {
  struct stat status;
  if (!is_watched(fd, &status)) return (int)syscall(SYS_ftruncate, fd, size);
  pthread_mutex_lock(&g_lock);
  if (fstat(fd, &status) != 0) abort();
  const uint64_t cut = status.st_size > size ? (uint64_t)(status.st_size - size) : 0;
  const uint64_t id = before_change(fd, &status, kResize, (uint64_t)size, cut);
  const int result = (int)syscall(SYS_ftruncate, fd, size);
  const int error = errno;
  if (result == 0) tell(kWritten, status.st_ino, id, cut, 0);
  pthread_mutex_unlock(&g_lock);
  errno = error;
  return result;
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

static int sync_file(int fd, long call) {
  struct stat status;
  if (!is_watched(fd, &status)) return (int)syscall(call, fd);
  if (lies()) return 0;
  // Writes that begin while the sync runs wait, so that it is known which ones it covers.
  pthread_mutex_lock(&g_lock);
  if (fstat(fd, &status) != 0) abort();
  const uint64_t id = ++g_last_id;
  tell(kSync, status.st_ino, id, 0, (uint64_t)status.st_size);
  const int result = (int)syscall(call, fd);
  const int error = errno;
  if (result == 0) tell(kSynced, status.st_ino, id, 0, 0);
  pthread_mutex_unlock(&g_lock);
  errno = error;
  return result;
}
int fsync(int fd) { return sync_file(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }

// With the lock held: the inode of a watched file that has this name, and no other; 0: there is none.
static uint64_t only_name_of(int folder, const char* name) {
  struct stat status, watched;
  if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || fstat(g_journal, &watched) != 0) return 0;
  return S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_dev == watched.st_dev ? status.st_ino
                                                                                            : 0;
}

int unlinkat(int folder, const char* name, int flags) {
  pthread_once(&g_once, set_up);
  if (g_journal < 0) return (int)syscall(SYS_unlinkat, folder, name, flags);
  pthread_mutex_lock(&g_lock);
  const uint64_t inode = only_name_of(folder, name);
  const int result = (int)syscall(SYS_unlinkat, folder, name, flags);
  const int error = errno;
  if (inode != 0 && result == 0) tell(kGone, inode, 0, 0, 0);
  pthread_mutex_unlock(&g_lock);
  errno = error;
  return result;
}
int unlink(const char* path) { return unlinkat(AT_FDCWD, path, 0); }

int renameat(int old_folder, const char* old_name, int new_folder, const char* new_name) {
  pthread_once(&g_once, set_up);
  if (g_journal < 0) return (int)syscall(SYS_renameat, old_folder, old_name, new_folder, new_name);
  pthread_mutex_lock(&g_lock);
  const uint64_t moved = only_name_of(old_folder, old_name);
  const uint64_t replaced = only_name_of(new_folder, new_name);
  const int result = (int)syscall(SYS_renameat, old_folder, old_name, new_folder, new_name);
  const int error = errno;
  if (replaced != 0 && replaced != moved && result == 0) tell(kGone, replaced, 0, 0, 0);
  pthread_mutex_unlock(&g_lock);
  errno = error;
  return result;
}
int rename(const char* from, const char* to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

// ---- io_uring ----

// With the lock held.
static struct operation* operation_of(uint64_t id) {
  for (int i = 0; i < kMaxInFlight; ++i)
    if (g_operations[i].id == id) return &g_operations[i];
  return NULL;
}

static struct operation* new_operation(const struct stat* status, struct io_uring_sqe* sqe) {
  struct operation* const operation = operation_of(0);
  if (operation == NULL) abort();
  memset(operation, 0, sizeof *operation);
  operation->inode = status->st_ino;
  operation->user_data = sqe->user_data;
  operation->lies = lies();
  sqe->user_data = (uint64_t)(uintptr_t)operation;
  return operation;
}

static void begin_write(struct io_uring_sqe* sqe, const struct stat* status) {
  struct operation* const operation = new_operation(status, sqe);
  operation->durable = (sqe->rw_flags & RWF_DSYNC) != 0 && !operation->lies;
  if (!operation->durable) sqe->rw_flags &= ~RWF_DSYNC;
  const uint64_t length = bytes_of((const struct iovec*)(uintptr_t)sqe->addr, sqe->len);
  operation->id = before_change(sqe->fd, status, kWrite, sqe->off, length);
}

static void begin_sync(struct io_uring_sqe* sqe, const struct stat* status) {
  struct operation* const operation = new_operation(status, sqe);
  operation->is_sync = 1;
  operation->id = ++g_last_id;
  if (operation->lies)
    sqe->opcode = IORING_OP_NOP;
  else
    tell(kSync, status->st_ino, operation->id, 0, (uint64_t)status->st_size);
}

// What is new in the ring since the last time.
static void begin_operations(struct io_uring* ring) {
  pthread_once(&g_once, set_up);
  if (g_journal < 0) return;
  pthread_mutex_lock(&g_lock);
  for (unsigned i = ring->sq.sqe_head; i != ring->sq.sqe_tail; ++i) {
    struct io_uring_sqe* const sqe = &ring->sq.sqes[i & ring->sq.ring_mask];
    struct stat status;
    const int is_write = sqe->opcode == IORING_OP_WRITEV;
    if ((!is_write && sqe->opcode != IORING_OP_FSYNC) || !is_watched(sqe->fd, &status)) continue;
    if (is_write)
      begin_write(sqe, &status);
    else
      begin_sync(sqe, &status);
  }
  pthread_mutex_unlock(&g_lock);
}

int io_uring_submit(struct io_uring* ring) {
  begin_operations(ring);
  return g_submit(ring);
}

int io_uring_submit_and_wait(struct io_uring* ring, unsigned n) {
  begin_operations(ring);
  return g_submit_and_wait(ring, n);
}

static void end_operation(struct io_uring_cqe* cqe) {
  struct operation* const operation = (struct operation*)(uintptr_t)cqe->user_data;
  if (operation < g_operations || operation >= g_operations + kMaxInFlight) return;
  cqe->user_data = operation->user_data;
  const uint64_t written = !operation->is_sync && cqe->res > 0 ? (uint64_t)cqe->res : 0;
  if (operation->is_sync && cqe->res == 0 && !operation->lies)
    tell(kSynced, operation->inode, operation->id, 0, 0);
  else if (written > 0)
    tell(operation->durable ? kMadeDurable : kWritten, operation->inode, operation->id, written, 0);
  memset(operation, 0, sizeof *operation);
}

unsigned io_uring_peek_batch_cqe(struct io_uring* ring, struct io_uring_cqe** cqes, unsigned count) {
  pthread_once(&g_once, set_up);
  const unsigned n = g_peek_batch(ring, cqes, count);
  if (g_journal < 0) return n;
  pthread_mutex_lock(&g_lock);
  for (unsigned i = 0; i < n; ++i) end_operation(cqes[i]);
  pthread_mutex_unlock(&g_lock);
  return n;
}
