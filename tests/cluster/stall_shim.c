// Preloaded into a server, makes its disk stall: while the file CHRONIK_STALL exists, no sync comes back, and
// nothing that io_uring carries out: its completions wait in the ring, and the program is told of them later.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <liburing.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kMaxRings = 64 };

static pthread_once_t g_once = PTHREAD_ONCE_INIT;
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static int g_events[kMaxRings];  // of the rings
static unsigned g_rings;
static int g_is_waking;
static unsigned (*g_peek_batch)(struct io_uring*, struct io_uring_cqe**, unsigned);
static int (*g_register)(struct io_uring*, int);

static void set_up(void) {
  *(void**)&g_peek_batch = dlsym(RTLD_NEXT, "io_uring_peek_batch_cqe");
  *(void**)&g_register = dlsym(RTLD_NEXT, "io_uring_register_eventfd");
}

static int is_stalled(void) {
  const char* stalled = getenv("CHRONIK_STALL");
  return stalled != NULL && access(stalled, F_OK) == 0;
}

static void wait_for_disk(void) {
  while (is_stalled()) usleep(2000);
}

int io_uring_register_eventfd(struct io_uring* ring, int event) {
  pthread_once(&g_once, set_up);
  pthread_mutex_lock(&g_lock);
  if (g_rings == kMaxRings) abort();
  g_events[g_rings++] = event;
  pthread_mutex_unlock(&g_lock);
  return g_register(ring, event);
}

static void* wake_later(void* unused) {
  wait_for_disk();
  pthread_mutex_lock(&g_lock);
  g_is_waking = 0;
  const uint64_t one = 1;
  for (unsigned i = 0; i < g_rings; ++i)
    if (write(g_events[i], &one, sizeof one) < 0) abort();
  pthread_mutex_unlock(&g_lock);
  return unused;
}

unsigned io_uring_peek_batch_cqe(struct io_uring* ring, struct io_uring_cqe** cqes, unsigned count) {
  pthread_once(&g_once, set_up);
  pthread_mutex_lock(&g_lock);
  const int stalled = is_stalled();
  pthread_t waker;
  if (stalled && !g_is_waking) {
    g_is_waking = 1;
    if (pthread_create(&waker, NULL, wake_later, NULL) != 0) abort();
    pthread_detach(waker);
  }
  pthread_mutex_unlock(&g_lock);
  return stalled ? 0 : g_peek_batch(ring, cqes, count);
}

// A durable write of the host's files, where threads carry it out.
ssize_t pwritev2(int fd, const struct iovec* parts, int count, off_t at, int flags) {
  if ((flags & RWF_DSYNC) != 0) wait_for_disk();
  return syscall(SYS_pwritev2, fd, parts, count, at, 0, flags);
}

int fdatasync(int fd) {
  wait_for_disk();
  return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
  wait_for_disk();
  return (int)syscall(SYS_fsync, fd);
}
