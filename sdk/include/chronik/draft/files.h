/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.host.files/1, the files of a storage.
 *
 * All files of a plugin lie in one folder, its own (chr_node_info.directory). Names are 1 to
 * CHR_FILE_MAX_NAME bytes of [a-z0-9._-] and do not begin with a dot. A storage that keeps its bytes here
 * runs in the simulator as it is, on a disk with faults; in the conformance kit every image is tried that a
 * power loss may leave; in a server, io_uring and O_DIRECT do the work where the kernel has them, threads
 * where not.
 *
 * When: the table may be queried from create() on. Its functions are called from start() on; before that, or
 * without it, only to serve a call of chronik.storage_admin/1. Handles are closed before destroy() returns.
 *
 * What a kill of the process leaves: all that has completed. Of a write in flight any part, and the next open()
 * of the file waits until nothing is in flight on it any more; changes of names are whole. What was not durable
 * before the kill is not durable after it either: a power loss may still take what the next start has read. So a
 * start calls sync_names() before it builds on the names that it finds, and sync() of each file before it builds
 * on bytes of it that may not be durable: a sync() covers what earlier handles and processes wrote, too.
 *
 * What a power loss leaves:
 *  - Of a file's bytes: all that a completed sync() or a completed DURABLE write covers. Of what was written
 *    since, any sectors of 512 bytes, or none, in any order.
 *  - Of a file's size: that of the last sync() or DURABLE write or a larger one that was given to it since;
 *    bytes that were never written read as zeros.
 *  - Of names (made, renamed, removed): as of the last sync_names(); of what was changed since, any part. A
 *    rename is whole: the target is the old file or the new one.
 *
 * Errors, of the call itself or of its token. A call with a token that does not return PENDING has begun
 * nothing, and its token is not completed.
 *
 *   code             | of                   | what holds afterwards
 *   INVALID_ARGUMENT | all                  | A caller's bug: a name or flags that break the rules, a handle
 *                    |                      | that is not open, a file that is open already, a change through
 *                    |                      | a READ handle, what is not aligned, a blocking call on a shard.
 *                    |                      | Nothing was done. The last of these ends the node; in the
 *                    |                      | simulator each fails the run, and FakeFiles aborts.
 *   OUT_OF_RANGE     | read, load           | The file ends before; what *p holds is unknown.
 *                    | write, zero          | A hole would be left before it; nothing was done. A caller's
 *                    |                      | bug, unless a write before it failed.
 *   NOT_FOUND        | open, rename, remove | There is no such file; nothing was done.
 *   OVERLOADED       | open, load           | The process has as many files open as it may; close some.
 *                    | all                  | There is no memory for it; of a write, as with NO_SPACE.
 *   NO_SPACE         | open, rename         | Nothing was done.
 *                    | resize               | The size is what it was.
 *                    | sync_names           | Names are as they were; it may be tried again.
 *                    | write, zero          | Any part may be written, which one is unknown.
 *                    | sync, DURABLE write  | The same, and what was written without DURABLE since the last
 *                    |                      | sync may be dropped. Where it is, and a DURABLE write was told,
 *                    |                      | the next sync() of the handle fails.
 *   IO               | all                  | The device failed, or the system refuses. The kernel may have
 *                    |                      | dropped what it could not write: nothing that was written since
 *                    |                      | the last success may be relied on. A later success says nothing
 *                    |                      | of it, nor does that of what was in flight together with what
 *                    |                      | failed.
 *
 * What cannot be written back after the last sync() before close() may be told to nobody: sync() before
 * close().
 */
#ifndef CHRONIK_DRAFT_FILES_H_
#define CHRONIK_DRAFT_FILES_H_

#include <chronik/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHR_FILE_MAX_NAME 100 /* bytes */

/* How a file is opened. */
enum {
  CHR_FILE_CREATE = 1u,          /* made, empty, where there is none; without it NOT_FOUND */
  CHR_FILE_READ = 4u,            /* to read only, as a file is that may not be written to; without CREATE.
                                  * What would change it is INVALID_ARGUMENT */
  CHR_FILE_DIRECT = 2u           /* writes pass the page cache where the file system can
                                  * (chr_file_info.direct). Positions, sizes and addresses of its reads,
                                  * zero()s and each slice of its writes are multiples of
                                  * chr_file_info.block, whether it can or not. resize(), map() and load()
                                  * are free of it: where the size is no multiple, the last bytes are read
                                  * through map() */
};

typedef struct chr_file_info {   /* GROWS */
  uint32_t struct_size;
  uint32_t block;                /* a power of two: 1, or of a DIRECT file at least 512 */
  uint32_t direct;               /* 1: writes do pass the page cache */
  uint32_t reserved;
  uint64_t size;                 /* in bytes */
} chr_file_info;

/* One write. FROZEN when the service is. */
enum { CHR_FILE_DURABLE = 1u };  /* completes when the bytes, and the size they need, survive a power loss */
typedef struct chr_file_write {
  uint64_t file;
  uint64_t at;                   /* at most the size, with what is in flight: a file grows without holes */
  const chr_slice* slices;       /* written one after the other; empty ones are slices, too */
  uint32_t n;                    /* of them, 1 to CHR_FILE_MAX_SLICES, with at least one byte together */
  uint32_t flags;                /* CHR_FILE_DURABLE */
  uint64_t token;                /* 0: [blocking], done when write() returns. Otherwise it returns PENDING,
                                  * and completes the token */
} chr_file_write;
#define CHR_FILE_MAX_SLICES 1024

#define CHR_FILES_ID "chronik.host.files/1"
typedef struct chr_files_v1 {
  uint32_t struct_size, rev;

  /* [blocking] Opens a file of the folder. *file is never 0 and lives until close(); a file is opened once at
   * a time, whatever its name is now. Waits for what is in flight on a handle of it that was closed. */
  chr_status(CHR_CALL* open)(chr_host* self, chr_str name, uint32_t flags, uint64_t* file,
                             chr_file_info* info, chr_error* error);
  /* [any] Ends the handle, after what is in flight on it has completed. Maps stay. */
  void(CHR_CALL* close)(chr_host* self, uint64_t file);

  /* [any] Writes, several at a time if wanted, which may end in any order; those that overlap are the
   * caller's to keep apart. The slices' array is copied and their leases are retained until the end; bytes
   * without a lease must stay until then, and none may change. From a shard, with a token, nothing blocks. */
  chr_status(CHR_CALL* write)(chr_host* self, const chr_file_write* args, chr_error* error);
  /* [any] All writes, resize()s and zero()s of the file that completed before are durable. What could not be
   * written back since the last sync fails it, once, whether a DURABLE write that failed has told of it or
   * not. token as in chr_file_write. */
  chr_status(CHR_CALL* sync)(chr_host* self, uint64_t file, uint64_t token, chr_error* error);
  /* [blocking] Copies bytes [at, at + n) to p. */
  chr_status(CHR_CALL* read)(chr_host* self, uint64_t file, uint64_t at, uint8_t* p, uint64_t n,
                             chr_error* error);
  /* [blocking] Fills [at, at + n) with written zeros, in bounded pieces, so that later writes there change no
   * metadata of the file system. Grows the file where it must. No write in flight may overlap it. */
  chr_status(CHR_CALL* zero)(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error);
  /* [blocking] Cuts the file, or grows it by bytes that read as zeros. No map may be touched beyond a cut,
   * and no write in flight may reach beyond n. */
  chr_status(CHR_CALL* resize)(chr_host* self, uint64_t file, uint64_t n, chr_error* error);

  /* [any] [at, at + n) as memory to read: *out has a lease, which outlives close(), remove() and the
   * instance. at is a multiple of 4096, n is not 0. The range may reach beyond the end, but only bytes below
   * the size may be touched; those written later show. Touching what is not in memory waits for the disk, and
   * ends the process where the disk fails: load() first. */
  chr_status(CHR_CALL* map)(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_slice* out,
                            chr_error* error);
  /* [blocking] Brings the file's bytes [at, at + n) into memory. IO: the disk cannot read them. */
  chr_status(CHR_CALL* load)(chr_host* self, uint64_t file, uint64_t at, uint64_t n, chr_error* error);
  /* [any] 1: [at, at + n) is in memory just now, as far as can be told without waiting. What reaches beyond
   * the end is not. */
  int32_t(CHR_CALL* is_loaded)(chr_host* self, uint64_t file, uint64_t at, uint64_t n);

  /* [blocking] Gives the file another name, in place of what had it. Open handles stay with their file. */
  chr_status(CHR_CALL* rename)(chr_host* self, chr_str from, chr_str to, chr_error* error);
  /* [blocking] Open handles and maps go on until they are closed and released. */
  chr_status(CHR_CALL* remove)(chr_host* self, chr_str name, chr_error* error);
  /* [blocking] What open(CREATE), rename() and remove() did before is durable, that of earlier processes,
   * too. */
  chr_status(CHR_CALL* sync_names)(chr_host* self, chr_error* error);
  /* [blocking] Calls fn for every file of the folder, in the order of their names. Others than such names are
   * not told. IO, too: what has such a name is no regular file. */
  chr_status(CHR_CALL* list)(chr_host* self, void(CHR_CALL* fn)(void* context, chr_str name, uint64_t size),
                             void* context, chr_error* error);
  /* [blocking] Bytes that the file system has left for this process. */
  chr_status(CHR_CALL* space)(chr_host* self, uint64_t* free_bytes, chr_error* error);

  /* [blocking] sync() of n files, in less time and with fewer transactions of the file system's journal than
   * one after the other. each[i] is what it gave for files[i]; returns the first error of them, with its
   * message. INVALID_ARGUMENT, and nothing is done: one of them is no open file. Of a few hundred at a time,
   * others' writes wait less than of thousands. */
  chr_status(CHR_CALL* sync_files)(chr_host* self, const uint64_t* files, uint32_t n, chr_status* each,
                                   chr_error* error);
} chr_files_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_FILES_H_ */
