/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.storage_admin/1, the folder of a storage while no
 * node runs on it: what is damaged, and all that is in it, to be read group by group. A storage plugin may
 * provide it beside chronik.storage/1.
 *
 * Life: the functions are called on an instance that was created, has its folder (chr_node_info.directory),
 * and is never started. A start recovers and may write; this service only reads: no byte, name or time of a
 * file changes, so that a folder on a read-only file system will do. Whoever calls sees to it that no node
 * runs on the folder.
 *
 * What is shown is what a start would serve. What a killed process left, a start would bring in order first:
 * here that is done in memory, which takes no more than what is out of order, such as a journal.
 *
 * Import needs no function here: start an instance on an empty folder, and write to it through
 * chronik.storage/1 what groups(), keys() and entries() of another gave, for each group keys (PUT) and
 * entries (APPEND) in the order in which they came; a group with neither is made by the DELETE of a key that
 * it does not have. Each write is atomic and durable when it completes, so an import that was interrupted
 * goes on behind last_index. Bounds, entries and keys are the same then; ids of groups need not be. A storage
 * without this service can be written to all the same. chronik/storage_admin.hpp has this service in C++.
 *
 * Threads: [blocking], one call at a time for an instance. Callbacks run on the calling thread, before the
 * call returns; what they are given is borrowed for that call. One that returns non-zero ends the call that
 * runs it, which returns CANCELLED.
 *
 * Errors of all of them: NOT_FOUND (the folder is empty, or no such group), UNSUPPORTED (a format that this
 * version does not read, or files of another program), CORRUPT (as each function says; or the folder is
 * damaged at its root), IO (the disk cannot be read).
 */
#ifndef CHRONIK_DRAFT_STORAGE_ADMIN_H_
#define CHRONIK_DRAFT_STORAGE_ADMIN_H_

#include <chronik/storage.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What check() tells on its way. */
enum {
  CHR_REPORT_DAMAGE = 1,         /* bytes that fail their check, or are missing, and that a start would not
                                  * serve */
  CHR_REPORT_NOTE = 2,           /* worth knowing, and in order: such as the torn end of a write that was
                                  * never acknowledged */
  CHR_REPORT_PROGRESS = 3        /* nothing but done_bytes and all_bytes; at least once in 256 MiB */
};
typedef struct chr_storage_report { /* GROWS */
  uint32_t struct_size;
  uint32_t kind;                 /* CHR_REPORT_*; a reader passes over those that it does not know */
  uint64_t group;                /* 0: of no group, or it cannot be told of which */
  chr_str name;                  /* of the group; empty where it cannot be told */
  uint64_t first_index;          /* entries [first_index, last_index] are hit; both 0: no entries */
  uint64_t last_index;           /* UINT64_MAX: all behind */
  chr_str key;                   /* the small key that is hit; empty: none */
  chr_str place;                 /* where in the folder, for people: "data.mdb, page 4711",
                                  * "journal-2 at 1048576" */
  chr_str what;                  /* what is wrong there, one line */
  uint64_t done_bytes;           /* of the folder's files, looked at so far */
  uint64_t all_bytes;
} chr_storage_report;
typedef int32_t(CHR_CALL* chr_storage_report_fn)(void* context, const chr_storage_report* report);

/* What check() looked at. Owned by the caller, filled also where the check ended early; GROWS. */
typedef struct chr_storage_check {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t groups;               /* whole or not, as the next three */
  uint64_t keys;
  uint64_t entries;
  uint64_t bytes;                /* of payload */
  uint64_t damages;              /* reports of this kind */
  uint64_t notes;
} chr_storage_check;

typedef struct chr_storage_group { /* GROWS */
  uint32_t struct_size;
  chr_status state;              /* OK, or CORRUPT: so damaged that a start would set the group aside; bounds
                                  * are 0 then */
  uint64_t group;
  chr_str name;                  /* empty only where it is damaged */
  uint64_t first_index;          /* as in chr_storage_bounds, this and the next three */
  uint64_t last_index;
  uint64_t entries;
  uint64_t bytes;
} chr_storage_group;
typedef int32_t(CHR_CALL* chr_storage_group_fn)(void* context, const chr_storage_group* group);
typedef int32_t(CHR_CALL* chr_storage_key_fn)(void* context, chr_str key, chr_slice value);
typedef int32_t(CHR_CALL* chr_storage_entry_fn)(void* context, const chr_entry* entry);

#define CHR_STORAGE_ADMIN_ID "chronik.storage_admin/1"
typedef struct chr_storage_admin_v1 {
  uint32_t struct_size, rev;

  /* [blocking] Reads everything that is in use, and checks it: every checksum, every structure that leads to
   * it, and that the parts agree. Goes on behind what is damaged as far as there is a way. OK: all was looked
   * at, whatever was found (*out). Not between open() and close(). */
  chr_status(CHR_CALL* check)(void* self, chr_storage_report_fn fn, void* context, chr_storage_check* out,
                              chr_error* error);

  /* [blocking] Opens the folder for the three below, until close(). Damage of single groups is no error
   * here. */
  chr_status(CHR_CALL* open)(void* self, chr_error* error);
  /* [blocking] Lets go of the folder, and of what open() keeps in memory. Before destroy(); without an open()
   * it does nothing. */
  void(CHR_CALL* close)(void* self);

  /* [blocking] Calls fn for every group, in the order of their ids: those that chronik.storage/1 would list,
   * and damaged ones. */
  chr_status(CHR_CALL* groups)(void* self, chr_storage_group_fn fn, void* context, chr_error* error);
  /* [blocking] Calls fn for the small keys of a group that come after this one, in the order of their bytes;
   * empty: for all. CORRUPT: the next one is damaged, and the message names it. */
  chr_status(CHR_CALL* keys)(void* self, uint64_t group, chr_str after, chr_storage_key_fn fn, void* context,
                             chr_error* error);
  /* [blocking] Calls fn for the entries of a group from this index on, in their order, with their payloads.
   * CORRUPT: the next one is damaged, and the message names it. */
  chr_status(CHR_CALL* entries)(void* self, uint64_t group, uint64_t from, chr_storage_entry_fn fn,
                                void* context, chr_error* error);
} chr_storage_admin_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_STORAGE_ADMIN_H_ */
