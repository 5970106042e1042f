/* A plugin in plain C. Most exhibits of the museum are this file, each with one thing gone wrong: see
 * CMakeLists.txt. */
#include <chronik/host_services.h>
#include <chronik/plugin.h>
#include <stdlib.h>
#include <string.h>

#if defined(WRONG_IMPORTS)
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#endif

#define TEXT(literal) {literal, sizeof(literal) - 1}

struct chr_plugin {
  const chr_host_v1* host;
  uint64_t calls;
};

/* The service "museum.counter/1", or one of its name for those that have a name behind it. */
#if !defined(COUNTER_ID)
#define COUNTER_ID "museum.counter/1"
#endif
typedef struct museum_counter_v1 {
  uint32_t struct_size, rev;
  uint64_t(CHR_CALL* next)(void* self); /* [ctl] */
} museum_counter_v1;

static uint64_t CHR_CALL counter_next(void* self) { return ++((struct chr_plugin*)self)->calls; }
static const museum_counter_v1 kCounter = {sizeof(museum_counter_v1), 1, counter_next};

static const chr_config_key kSchema[] = {
    {TEXT("listen"),
     CHR_CONFIG_ADDRESS | CHR_CONFIG_LIST,
     0,
     TEXT("[\"127.0.0.1:7000\"]"),
     0,
     0,
     {0},
     TEXT("Where.")},
    {TEXT("advertise"), CHR_CONFIG_ADDRESS, 0, {0}, 0, 0, {0}, TEXT("What others use.")},
    {TEXT("pause"),
     CHR_CONFIG_DURATION,
     0,
     TEXT("\"150ms\""),
     1000000,
     3600000000000,
     {0},
     TEXT("How long.")},
    {TEXT("map_size"),
     CHR_CONFIG_SIZE,
     0,
     TEXT("\"64MiB\""),
     1048576,
     1099511627776,
     {0},
     TEXT("How large.")},
    {TEXT("mode"), CHR_CONFIG_CHOICE, 0, TEXT("\"fast\""), 0, 0, TEXT("fast|safe"), TEXT("How.")},
    {TEXT("retries"), CHR_CONFIG_INT, 0, TEXT("3"), 0, 10, {0}, TEXT("How often.")},
    {TEXT("tls.enabled"), CHR_CONFIG_BOOL, 0, TEXT("false"), 0, 0, {0}, TEXT("Whether.")},
    {TEXT("retention"), CHR_CONFIG_DURATION, 0, TEXT("-1"), -1, 3600000000000, {0}, TEXT("-1: for ever.")},
};

static const chr_config_key* CHR_CALL config_schema(uint32_t* n) {
  *n = sizeof kSchema / sizeof kSchema[0];
  return kSchema;
}

static chr_status set_error(chr_error* error, chr_status code, const char* message) {
  if (error != NULL) {
    error->code = code;
    strncpy(error->message, message, sizeof error->message - 1);
  }
  return code;
}

/* The json is not terminated. */
static int json_has(chr_str json, const char* text) {
  const size_t n = strlen(text);
  for (uint64_t i = 0; i + n <= json.n; ++i) {
    if (memcmp(json.p + i, text, n) == 0) return 1;
  }
  return 0;
}

static chr_status CHR_CALL validate(chr_str json, chr_error* error) {
#if defined(CRASH_ON_VALIDATE)
  abort();
#endif
  if (json_has(json, "\"0.0.0.0:") && !json_has(json, "\"advertise\":")) {
    return set_error(error, CHR_E_INVALID_ARGUMENT,
                     "listen is a wildcard, so advertise must say which name clients use");
  }
  return CHR_OK;
}

static chr_status CHR_CALL create(const chr_host_v1* host, chr_str json, chr_plugin** instance,
                                  chr_error* error) {
  (void)json;
#if defined(CRASH_ON_CREATE)
  abort();
#endif
#if defined(FAIL_CREATE)
  (void)host;
  (void)instance;
  return set_error(error, CHR_E_UNSUPPORTED, "this machine has no museum");
#else
  struct chr_plugin* self = calloc(1, sizeof *self);
  if (self == NULL) return set_error(error, CHR_E_FAILED, "out of memory");
  self->host = host;
  *instance = self;
  return CHR_OK;
#endif
}

static const void* CHR_CALL service(chr_plugin* self, const char* service_id, void** instance) {
  if (strcmp(service_id, COUNTER_ID) != 0) return NULL;
  *instance = self;
  return &kCounter;
}

static void say(chr_plugin* self, const char* message) {
  const chr_str text = {message, strlen(message)};
  const chr_str fields = {0};
  self->host->log(self->host->self, CHR_LOG_INFO, text, fields);
}

static chr_status CHR_CALL start(chr_plugin* self, uint64_t token, chr_error* error) {
  (void)token;
  (void)error;
  say(self, "the exhibit starts");
#if defined(FAIL_START)
  return set_error(error, CHR_E_IO, "the door is locked");
#elif defined(SILENT_START)
  return CHR_E_IO;
#elif defined(STUCK_START)
  return CHR_PENDING;
#elif defined(DOUBLE_COMPLETION)
  chr_done done;
  memset(&done, 0, sizeof done);
  done.token = token;
  self->host->complete(self->host->self, &done, 1);
  self->host->complete(self->host->self, &done, 1);
  return CHR_PENDING;
#elif defined(LEAKED_LEASE)
  const chr_mem_v1* mem = self->host->query(self->host->self, CHR_MEM_ID);
  static chr_slice never_released; /* still reachable, so that no leak checker is quicker than the host */
  return mem->alloc(self->host->self, 4096, &never_released);
#elif defined(WRONG_IMPORTS)
  struct timespec now;
  uint64_t seed = 0;
  clock_gettime(CLOCK_MONOTONIC, &now);
  self->calls = (uint64_t)now.tv_nsec + (uint64_t)getrandom(&seed, sizeof seed, 0) +
                (uint64_t)socket(AF_INET, SOCK_STREAM, 0);
  return CHR_OK;
#else
  return CHR_OK;
#endif
}

#if defined(MISSING_HOOK)
#define stop NULL
#else
static chr_status CHR_CALL stop(chr_plugin* self, uint64_t token, chr_error* error) {
  (void)token;
  (void)error;
  say(self, "the exhibit stops");
#if defined(STUCK_STOP)
  return CHR_PENDING;
#else
  return CHR_OK;
#endif
}
#endif

static void CHR_CALL destroy(chr_plugin* self) {
#if defined(STUCK_STOP)
  say(self, "the exhibit is destroyed");
#endif
  free(self);
}

#if !defined(TABLE_ID)
#define TABLE_ID MUSEUM_ID
#endif

static const chr_plugin_v1 kTable = {sizeof(chr_plugin_v1),
                                     CHR_ABI_MINOR,
                                     TEXT(TABLE_ID),
                                     TEXT("1.0.0"),
                                     config_schema,
                                     validate,
                                     create,
                                     service,
                                     start,
                                     stop,
                                     destroy};

#if defined(LACKS_SYMBOL)
extern void museum_absent(void);
void (*const kAbsent)(void) = museum_absent;
#endif

#if defined(CRASH_ON_LOAD)
__attribute__((constructor)) static void crash(void) { abort(); }
#endif

CHRONIK_EXPORT const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer, chr_error* error) {
#if defined(FAIL_INIT)
  (void)offer;
  (void)kTable;
  set_error(error, CHR_E_UNSUPPORTED, "closed on Mondays");
  return NULL;
#else
  if (offer->abi_major != CHR_ABI_MAJOR) {
    set_error(error, CHR_E_UNSUPPORTED, "built for ABI major 1");
    return NULL;
  }
  return &kTable;
#endif
}
