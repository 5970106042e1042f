/* clang-format off */
/* chronik draft ABI, may change with any minor: chronik.state_machine_stream/1, snapshots of a state machine
 * that are saved and loaded in pieces over many turns of the shard, for states that one turn has no time for.
 * Offered beside chronik.consensus/1; a consensus plugin may lack it, so whoever has such a table has save()
 * and load() of chr_state_machine_v1 too.
 *
 * Both ways write and read the same bytes: what the one has saved, the other loads, here or on another
 * member.
 */
#ifndef CHRONIK_DRAFT_STATE_MACHINE_STREAM_H_
#define CHRONIK_DRAFT_STATE_MACHINE_STREAM_H_

#include <chronik/consensus.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Called instead of save() and load(). All [shard], for at most one save or one load of a group at a time.
 * What a begin function that answered OK has put into its last argument is handed back with every call, and
 * once to end_save() or end_load(), before close_group completes: there it is freed, whether all went well,
 * something failed, or nobody wants it any more, since the group is closed or stopped, or a snapshot of a
 * leader is to replace the state. FROZEN; no function is NULL. */
typedef struct chr_state_stream_v1 {
  uint32_t struct_size, rev;
  /* [shard] Between two calls of apply(): a save of the state as of the last applied entry. Cheap, as the
   * whole of it is part of one turn. Consensus goes on to apply(), and never holds back what is committed for
   * a save: the state machine keeps what it looked like now, by copies of what changes since or of all there
   * is, until end_save(). */
  chr_status(CHR_CALL* begin_save)(void* context, void** save);
  /* [shard] Writes on, and comes back once max_bytes are written: with *more = 1, or 0 where that was all.
   * What began before may end behind max_bytes. Any other callback may have come since the last piece, and an
   * apply() may be PENDING. */
  chr_status(CHR_CALL* save_piece)(void* context, void* save, const chr_sink* sink, uint64_t max_bytes,
                                   uint32_t* more);
  /* [shard] */
  void(CHR_CALL* end_save)(void* context, void* save);
  /* [shard] When load() would be called; bytes come, in pieces that are cut anywhere. No apply() and no save
   * until end_load(); role() may come meanwhile, and finds the state of before. */
  chr_status(CHR_CALL* begin_load)(void* context, uint64_t bytes, void** load, chr_error* error);
  /* [shard] In order, at most 256 KiB each. Borrowed for the call. */
  chr_status(CHR_CALL* load_piece)(void* context, void* load, const chr_slice* piece, chr_error* error);
  /* [shard] All pieces were there: they replace the state. Without this it is as before. */
  chr_status(CHR_CALL* finish_load)(void* context, void* load, chr_error* error);
  /* [shard] */
  void(CHR_CALL* end_load)(void* context, void* load);
} chr_state_stream_v1;

#define CHR_STATE_MACHINE_STREAM_ID "chronik.state_machine_stream/1"
typedef struct chr_state_machine_stream_v1 {
  uint32_t struct_size, rev;
  /* [shard] shard_of(name), before open_group(), as that may load at once. The next open_group() of this name
   * takes it, whatever becomes of it; a second call replaces the first. The table is copied; context outlives
   * close_group(). */
  void(CHR_CALL* attach)(void* self, chr_str name, const chr_state_stream_v1* stream, void* context);
} chr_state_machine_stream_v1;

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_DRAFT_STATE_MACHINE_STREAM_H_ */
