/* A storage of ABI 1.0, in memory: small, whole, and slow. One lock around everything; each write completes
 * at once. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "exhibit.h"

enum { kGroups = 64, kKeys = 64, kName = 256 };

typedef struct Bytes { /* a copy, and the lease on it */
  chr_buf buf;
  atomic_uint references;
  uint64_t n;
  uint8_t p[];
} Bytes;

typedef struct Entry {
  chr_entry_header header;
  Bytes* payload;
} Entry;

typedef struct Group {
  char name[kName];
  uint64_t name_n;
  int durable;
  Entry* entries;
  uint64_t n, room;
  struct {
    char key[kName];
    uint64_t n;
    Bytes* value;
  } keys[kKeys];
} Group;

struct chr_plugin {
  const chr_host_v1* host;
  pthread_mutex_t mutex;
  Group groups[kGroups]; /* the id is the place, from 1 on */
};

static void CHR_CALL retain(chr_buf* buf) { atomic_fetch_add(&((Bytes*)buf)->references, 1); }
static void CHR_CALL release(chr_buf* buf) {
  if (atomic_fetch_sub(&((Bytes*)buf)->references, 1) == 1) free(buf);
}
static const chr_buf_ops kBytesOps = {retain, release, NULL};

static Bytes* new_bytes(const uint8_t* p, uint64_t n) {
  Bytes* bytes = malloc(sizeof *bytes + n);
  bytes->buf.ops = &kBytesOps;
  atomic_init(&bytes->references, 1);
  bytes->n = n;
  if (p != NULL && n != 0) memcpy(bytes->p, p, n);
  return bytes;
}

static Group* group_of(chr_plugin* self, uint64_t id) {
  return id >= 1 && id <= kGroups && self->groups[id - 1].name_n != 0 ? &self->groups[id - 1] : NULL;
}

static chr_status CHR_CALL open_group(void* instance, chr_str name, uint64_t* group, chr_error* error) {
  chr_plugin* self = instance;
  chr_status status = CHR_E_NO_SPACE;
  if (name.n == 0 || name.n >= kName)
    return fail(error, CHR_E_INVALID_ARGUMENT, "the name has 1 to 255 bytes");
  pthread_mutex_lock(&self->mutex);
  for (uint64_t i = 0; i < kGroups && status != CHR_OK; ++i) {
    Group* g = &self->groups[i];
    if (g->name_n == 0) {
      memcpy(g->name, name.p, name.n);
      g->name_n = name.n;
    }
    if (g->name_n != name.n || memcmp(g->name, name.p, name.n) != 0) continue;
    *group = i + 1;
    status = CHR_OK;
  }
  pthread_mutex_unlock(&self->mutex);
  return status == CHR_OK ? CHR_OK : fail(error, status, "has room for 64 groups");
}

static void CHR_CALL list_groups(void* instance,
                                 void(CHR_CALL* fn)(void* context, chr_str name, uint64_t group),
                                 void* context) {
  chr_plugin* self = instance;
  for (uint64_t i = 0; i < kGroups; ++i) {
    const chr_str name = {self->groups[i].name, self->groups[i].name_n};
    if (self->groups[i].durable) fn(context, name, i + 1);
  }
}

/* Removes the entries of places [from, to). */
static void remove_entries(Group* group, uint64_t from, uint64_t to) {
  for (uint64_t i = from; i < to; ++i) release(&group->entries[i].payload->buf);
  if (to > from)
    memmove(group->entries + from, group->entries + to, (group->n - to) * sizeof *group->entries);
  group->n -= to - from;
}

/* The place of the first entry with this index, or a later one. */
static uint64_t place_of(const Group* group, uint64_t index) {
  uint64_t i = 0;
  while (i < group->n && group->entries[i].header.index < index) ++i;
  return i;
}

static void append(Group* group, const chr_entry* entry) {
  if (group->n == group->room) {
    group->room = group->room == 0 ? 16 : group->room * 2;
    group->entries = realloc(group->entries, group->room * sizeof *group->entries);
  }
  group->entries[group->n].header = entry->header;
  group->entries[group->n++].payload = new_bytes(entry->payload.p, entry->payload.n);
}

/* Sets a key, or with a value of NULL removes it. */
static chr_status set_key(Group* group, chr_str key, Bytes* value) {
  int place = -1;
  for (int i = kKeys - 1; i >= 0; --i) {
    const int same = group->keys[i].n == key.n && memcmp(group->keys[i].key, key.p, key.n) == 0;
    if (same || (group->keys[i].value == NULL && place == -1)) place = i;
    if (same && group->keys[i].value != NULL) break;
  }
  if (place == -1) return value == NULL ? CHR_OK : CHR_E_NO_SPACE;
  if (group->keys[place].value != NULL) release(&group->keys[place].value->buf);
  memcpy(group->keys[place].key, key.p, key.n);
  group->keys[place].n = key.n;
  group->keys[place].value = value;
  return CHR_OK;
}

static void drop(Group* group) {
  remove_entries(group, 0, group->n);
  free(group->entries);
  for (int i = 0; i < kKeys; ++i) {
    if (group->keys[i].value != NULL) release(&group->keys[i].value->buf);
  }
  memset(group, 0, sizeof *group);
}

static chr_status apply_step(Group* group, const chr_storage_step* step) {
  switch (step->type) {
    case CHR_STORAGE_TRUNCATE:
      remove_entries(group, place_of(group, step->index), group->n);
      return CHR_OK;
    case CHR_STORAGE_TRIM:
      remove_entries(group, 0, place_of(group, step->index));
      return CHR_OK;
    case CHR_STORAGE_PUT:
      return set_key(group, step->key, new_bytes(step->value.p, step->value.n));
    case CHR_STORAGE_DELETE:
      return set_key(group, step->key, NULL);
    case CHR_STORAGE_DROP:
      drop(group);
      return CHR_OK;
    case CHR_STORAGE_APPEND:
      for (uint32_t i = 0; i < step->n; ++i) append(group, &step->entries[i]);
      return CHR_OK;
    default:
      return CHR_E_INVALID_ARGUMENT;
  }
}

static chr_status CHR_CALL write_all(void* instance, const chr_storage_write* writes, uint32_t n,
                                     chr_error* error) {
  chr_plugin* self = instance;
  (void)error;
  for (uint32_t i = 0; i < n; ++i) {
    pthread_mutex_lock(&self->mutex);
    Group* group = group_of(self, writes[i].group);
    chr_status status = group == NULL ? CHR_E_INVALID_ARGUMENT : CHR_OK;
    if (group != NULL) group->durable = 1;
    for (uint64_t k = 0; k < writes[i].n && status == CHR_OK; ++k)
      status = apply_step(group, &writes[i].steps[k]);
    pthread_mutex_unlock(&self->mutex);
    complete(self->host, writes[i].token, status, status == CHR_OK ? "" : "a step of the write failed");
  }
  return CHR_PENDING;
}

/* Fills out from the entries [first, first + n): one lease over the array and copies of the payloads. */
static void lend(const Group* group, uint64_t first, uint64_t n, int headers_only, chr_entries* out) {
  uint64_t bytes = n * sizeof(chr_entry);
  for (uint64_t i = 0; i < n && !headers_only; ++i) bytes += group->entries[first + i].payload->n;
  Bytes* lease = new_bytes(NULL, bytes);
  chr_entry* entries = (chr_entry*)lease->p;
  uint8_t* at = lease->p + n * sizeof(chr_entry);
  for (uint64_t i = 0; i < n; ++i) {
    const Entry* from = &group->entries[first + i];
    entries[i].header = from->header;
    entries[i].payload.p = at;
    entries[i].payload.n = headers_only ? 0 : from->payload->n;
    entries[i].payload.lease = &lease->buf;
    if (headers_only) continue;
    memcpy(at, from->payload->p, from->payload->n);
    at += from->payload->n;
  }
  out->n = (uint32_t)n;
  out->entries = entries;
  out->lease = &lease->buf;
}

static chr_status CHR_CALL read_some(void* instance, const chr_storage_read* args, chr_entries* out,
                                     uint64_t token, chr_error* error) {
  chr_plugin* self = instance;
  uint64_t n = 0, bytes = 0;
  (void)token;
  (void)error;
  out->n = 0;
  out->entries = NULL;
  out->lease = NULL;
  pthread_mutex_lock(&self->mutex);
  const Group* group = group_of(self, args->group);
  const uint64_t first = group == NULL ? 0 : place_of(group, args->from);
  for (; group != NULL && first + n < group->n; ++n) {
    const chr_entry_header* header = &group->entries[first + n].header;
    bytes += header->bytes;
    if ((args->to != 0 && header->index >= args->to) || (args->max_entries != 0 && n == args->max_entries) ||
        (n != 0 && bytes > args->max_bytes))
      break;
  }
  if (n != 0) lend(group, first, n, args->headers_only != 0, out);
  pthread_mutex_unlock(&self->mutex);
  return CHR_OK;
}

static int matches(const chr_entry_header* header, int32_t by, int64_t value) {
  if (header->records == 0) return 0;
  if (by == CHR_FIND_OFFSET) return header->base_offset + (int64_t)header->records > value;
  return header->max_timestamp >= value;
}

static chr_status CHR_CALL find(void* instance, uint64_t id, int32_t by, int64_t value, chr_entry_header* out,
                                uint64_t token, chr_error* error) {
  chr_plugin* self = instance;
  chr_status status = CHR_E_NOT_FOUND;
  (void)token;
  (void)error;
  pthread_mutex_lock(&self->mutex);
  const Group* group = group_of(self, id);
  const uint64_t n = group == NULL ? 0 : group->n;
  if (by == CHR_FIND_MAX_TIMESTAMP) {
    value = INT64_MIN;
    for (uint64_t i = 0; i < n; ++i) {
      const chr_entry_header* header = &group->entries[i].header;
      if (header->records != 0 && header->max_timestamp > value) value = header->max_timestamp;
    }
  }
  for (uint64_t i = 0; i < n && status != CHR_OK; ++i) {
    if (!matches(&group->entries[i].header, by, value)) continue;
    *out = group->entries[i].header;
    status = CHR_OK;
  }
  pthread_mutex_unlock(&self->mutex);
  return status;
}

static chr_status CHR_CALL get(void* instance, uint64_t id, chr_str key, chr_slice* out, uint64_t token,
                               chr_error* error) {
  chr_plugin* self = instance;
  chr_status status = CHR_E_NOT_FOUND;
  (void)token;
  pthread_mutex_lock(&self->mutex);
  const Group* group = group_of(self, id);
  for (int i = 0; group != NULL && i < kKeys; ++i) {
    Bytes* value = group->keys[i].value;
    if (value == NULL || group->keys[i].n != key.n || memcmp(group->keys[i].key, key.p, key.n) != 0) continue;
    retain(&value->buf);
    out->p = value->p;
    out->n = value->n;
    out->lease = &value->buf;
    status = CHR_OK;
  }
  pthread_mutex_unlock(&self->mutex);
  return status == CHR_OK ? CHR_OK : fail(error, status, "no such key");
}

static chr_status CHR_CALL bounds(void* instance, uint64_t id, chr_storage_bounds* out) {
  chr_plugin* self = instance;
  pthread_mutex_lock(&self->mutex);
  const Group* group = group_of(self, id);
  if (group != NULL) {
    out->first_index = group->n == 0 ? 0 : group->entries[0].header.index;
    out->last_index = group->n == 0 ? 0 : group->entries[group->n - 1].header.index;
    out->entries = group->n;
    out->bytes = 0;
    for (uint64_t i = 0; i < group->n; ++i) out->bytes += group->entries[i].header.bytes;
  }
  pthread_mutex_unlock(&self->mutex);
  return group == NULL ? CHR_E_NOT_FOUND : CHR_OK;
}

static chr_status CHR_CALL usage(void* instance, chr_storage_usage* out) {
  (void)instance;
  out->full = 0;
  out->used_bytes = 0;
  out->file_bytes = 0;
  out->capacity_bytes = 1u << 30;
  return CHR_OK;
}

static const chr_storage_v1 kStorage = {sizeof kStorage, 1,    open_group, list_groups, write_all,
                                        read_some,       find, get,        bounds,      usage};

static chr_status CHR_CALL create(const chr_host_v1* host, chr_str json, chr_plugin** out, chr_error* error) {
  chr_plugin* self = calloc(1, sizeof *self);
  (void)json;
  (void)error;
  self->host = host;
  pthread_mutex_init(&self->mutex, NULL);
  *out = self;
  return CHR_OK;
}

static const void* CHR_CALL service(chr_plugin* self, const char* id, void** instance) {
  if (strcmp(id, CHR_STORAGE_ID) != 0) return NULL;
  *instance = self;
  return &kStorage;
}

static void CHR_CALL destroy(chr_plugin* self) {
  for (int i = 0; i < kGroups; ++i) drop(&self->groups[i]);
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

static const chr_plugin_v1 kTable = {
    sizeof kTable, 0,       TEXT("museum-1-0-storage"),
    TEXT("1.0.0"), no_keys, validate_nothing,
    create,        service, done_at_once,
    done_at_once,  destroy,
};

const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer, chr_error* error) {
  return offered(offer, &kTable, error);
}
