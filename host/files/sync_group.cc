#include "host/files/sync_group.h"

#include "host/runtime/runtime.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>

namespace chronik::host {
namespace {

constexpr size_t kAtOnce = 8;  // more are no faster, and leave no blocking thread to others

class SyncGroup {
 public:
  explicit SyncGroup(std::vector<FileOp> syncs) : n_(syncs.size()), syncs_(std::move(syncs)) {}

  // Carries out those that nobody else does. A thread that comes too late finds none.
  void help() {
    for (size_t i; (i = next_++) < n_;) {
      run_file_op(syncs_[i]);
      const std::lock_guard lock(mutex_);
      if (++ended_ == n_) all_ended_.notify_one();
    }
  }
  // Only what a thread has begun is waited for, never a thread that is still to come: all of them may wait so.
  std::vector<FileOp> finish() {
    help();
    std::unique_lock lock(mutex_);
    all_ended_.wait(lock, [this] { return ended_ == n_; });
    return std::move(syncs_);
  }

 private:
  const size_t n_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;  // ended_
  std::condition_variable all_ended_;
  size_t ended_ = 0;
  std::vector<FileOp> syncs_;
};

void CHR_CALL help_with(void* context) {
  const std::unique_ptr<std::shared_ptr<SyncGroup>> group(static_cast<std::shared_ptr<SyncGroup>*>(context));
  (*group)->help();
}

}  // namespace

std::vector<FileOp> run_together(Runtime& runtime, std::vector<FileOp> syncs) {
  if (syncs.size() > 1)
    for (const FileOp& sync : syncs) begin_write_back(*sync.file);
  const size_t helpers = syncs.empty() ? 0 : std::min(syncs.size(), kAtOnce) - 1;
  const auto group = std::make_shared<SyncGroup>(std::move(syncs));
  for (size_t i = 0; i < helpers; ++i) {
    auto context = std::make_unique<std::shared_ptr<SyncGroup>>(group);
    if (!runtime.blocking(help_with, context.get())) break;  // the node is stopping
    (void)context.release();
  }
  return group->finish();
}

}  // namespace chronik::host
