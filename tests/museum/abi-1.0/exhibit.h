/* What the exhibits of this minor share: texts, errors, and the parts of a plugin's table that all have
 * alike. */
#ifndef CHRONIK_MUSEUM_EXHIBIT_H_
#define CHRONIK_MUSEUM_EXHIBIT_H_

#include <stddef.h>
#include <string.h>

#include "chronik_abi.h"

#if CHR_ABI_MINOR != 0
#error "this exhibit is of ABI 1.0, and so are the headers that it is built with"
#endif

#define TEXT(literal) {literal, sizeof(literal) - 1}

static inline int is_text(chr_str text, const char* literal) {
  return text.n == strlen(literal) && memcmp(text.p, literal, text.n) == 0;
}

static inline chr_str text_of(const char* literal) {
  const chr_str text = {literal, strlen(literal)};
  return text;
}

static inline chr_status fail(chr_error* error, chr_status code, const char* message) {
  if (error == NULL) return code;
  error->code = code;
  strncpy(error->message, message, sizeof error->message - 1);
  return code;
}

static inline void complete(const chr_host_v1* host, uint64_t token, chr_status code, const char* message) {
  chr_done done;
  memset(&done, 0, sizeof done);
  done.token = token;
  done.code = code;
  done.message = text_of(message);
  host->complete(host->self, &done, 1);
}

static inline chr_status CHR_CALL validate_nothing(chr_str json, chr_error* error) {
  (void)json;
  (void)error;
  return CHR_OK;
}

static inline const chr_config_key* CHR_CALL no_keys(uint32_t* n) {
  *n = 0;
  return NULL;
}

static inline chr_status CHR_CALL done_at_once(chr_plugin* self, uint64_t token, chr_error* error) {
  (void)self;
  (void)token;
  (void)error;
  return CHR_OK;
}

/* What chronik_plugin_v1() of every exhibit answers: this table, to a host that speaks at least 1.0. */
static inline const chr_plugin_v1* offered(const chr_offer* offer, const chr_plugin_v1* table,
                                           chr_error* error) {
  if (offer->abi_major == CHR_ABI_MAJOR) return table;
  fail(error, CHR_E_UNSUPPORTED, "an exhibit of ABI 1.0");
  return NULL;
}

#endif /* CHRONIK_MUSEUM_EXHIBIT_H_ */
