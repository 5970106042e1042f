#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "bench/groups/classic_member.h"
#include "bench/groups/workloads.h"
#include "kafka-proto/messages/offset_fetch.h"

namespace chronik::bench {
namespace {

using kafka::ErrorCode;

constexpr seconds kPatience{120};
constexpr milliseconds kPause{10};  // between a member's commits

// A member that commits one partition of its own.
struct Committer {
  std::unique_ptr<ClassicMember> member;
  int64_t sent = 0, acknowledged = 0;
  Clock::time_point acknowledged_sent;  // when the acknowledged one was sent
};

class FailOver {
 public:
  explicit FailOver(Words& words) : all_{loop_, parse_addresses(words.text()), words.text(), words.count()} {
    committers_.resize(static_cast<size_t>(words.count()));
  }

  void run() {
    const std::string group = fresh_group("fail-over");
    for (Committer& each : committers_) {
      each.member = std::make_unique<ClassicMember>(all_, group);
      each.member->join();
    }
    std::vector<const ClassicMember*> members;
    for (const Committer& each : committers_) members.push_back(each.member.get());
    loop_.run_until([&] { return is_shared_out(members, all_.partitions); }, kPatience, "the group settles");
    for (const ClassicMember* member : members) had_.push_back(member->assigned());
    for (Committer& each : committers_) commit(each);
    loop_.watch(STDIN_FILENO, [this](uint32_t) { read_orders(); });
    say("");
    for (;;) {
      loop_.run_until([&] { return is_over_ || killed_order_; }, std::chrono::hours(1), "the orders end");
      if (is_over_) return;
      take_over(*std::exchange(killed_order_, std::nullopt));
    }
  }

 private:
  void say(const std::string& what) {
    loop_.run_until([&] { return link().node() >= 0; }, kPatience, "there is a coordinator");
    std::printf("{%s\"coordinator\": %d}\n", what.c_str(), link().node());
    std::fflush(stdout);
  }
  CoordinatorLink& link() { return committers_.front().member->link(); }

  void commit(Committer& each) {
    each.member->link().find([this, &each] {
      const auto sent_at = Clock::now();
      const int64_t offset = ++each.sent;
      each.member->commit(each.member->assigned().front(), offset,
                          [this, &each, sent_at, offset](std::optional<ErrorCode> error) {
                            committed(each, offset, sent_at, error);
                          });
    });
  }

  void committed(Committer& each, int64_t offset, Clock::time_point sent_at, std::optional<ErrorCode> error) {
    if (error == ErrorCode::kNone) {
      each.acknowledged = offset;
      each.acknowledged_sent = sent_at;
      if (sent_at > killed_) next_commit_ = std::min(next_commit_, Clock::now());
    } else if (!error || is_coordinator_gone(*error)) {
      each.member->link().lose();
    } else {
      ++refused_;
    }
    loop_.after(error == ErrorCode::kNone ? kPause : milliseconds(0), [this, &each] { commit(each); });
  }

  void read_orders() {
    char bytes[256];
    const ssize_t n = ::read(STDIN_FILENO, bytes, sizeof bytes);
    if (n <= 0) {
      loop_.forget(STDIN_FILENO);
      is_over_ = true;
      return;
    }
    orders_.append(bytes, static_cast<size_t>(n));
    for (size_t end = 0; (end = orders_.find('\n')) != std::string::npos; orders_.erase(0, end + 1)) {
      constexpr std::string_view kKilled = "killed ";
      if (!orders_.starts_with(kKilled)) die("an order that is not known: " + orders_);
      const std::chrono::nanoseconds since_boot(std::stoll(orders_.substr(kKilled.size(), end)));
      killed_order_ = Clock::time_point(since_boot);
    }
  }

  void take_over(Clock::time_point killed);
  int count_lost();
  int count_changed();

  Loop loop_;
  ClassicMembers all_;
  std::vector<Committer> committers_;
  std::vector<Partitions> had_;
  Clock::time_point killed_ = Clock::time_point::max();
  Clock::time_point next_commit_ = Clock::time_point::max();
  int refused_ = 0;  // by a coordinator that is one
  std::string orders_;
  std::optional<Clock::time_point> killed_order_;
  bool is_over_ = false;
};

void FailOver::take_over(Clock::time_point killed) {
  killed_ = killed;
  next_commit_ = Clock::time_point::max();
  refused_ = 0;
  const auto is_through = [&](const Committer& each) { return each.acknowledged_sent > killed_; };
  loop_.run_until([&] { return std::ranges::all_of(committers_, is_through); }, kPatience, "commits go on");
  const double gap_ms = ms_between(killed_, next_commit_);
  const int lost = count_lost();
  char text[256];
  std::snprintf(text, sizeof text, "\"gap_ms\": %.1f, \"lost\": %d, \"changed\": %d, \"refused\": %d, ",
                gap_ms, lost, count_changed(), refused_);
  say(text);
}

// Commits that were acknowledged, and are not in what is fetched afterwards.
int FailOver::count_lost() {
  std::map<int32_t, int64_t> acknowledged;
  kafka::OffsetFetchRequest request;
  request.groups = {{committers_.front().member->group(), std::nullopt, -1, {}}};
  auto& topic = request.groups.front().topics.emplace().emplace_back();
  topic.name = all_.topic;
  for (const Committer& each : committers_) {
    topic.partition_indexes.push_back(each.member->assigned().front());
    acknowledged[topic.partition_indexes.back()] = each.acknowledged;
  }
  std::optional<int> lost;
  link().call<kafka::OffsetFetch>(9, request, [&](const kafka::OffsetFetchResponse* answer) {
    if (answer == nullptr || answer->groups.at(0).error_code != ErrorCode::kNone)
      die("offsets are not fetched");
    lost = 0;
    for (const auto& partition : answer->groups.at(0).topics.at(0).partitions)
      if (partition.committed_offset < acknowledged.at(partition.partition_index)) ++*lost;
  });
  loop_.run_until([&] { return lost.has_value(); }, kPatience, "offsets are fetched");
  return *lost;
}

// Members that are not in the generation in which they were, or have something else in it.
int FailOver::count_changed() {
  int changed = 0;
  size_t answered = 0;
  for (size_t i = 0; i < committers_.size(); ++i) {
    committers_[i].member->look([&, i](const kafka::SyncGroupResponse* answer) {
      ++answered;
      if (answer == nullptr || answer->error_code != ErrorCode::kNone ||
          decode_assignment(answer->assignment) != had_[i])
        ++changed;
    });
  }
  loop_.run_until([&] { return answered == committers_.size(); }, kPatience, "assignments are looked at");
  return changed;
}

}  // namespace

void fail_over(Words words) { FailOver(words).run(); }

}  // namespace chronik::bench
