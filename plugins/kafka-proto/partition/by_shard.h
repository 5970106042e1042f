// Work that lies on the shards of partitions.
#pragma once

#include <chronik/host.hpp>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace chronik::kafka {

// Runs fn on a shard: at once where that is this one, else posted.
template <class F>
void on_shard(const Host& host, uint32_t shard, F&& fn) {
  if (host.current_shard() == static_cast<int32_t>(shard)) {
    std::forward<F>(fn)();
  } else {
    host.post(shard, std::forward<F>(fn));
  }
}

// begin(work, done) for one work after the other, each in a later turn of this shard than the one before: done() there, then
// or later. end() after the last. The works outlive it.
template <class Work, class Begin, class End>
void one_by_one(const Host& host, std::vector<Work>& works, const Begin& begin, const End& end,
                size_t next = 0) {
  if (next == works.size()) return end();
  const std::function<void()> done = [host, &works, begin, end, next] {
    host.post(static_cast<uint32_t>(host.current_shard()),
              [host, &works, begin, end, next] { one_by_one(host, works, begin, end, next + 1); });
  };
  begin(works[next], done);
}

// What a request asks of partitions, by their shards. Some hundreds go there at once, so that nobody else
// waits for all of a large request, and come back together.
template <class Work>
class ByShard {
 public:
  void add(uint32_t shard, Work work) {
    std::vector<Batch>& batches = shards_[shard];
    if (batches.empty() || batches.back()->works.size() >= kMaxAtOnce)
      batches.push_back(std::make_shared<Works>());
    batches.back()->works.push_back(std::move(work));
  }
  // begin(work, done) on its shard, for each; done() there, then or later. finish(works) on `home` for each
  // batch whose works are done, perhaps before the return.
  template <class Begin, class Finish>
  void run(const Host& host, uint32_t home, const Begin& begin, const Finish& finish) {
    for (const auto& [shard, batches] : std::exchange(shards_, {})) {
      for (const Batch& batch : batches) {
        on_shard(host, shard, [batch, host, home, begin, finish] {
          const std::function<void()> done = [batch, host, home, finish] {
            if (--batch->left == 0) on_shard(host, home, [batch, finish] { finish(batch->works); });
          };
          batch->left = batch->works.size() + 1;
          for (Work& work : batch->works) begin(work, done);
          done();
        });
      }
    }
  }
  size_t batches() const {
    size_t n = 0;
    for (const auto& [shard, batches] : shards_) n += batches.size();
    return n;
  }

 private:
  struct Works {
    std::vector<Work> works;
    size_t left = 0;
  };
  using Batch = std::shared_ptr<Works>;
  static constexpr size_t kMaxAtOnce = 256;

  std::map<uint32_t, std::vector<Batch>> shards_;
};

}  // namespace chronik::kafka
