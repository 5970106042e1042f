// Preloaded into a server, makes its disk stall: while the file CHRONIK_STALL exists, no sync comes back.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_for_disk(void) {
  const char* stalled = getenv("CHRONIK_STALL");
  while (stalled != NULL && access(stalled, F_OK) == 0) usleep(2000);
}

int fdatasync(int fd) {
  wait_for_disk();
  return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd) {
  wait_for_disk();
  return (int)syscall(SYS_fsync, fd);
}
