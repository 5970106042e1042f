#include <algorithm>
#include <cstdio>
#include <memory>

#include "bench/groups/classic_member.h"
#include "bench/groups/workloads.h"

namespace chronik::bench {
namespace {

constexpr seconds kPatience{120};
constexpr seconds kDrain{30};

class Commits {
 public:
  explicit Commits(Words& words) : all_{loop_, parse_addresses(words.text()), words.text(), words.count()} {
    members_.resize(static_cast<size_t>(words.count()));
    rate_ = words.number();
    warmup_s_ = words.number();
    run_s_ = words.number();
  }

  void run() {
    join();
    start_ = Clock::now();
    const auto total = static_cast<uint64_t>((warmup_s_ + run_s_) * rate_);
    bool measuring = false;
    while (sent_ < total) {
      if (!measuring && sent_ >= first_measured()) {
        measuring = true;
        std::fprintf(stderr, "measuring\n");
      }
      for (const auto now = Clock::now(); sent_ < total && due(sent_) <= now;) send();
      loop_.run_until([&] { return Clock::now() >= due(sent_); }, kPatience, "the next commit is due");
    }
    // One that falls behind is behind by the warm-up too.
    const double held = static_cast<double>(answered_) / (ms_between(start_, Clock::now()) / 1e3);
    std::fprintf(stderr, "measured\n");
    const auto end = Clock::now() + kDrain;  // what is not answered by then has failed
    loop_.run_until([&] { return answered_ == sent_ || Clock::now() > end; }, 2 * kDrain,
                    "commits are answered");
    failed_ += sent_ - answered_;
    std::ranges::sort(took_ms_);
    std::printf("{\"per_s\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"failed\": %llu}\n",
                held, quantile(took_ms_, 0.5), quantile(took_ms_, 0.99), took_ms_.back(),
                static_cast<unsigned long long>(failed_));
  }

 private:
  void join() {
    const std::string prefix = fresh_group("commits") + "-";
    for (size_t i = 0; i < members_.size(); ++i) {
      members_[i] = std::make_unique<ClassicMember>(all_, prefix + std::to_string(i));
      members_[i]->join();
    }
    loop_.run_until(
        [&] { return std::ranges::all_of(members_, [](const auto& m) { return m->is_settled(); }); },
        kPatience, "all groups settle");
  }

  uint64_t first_measured() const { return static_cast<uint64_t>(warmup_s_ * rate_); }
  Clock::time_point due(uint64_t i) const {
    return start_ + std::chrono::nanoseconds(static_cast<int64_t>(static_cast<double>(i) / rate_ * 1e9));
  }

  void send() {
    const uint64_t i = sent_++;
    const auto partition = static_cast<int32_t>(i / members_.size() % static_cast<uint64_t>(all_.partitions));
    members_[i % members_.size()]->commit(partition, static_cast<int64_t>(i),
                                          [this, i](std::optional<kafka::ErrorCode> error) {
                                            ++answered_;
                                            if (error != kafka::ErrorCode::kNone) ++failed_;
                                            if (i >= first_measured())
                                              took_ms_.push_back(ms_between(due(i), Clock::now()));
                                          });
  }

  Loop loop_;
  ClassicMembers all_;
  std::vector<std::unique_ptr<ClassicMember>> members_;
  double rate_ = 0, warmup_s_ = 0, run_s_ = 0;
  Clock::time_point start_;
  uint64_t sent_ = 0, answered_ = 0, failed_ = 0;
  std::vector<double> took_ms_;
};

}  // namespace

void commits(Words words) { Commits(words).run(); }

}  // namespace chronik::bench
