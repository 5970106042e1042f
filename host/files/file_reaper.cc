#include "host/files/file_reaper.h"

#include "host/runtime/runtime.h"

#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <utility>

namespace chronik::host {
namespace {

template <class F>
void CHR_CALL run_closure(void* context) {
  const std::unique_ptr<F> closure(static_cast<F*>(context));
  (*closure)();
}

}  // namespace

void FileReaper::detach() {
  const std::lock_guard lock(mutex_);
  runtime_ = nullptr;
}

template <class F>
void FileReaper::run(F job) {
  auto closure = std::make_unique<F>(std::move(job));
  {
    const std::lock_guard lock(mutex_);
    if (runtime_ != nullptr && runtime_->current_shard() >= 0 &&
        runtime_->blocking(&run_closure<F>, closure.get())) {
      (void)closure.release();
      return;
    }
  }
  (*closure)();
}

void FileReaper::close(int fd) {
  run([fd] { ::close(fd); });
}

void FileReaper::unmap(void* p, uint64_t n) {
  run([p, n] { ::munmap(p, n); });
}

}  // namespace chronik::host
