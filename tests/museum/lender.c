/* Two plugins that share a lease: KEEPER retains what it is given and never lets go; the other one lends and
 * is innocent. */
#include <chronik/host_services.h>
#include <chronik/plugin.h>
#include <string.h>

#define TEXT(literal) {literal, sizeof(literal) - 1}

/* The service "museum.keeper/1". */
typedef struct museum_keeper_v1 {
  uint32_t struct_size, rev;
  void(CHR_CALL* keep)(void* self, chr_slice slice); /* [any] */
} museum_keeper_v1;

struct chr_plugin {
  const chr_host_v1* host;
  chr_slice kept;
};
static struct chr_plugin instance_of_one; /* an exhibit needs no more, and what it keeps stays reachable */

static const chr_config_key* CHR_CALL config_schema(uint32_t* n) {
  *n = 0;
  return NULL;
}
static chr_status CHR_CALL validate(chr_str json, chr_error* error) {
  (void)json;
  (void)error;
  return CHR_OK;
}
static chr_status CHR_CALL create(const chr_host_v1* host, chr_str json, chr_plugin** instance,
                                  chr_error* error) {
  (void)json;
  (void)error;
  instance_of_one.host = host;
  *instance = &instance_of_one;
  return CHR_OK;
}

#if defined(KEEPER)
static void CHR_CALL keep(void* self, chr_slice slice) {
  slice.lease->ops->retain(slice.lease);
  ((struct chr_plugin*)self)->kept = slice;
}
static const museum_keeper_v1 kKeeper = {sizeof kKeeper, 1, keep};
#endif

static const void* CHR_CALL service(chr_plugin* self, const char* service_id, void** instance) {
#if defined(KEEPER)
  if (strcmp(service_id, "museum.keeper/1") == 0) {
    *instance = self;
    return &kKeeper;
  }
#endif
  (void)self;
  (void)service_id;
  (void)instance;
  return NULL;
}

static chr_status CHR_CALL start(chr_plugin* self, uint64_t token, chr_error* error) {
  (void)token;
  (void)error;
#if !defined(KEEPER)
  void* instance = NULL;
  chr_slice slice;
  const museum_keeper_v1* keeper = self->host->acquire(self->host->self, "museum.keeper/1", &instance);
  const chr_mem_v1* mem = self->host->query(self->host->self, CHR_MEM_ID);
  if (keeper == NULL || mem->alloc(self->host->self, 100, &slice) != CHR_OK) return CHR_E_FAILED;
  keeper->keep(instance, slice);
  slice.lease->ops->release(slice.lease);
#else
  (void)self;
#endif
  return CHR_OK;
}
static chr_status CHR_CALL stop(chr_plugin* self, uint64_t token, chr_error* error) {
  (void)self;
  (void)token;
  (void)error;
  return CHR_OK;
}
static void CHR_CALL destroy(chr_plugin* self) { (void)self; }

static const chr_plugin_v1 kTable = {sizeof(chr_plugin_v1),
                                     CHR_ABI_MINOR,
                                     TEXT(MUSEUM_ID),
                                     TEXT("1.0.0"),
                                     config_schema,
                                     validate,
                                     create,
                                     service,
                                     start,
                                     stop,
                                     destroy};

CHRONIK_EXPORT const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer, chr_error* error) {
  (void)offer;
  (void)error;
  return &kTable;
}
