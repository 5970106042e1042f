// What the probe plugin offers to the tests of the simulator.
#pragma once

#include <chronik/host.h>

#define CHR_PROBE_ID "chronik.test.probe/1"
typedef struct chr_probe_v1 {
  uint32_t struct_size, rev;
  // Appends `text` to the node's log, on a blocking thread; the token
  // completes once it is synced.
  chr_status(CHR_CALL* append)(void* self, chr_str text, uint64_t token);
  // Completes the token twice: a fault of the plugin.
  chr_status(CHR_CALL* twice)(void* self, uint64_t token);
  // Sends a numbered frame to a peer.
  chr_status(CHR_CALL* send)(void* self, int32_t to, uint64_t number);
  // How many frames came, whether their numbers always grew, and which peers are up (a bit each).
  uint64_t(CHR_CALL* frames)(void* self, uint32_t* ordered, uint64_t* up);
  // Bytes of the log as read at the start.
  chr_str(CHR_CALL* recovered)(void* self);
} chr_probe_v1;
