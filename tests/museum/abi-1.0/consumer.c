/* A consumer of consensus of ABI 1.0. Its start is one round trip: opens a group, waits until this node leads
 * it, proposes an entry, sees it applied, reads it back, closes the group; anything else than that is how
 * start() fails. */
#include <stdlib.h>

#include "exhibit.h"

static const char kGroup[] = "museum";
static const char kRecord[] = "a record of then";

struct chr_plugin {
  const chr_host_v1* host;
  const chr_exec_v1* exec;
  const chr_consensus_v1* consensus;
  void* instance;
  chr_group* group;
  uint64_t start_token;
  const char* broken; /* what went wrong first, or NULL */
  chr_placed placed;
  int proposed;
  uint32_t applied;
  int64_t high_watermark;
  chr_entries entries;
};

/* ---- the state machine ---- */

static chr_status CHR_CALL apply(void* context, const chr_entry* entries, uint32_t n, uint64_t token) {
  chr_plugin* self = context;
  (void)token;
  for (uint32_t i = 0; i < n; ++i) {
    if (entries[i].payload.n == sizeof kRecord && memcmp(entries[i].payload.p, kRecord, sizeof kRecord) == 0)
      ++self->applied;
  }
  return CHR_OK;
}

static void CHR_CALL propose(void* context);
static void CHR_CALL role(void* context, const chr_role* now) {
  chr_plugin* self = context;
  if (now->role != CHR_ROLE_LEADER || self->proposed) return;
  self->proposed = 1;
  self->exec->post(self->host->self, (uint32_t)self->exec->current_shard(self->host->self), propose, self);
}

static void CHR_CALL committed(void* context, uint64_t index, int64_t offset) {
  (void)index;
  ((chr_plugin*)context)->high_watermark = offset;
}
static void CHR_CALL truncated(void* context, uint64_t index, int64_t offset) {
  (void)index;
  (void)offset;
  ((chr_plugin*)context)->broken = "a group of one was truncated";
}
static void CHR_CALL trimmed(void* context, int64_t offset) {
  (void)context;
  (void)offset;
}
static chr_status CHR_CALL save(void* context, const chr_sink* sink) {
  const chr_plugin* self = context;
  const uint8_t count = (uint8_t)self->applied;
  return sink->write(sink->context, &count, 1) != 0 ? CHR_OK : CHR_E_FAILED;
}
static chr_status CHR_CALL load(void* context, const chr_slice* pieces, uint32_t n, chr_error* error) {
  (void)error;
  for (uint32_t i = 0; i < n; ++i) {
    if (pieces[i].n != 0) ((chr_plugin*)context)->applied = pieces[i].p[0];
  }
  return CHR_OK;
}

static const chr_state_machine_v1 kMachine = {sizeof kMachine, 1,       apply, role, committed,
                                              truncated,       trimmed, save,  load};

/* ---- the round trip, one step after the other on the group's shard ---- */

static void finish(chr_plugin* self) {
  complete(self->host, self->start_token, self->broken == NULL ? CHR_OK : CHR_E_FAILED,
           self->broken == NULL ? "" : self->broken);
}

static void CHR_CALL closed(void* context, const chr_done* done) {
  chr_plugin* self = context;
  if (done->code != CHR_OK && self->broken == NULL) self->broken = "close_group failed";
  self->group = NULL;
  finish(self);
}

static void close_now(chr_plugin* self) {
  const uint64_t token = self->exec->op_begin(self->host->self, closed, self);
  if (self->consensus->close_group(self->group, CHR_CLOSE_SNAPSHOT, token, NULL) == CHR_PENDING) return;
  self->exec->op_abandon(self->host->self, token);
  self->broken = "close_group is not PENDING";
  finish(self);
}

static void compare(chr_plugin* self) {
  const chr_entries* found = &self->entries;
  if (found->n != 1 || found->entries[0].payload.n != sizeof kRecord ||
      memcmp(found->entries[0].payload.p, kRecord, sizeof kRecord) != 0)
    self->broken = "read something else than what was proposed";
  if (found->n == 1 && found->entries[0].header.index != self->placed.index)
    self->broken = "read another index";
  if (found->lease != NULL) found->lease->ops->release(found->lease);
  if (self->applied != 1) self->broken = "the entry was not applied once";
  if (self->high_watermark != self->placed.base_offset + 3) self->broken = "the high watermark did not move";
  close_now(self);
}

static void CHR_CALL was_read(void* context, const chr_done* done) {
  chr_plugin* self = context;
  if (done->code != CHR_OK) self->broken = "read failed";
  compare(self);
}

static void CHR_CALL was_committed(void* context, const chr_done* done) {
  chr_plugin* self = context;
  if (done->code != CHR_OK) {
    self->broken = "the entry was not committed";
    close_now(self);
    return;
  }
  chr_group_read args;
  memset(&args, 0, sizeof args);
  args.struct_size = sizeof args;
  args.bound = CHR_BOUND_COMMITTED;
  args.offset = self->placed.base_offset;
  args.max_bytes = 1024;
  memset(&self->entries, 0, sizeof self->entries);
  self->entries.struct_size = sizeof self->entries;
  const uint64_t token = self->exec->op_begin(self->host->self, was_read, self);
  const chr_status status = self->consensus->read(self->group, &args, &self->entries, token, NULL);
  if (status == CHR_PENDING) return;
  self->exec->op_abandon(self->host->self, token);
  if (status != CHR_OK) self->broken = "read is refused";
  compare(self);
}

static void CHR_CALL propose(void* context) {
  chr_plugin* self = context;
  chr_proposal item;
  memset(&item, 0, sizeof item);
  item.kind = CHR_ENTRY_DATA;
  item.records = 3;
  item.offset_at = -1;
  item.epoch_at = -1;
  item.max_timestamp = -1;
  item.payload.p = (const uint8_t*)kRecord;
  item.payload.n = sizeof kRecord;
  const uint64_t token = self->exec->op_begin(self->host->self, was_committed, self);
  const chr_status status =
      self->consensus->propose(self->group, 0, &item, 1, CHR_UNTIL_COMMITTED, &self->placed, token, NULL);
  if (status == CHR_PENDING) return;
  self->exec->op_abandon(self->host->self, token);
  self->broken = "propose is not PENDING";
  close_now(self);
}

static void CHR_CALL opened(void* context, const chr_done* done) {
  chr_plugin* self = context;
  if (done->code == CHR_OK) return; /* role() goes on */
  self->broken = "open_group failed";
  finish(self);
}

static void CHR_CALL open_now(void* context) {
  chr_plugin* self = context;
  const chr_node_v1* node = self->host->query(self->host->self, CHR_NODE_ID);
  const int32_t voters[] = {node->info(self->host->self)->id};
  chr_group_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.id.partition = -1;
  options.id.name = options.id.label = text_of(kGroup);
  options.n_voters = 1;
  options.voters = voters;
  const uint64_t token = self->exec->op_begin(self->host->self, opened, self);
  if (self->consensus->open_group(self->instance, &options, &kMachine, self, &self->group, token, NULL) ==
      CHR_PENDING)
    return;
  self->exec->op_abandon(self->host->self, token);
  self->broken = "open_group is not PENDING";
  finish(self);
}

/* ---- the plugin ---- */

static chr_status CHR_CALL create(const chr_host_v1* host, chr_str json, chr_plugin** out, chr_error* error) {
  chr_plugin* self = calloc(1, sizeof *self);
  (void)json;
  (void)error;
  self->host = host;
  self->exec = host->query(host->self, CHR_EXEC_ID);
  *out = self;
  return CHR_OK;
}

static chr_status CHR_CALL start(chr_plugin* self, uint64_t token, chr_error* error) {
  self->consensus = self->host->acquire(self->host->self, CHR_CONSENSUS_ID, &self->instance);
  if (self->consensus == NULL) return fail(error, CHR_E_NOT_FOUND, "no consensus");
  self->start_token = token;
  const uint32_t shard = self->consensus->shard_of(self->instance, text_of(kGroup));
  self->exec->post(self->host->self, shard, open_now, self);
  return CHR_PENDING;
}

static const void* CHR_CALL service(chr_plugin* self, const char* id, void** instance) {
  (void)self;
  (void)id;
  (void)instance;
  return NULL;
}

static void CHR_CALL destroy(chr_plugin* self) { free(self); }

static const chr_plugin_v1 kTable = {
    sizeof kTable, 0,       TEXT("museum-1-0-consumer"),
    TEXT("1.0.0"), no_keys, validate_nothing,
    create,        service, start,
    done_at_once,  destroy,
};

const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer, chr_error* error) {
  return offered(offer, &kTable, error);
}
