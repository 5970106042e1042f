/* clang-format off */
/* chronik plugin ABI: what a plugin exports. FROZEN.
 *
 * A plugin is a shared object with exactly one exported symbol, chronik_plugin_v1; the ABI's major version is in its
 * name, so that a host refuses a wrong one by reading the symbol table, before it runs any of the plugin's code. The
 * ELF section ".chronik.manifest" holds a TOML text, read the same way:
 *
 *     id       = "storage-example"        # also the file's name: storage-example.so
 *     version  = "1.0.0"
 *     config   = "storage"                # the TOML table that configures it
 *     provides = ["chronik.storage/1"]   # "chronik.assignor/1:mine" where several plugins may provide it
 *     requires = ["chronik.consensus/1"]  # started before this plugin
 *     optional = []                       # likewise where present
 *     abi      = "1.0"                    # the oldest minor that it runs on
 *     license  = "Apache-2.0"
 *
 * Life of an instance: create -> start -> ... -> stop -> destroy, each on the control thread. The file is never
 * unloaded. All state hangs on the instance: no mutable globals, no thread-locals, no threads of its own; time, timers,
 * randomness, sockets and links come from the host, and only storage plugins open files, below their directory.
 */
#ifndef CHRONIK_PLUGIN_H_
#define CHRONIK_PLUGIN_H_

#include <chronik/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the host offers. GROWS. */
typedef struct chr_offer {
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor;            /* the newest minor that this host speaks */
  uint32_t reserved;
  uint64_t features;             /* CHR_FEATURE_* */
} chr_offer;
enum { CHR_FEATURE_DRAFTS = 1u /* services under draft/, as of exactly this minor */ };

/* Type of a configuration key: how the TOML is checked, and how the value reaches the plugin (in the JSON given to
 * create, and through chronik.host.config/1). */
enum {
  CHR_CONFIG_BOOL = 1,           /* true, false */
  CHR_CONFIG_INT = 2,            /* an integer within [min, max] */
  CHR_CONFIG_STRING = 3,
  CHR_CONFIG_DURATION = 4,       /* "150ms", "3s", "7d"; becomes nanoseconds, min and max too; "-1" where min is -1 */
  CHR_CONFIG_SIZE = 5,           /* "64KiB", "1TiB"; becomes bytes, min and max too; "-1" where min is -1 */
  CHR_CONFIG_ADDRESS = 6,        /* "host:port"; a string */
  CHR_CONFIG_CHOICE = 7,         /* one of choices, "a|b|c"; a string */
  CHR_CONFIG_LIST = 256          /* flag on the type: an array of them */
};

/* One configuration key of a plugin. FROZEN, so that a schema is an array of them. Static storage of the plugin. */
typedef struct chr_config_key {
  chr_str name;                  /* within the plugin's table; dots for nested tables */
  int32_t type;
  uint32_t required;             /* 1: has no default and must be given */
  chr_str default_value;         /* as it would stand in the TOML, quotes included; empty: none */
  int64_t min, max;              /* both 0: unchecked */
  chr_str choices;
  chr_str doc;                   /* one or two sentences, shown in the reference and in errors */
} chr_config_key;

typedef struct chr_plugin chr_plugin; /* an instance; the plugin's own type */

/* The plugin's table, in static storage of the plugin. FROZEN. */
typedef struct chr_plugin_v1 {
  uint32_t struct_size;
  uint32_t abi_minor;            /* min(what the plugin speaks, offer.abi_minor) */
  chr_str id;                    /* equal to the manifest's */
  chr_str version;

  /* [any] The keys of the plugin's table; *n of them. */
  const chr_config_key*(CHR_CALL* config_schema)(uint32_t* n);

  /* [any] Checks what the schema cannot say (relations between keys). No side effects. json is the plugin's whole
   * table with defaults filled in: durations in ns, sizes in bytes. */
  chr_status(CHR_CALL* validate)(chr_str json, chr_error* error);

  /* [ctl] Makes an instance. May query() host services, must not acquire(), do I/O or start timers. On an error
   * *instance stays NULL and nothing remains. */
  chr_status(CHR_CALL* create)(const chr_host_v1* host, chr_str json, chr_plugin** instance, chr_error* error);

  /* [any] The frozen table of a service that the manifest lists under provides; its functions take *instance
   * first. NULL: unknown. */
  const void*(CHR_CALL* service)(chr_plugin* self, const char* service_id, void** instance);

  /* [ctl] Acquires services, opens files, recovers, listens. PENDING: token is completed when it is done. */
  chr_status(CHR_CALL* start)(chr_plugin* self, uint64_t token, chr_error* error);

  /* [ctl] Stops accepting work, ends what is in flight, cancels timers. Complete once no callback of this instance
   * can run any more. Called after the plugins that require this one have stopped; also after a failed start, and
   * where a signal ends the node while start is PENDING: the token of the start is completed first, then this one. */
  chr_status(CHR_CALL* stop)(chr_plugin* self, uint64_t token, chr_error* error);

  /* [ctl] Frees the instance. After stop, or instead of it where the simulator crashes a node: then no other call
   * and no callback follows. */
  void(CHR_CALL* destroy)(chr_plugin* self);
} chr_plugin_v1;

#if defined(__GNUC__)
#define CHRONIK_EXPORT __attribute__((visibility("default")))
#else
#define CHRONIK_EXPORT
#endif

/* [ctl] The only exported symbol. Returns NULL and fills error if the offer is not acceptable. Called once. */
CHRONIK_EXPORT const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer, chr_error* error);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* CHRONIK_PLUGIN_H_ */
