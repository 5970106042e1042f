/* A retry policy of ABI 1.0: doubles a delay that is configured, up to a number of attempts. */
#include <stdlib.h>

#include "exhibit.h"

struct chr_plugin {
  int64_t delay_ns;
  int64_t attempts;
};

static const chr_config_key kKeys[] = {
    {TEXT("delay"), CHR_CONFIG_DURATION, 0, TEXT("\"100ms\""), 1, 60000000000, {NULL, 0}, TEXT("The first.")},
    {TEXT("attempts"), CHR_CONFIG_INT, 0, TEXT("5"), 1, 60, {NULL, 0}, TEXT("How many.")},
};

static const chr_config_key* CHR_CALL keys(uint32_t* n) {
  *n = 2;
  return kKeys;
}

static chr_status CHR_CALL next_delay(void* self, const chr_retry* retry, uint64_t* delay_ns) {
  const chr_plugin* policy = self;
  if (retry->attempt == 0) return CHR_E_INVALID_ARGUMENT;
  if (retry->attempt > policy->attempts) return CHR_E_CANCELLED;
  *delay_ns = (uint64_t)policy->delay_ns << (retry->attempt - 1);
  return CHR_OK;
}

static const chr_retry_policy_v1 kPolicy = {sizeof kPolicy, 1, next_delay};

static chr_status CHR_CALL create(const chr_host_v1* host, chr_str json, chr_plugin** out, chr_error* error) {
  const chr_config_v1* config = host->query(host->self, CHR_CONFIG_ID);
  chr_plugin* self = calloc(1, sizeof *self);
  (void)json;
  if (config == NULL || config->integer(host->self, text_of("delay"), &self->delay_ns) != CHR_OK ||
      config->integer(host->self, text_of("attempts"), &self->attempts) != CHR_OK) {
    free(self);
    return fail(error, CHR_E_UNSUPPORTED, "this host does not hand out the keys of the schema");
  }
  *out = self;
  return CHR_OK;
}

static const void* CHR_CALL service(chr_plugin* self, const char* id, void** instance) {
  if (strcmp(id, CHR_RETRY_POLICY_ID) != 0) return NULL;
  *instance = self;
  return &kPolicy;
}

static void CHR_CALL destroy(chr_plugin* self) { free(self); }

static const chr_plugin_v1 kTable = {
    sizeof kTable, 0,       TEXT("museum-1-0-retry"),
    TEXT("1.0.0"), keys,    validate_nothing,
    create,        service, done_at_once,
    done_at_once,  destroy,
};

const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer, chr_error* error) {
  return offered(offer, &kTable, error);
}
