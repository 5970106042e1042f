#include "host/files/uring_probe.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace chronik::host {
namespace {

// Two or more: for nobody; one: for a group of users.
int disabled_by_sysctl() {
  std::ifstream in("/proc/sys/kernel/io_uring_disabled");
  int disabled = 0;
  in >> disabled;
  return in ? disabled : 0;
}

std::string reason_of(int error) {
  const int disabled = error == EPERM ? disabled_by_sysctl() : 0;
  if (disabled != 0) return fmt::format("/proc/sys/kernel/io_uring_disabled is {}", disabled);
  if (error == EPERM || error == EACCES) return "a seccomp filter, such as a container's, forbids it";
  if (error == ENOSYS) return "the kernel has none, or a seccomp filter hides it";
  if (error == ENOMEM) return "no memory for it; raise the limit of locked memory (ulimit -l)";
  return std::strerror(error);
}

int init(uint32_t entries, io_uring* ring, uint32_t flags) {
  io_uring_params params{};
  params.flags = flags;
  const int error = io_uring_queue_init_params(entries, ring, &params);
  if (error != 0) return error;
  if ((params.features & IORING_FEAT_NODROP) != 0) return 0;
  io_uring_queue_exit(ring);
  return -ENOSYS;  // a completion may get lost before Linux 5.5
}

}  // namespace

std::unexpected<Error> uring_error(int error) { return fail(Code::kUnsupported, reason_of(error)); }

Status open_uring(uint32_t entries, io_uring* ring) {
  // Only the shard that submits looks for completions, so that nothing has to interrupt it; and an entry that is wrong does not
  // keep back those behind it. Since Linux 5.19.
  int error = init(entries, ring, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL);
  if (error == -EINVAL) error = init(entries, ring, 0);
  if (error != 0) return uring_error(-error);
  return {};
}

Status probe_uring() {
  io_uring ring;
  CHRONIK_CHECK(open_uring(1, &ring));
  io_uring_queue_exit(&ring);
  return {};
}

}  // namespace chronik::host
