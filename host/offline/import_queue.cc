#include "host/offline/import_queue.h"

#include <numeric>

namespace chronik::host {
namespace {

constexpr std::string_view kNoKey = "chronik.copy";  // whose removal makes a group that has nothing

chr_storage_step put(const std::pair<std::string, chr_slice>& key) {
  chr_storage_step step{};
  step.type = CHR_STORAGE_PUT;
  step.key = to_abi(key.first);
  step.value = key.second;
  return step;
}

std::vector<chr_storage_step> steps_of(const ImportBatch::Group& group) {
  std::vector<chr_storage_step> steps;
  for (const auto& key : group.keys) steps.push_back(put(key));
  chr_storage_step last{};
  if (!group.entries.empty()) {
    last.type = CHR_STORAGE_APPEND;
    last.n = static_cast<uint32_t>(group.entries.size());
    last.entries = group.entries.data();
    steps.push_back(last);
  } else if (steps.empty()) {
    last.type = CHR_STORAGE_DELETE;
    last.key = to_abi(kNoKey);
    steps.push_back(last);
  }
  return steps;
}

}  // namespace

Status ImportQueue::submit(ImportBatch batch) {
  CHRONIK_CHECK(wait());
  batch_ = std::move(batch);
  {
    const std::lock_guard lock(mutex_);
    is_writing_ = true;
  }
  runtime_.post(0, [this] {
    std::vector<size_t> all(batch_.groups.size());
    std::iota(all.begin(), all.end(), size_t{0});
    all.empty() ? end() : write(all);
  });
  return {};
}

Status ImportQueue::wait() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return !is_writing_; });
  return outcome_;
}

void ImportQueue::write(const std::vector<size_t>& groups) {
  refused_.clear();
  written_ = pending_ = groups.size();
  for (const size_t i : groups) {
    const std::vector<chr_storage_step> steps = steps_of(batch_.groups[i]);
    storage_.write(batch_.groups[i].id, steps, [this, i](const Status& status) { finish(i, status); });
  }
}

void ImportQueue::finish(size_t group, const Status& status) {
  if (!status && status.error().code == Code::kOverloaded) {
    refused_.push_back(group);
  } else if (!status && outcome_) {
    outcome_ = status;
  }
  if (--pending_ != 0) return;
  if (!outcome_ || refused_.empty()) return end();
  if (refused_.size() == written_) {
    outcome_ =
        fail(Code::kOverloaded, "its queue takes no write even where nothing else waits; raise queue_bytes");
    return end();
  }
  runtime_.post(0, [this] { write(std::vector<size_t>(refused_)); });
}

void ImportQueue::end() {
  batch_ = {};
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  done_.notify_all();
}

}  // namespace chronik::host
