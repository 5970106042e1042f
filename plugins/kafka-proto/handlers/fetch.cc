// Fetch (1): reads on the shards of the partitions, answers at once or when enough data came (long poll), in
// a session or without (KIP-227). Records go out from where they are.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/fetch_pass.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

using Response = FetchResponse;

using Read = FetchPass::Read;

constexpr int8_t kReadCommitted = 1;

// A pass reads all partitions. What it brings is judged on the connection's shard; where it is not enough,
// all of them wait, and whatever happens first begins another pass.
class FetchJob : public std::enable_shared_from_this<FetchJob> {
 public:
  FetchJob(Broker& broker, Call<Fetch> call, FetchScope scope)
      : broker_(broker),
        call_(std::move(call)),
        scope_(std::move(scope)),
        min_bytes_(call_.request().min_bytes),
        reads_committed_(call_.request().isolation_level == kReadCommitted),
        max_bytes_(std::min(static_cast<int64_t>(std::max(call_.request().max_bytes, 0)),
                            int64_t{broker.config.fetch_max_bytes})),
        pass_(std::make_shared<FetchPass>(broker, scope_.targets, call_.version(), max_bytes_)) {}

  void start();

 private:
  void expire();
  void pass();
  void evaluate();
  void wait();
  void woken();
  void answer();
  bool fill_partition(const FetchTarget& target, Read& read, Response& response, Response::Partition& out);
  void fill_records(Read& read, Response::Partition& out);
  void append_partition(const FetchTarget& target, Response::Partition out, Response& response);

  Broker& broker_;
  Call<Fetch> call_;
  FetchScope scope_;
  const int32_t min_bytes_;
  const bool reads_committed_;
  const int64_t max_bytes_;
  Texts texts_;
  const std::shared_ptr<FetchPass> pass_;
  std::shared_ptr<FetchWait> wait_;
  uint64_t timer_ = 0;
  std::shared_ptr<FetchJob> alive_;  // while the timer runs
  uint64_t close_hook_ = 0;
  bool expired_ = false;
  bool passing_ = false;

  // Of the answer in the making.
  uint64_t room_left_ = 0;
  bool first_ = true;
};

void FetchJob::start() {
  constexpr int32_t kMaxWaitMs = 300'000;
  // A Fetch of megabytes takes memory that other requests wait for (RequestBudget), so it waits for nothing.
  const int32_t wait_ms =
      call_.counts_in_budget() ? 0 : std::clamp(call_.request().max_wait_ms, 0, kMaxWaitMs);
  expired_ = wait_ms == 0 || min_bytes_ <= 0;
  if (!expired_) {
    alive_ = shared_from_this();
    timer_ = broker_.host.timer(
        static_cast<uint64_t>(wait_ms) * 1'000'000,
        [](void* context) {
          const std::shared_ptr<FetchJob> job = static_cast<FetchJob*>(context)->alive_;
          job->timer_ = 0;
          job->expire();
        },
        this);
    // A client that went away does not wait.
    close_hook_ = call_.add_close_hook([weak = weak_from_this()] {
      if (const std::shared_ptr<FetchJob> job = weak.lock()) job->expire();
    });
  }
  pass();
}

void FetchJob::expire() {
  expired_ = true;
  if (!passing_) pass();
}

void FetchJob::pass() {
  passing_ = true;
  if (wait_ != nullptr) wait_->cancel();
  wait_ = nullptr;
  pass_->run([self = shared_from_this()] { self->evaluate(); });
}

// On the connection's shard: answer now, or wait for more.
void FetchJob::evaluate() {
  passing_ = false;
  int64_t bytes = 0;
  bool news = expired_ || pass_->reads().empty() || pass_->skipped();
  for (const Read& read : pass_->reads()) {
    bytes += static_cast<int64_t>(read.data.bytes);
    news = news || read.error != ErrorCode::kNone || read.diverged();
  }
  if (news || bytes >= min_bytes_ || bytes >= max_bytes_) return answer();
  wait();
}

void FetchJob::wait() {
  call_.drop_request();
  const uint32_t home = call_.shard();
  wait_ = std::make_shared<FetchWait>(
      [self = shared_from_this(), home] { self->broker_.host.post(home, [self] { self->woken(); }); });
  std::vector<std::vector<std::pair<std::shared_ptr<Partition>, int64_t>>> seen(broker_.host.shard_count());
  for (Read& read : pass_->reads()) {
    read.data = {};  // a waiting Fetch holds no pages
    if (read.partition != nullptr)
      seen[read.partition->shard()].emplace_back(read.partition, read.high_watermark);
  }
  for (uint32_t shard = 0; shard < seen.size(); ++shard) {
    if (seen[shard].empty()) continue;
    on_shard(broker_.host, shard, [wait = wait_, seen = std::move(seen[shard])] {
      for (const auto& [partition, high_watermark] : seen) partition->wait(high_watermark, wait);
    });
  }
}

void FetchJob::woken() {
  if (!passing_ && wait_ != nullptr) pass();
}

void FetchJob::answer() {
  const std::shared_ptr<FetchJob> self = shared_from_this();
  passing_ = true;  // nothing wakes it any more
  broker_.host.cancel_timer(std::exchange(timer_, 0));
  alive_.reset();
  call_.remove_close_hook(close_hook_);
  Response response;
  response.session_id = scope_.session_id;
  room_left_ = static_cast<uint64_t>(max_bytes_);
  for (size_t i = 0; i < scope_.targets.size(); ++i) {
    FetchTarget& target = scope_.targets[i];
    Response::Partition out;
    const bool has_news = fill_partition(target, pass_->reads()[i], response, out);
    target.served = out.records.size() != 0;
    if (!has_news && scope_.incremental) continue;
    target.reported_high_watermark = out.high_watermark;
    target.reported_log_start = out.log_start_offset;
    target.reported_error = out.error_code != ErrorCode::kNone;
    append_partition(target, std::move(out), response);
  }
  scope_.remember();
  call_.answer(response);
  pass_->reads().clear();
}

void FetchJob::append_partition(const FetchTarget& target, Response::Partition out, Response& response) {
  if (response.responses.empty() || response.responses.back().topic != target.topic ||
      !same(response.responses.back().topic_id, target.topic_id)) {
    Response::Topic& topic = response.responses.emplace_back();
    topic.topic = target.topic;
    topic.topic_id = target.topic_id;
  }
  response.responses.back().partitions.push_back(std::move(out));
}

// Fills one partition of the answer.
// Returns whether there is anything in it that the session did not tell before.
bool FetchJob::fill_partition(const FetchTarget& target, Read& read, Response& response,
                              Response::Partition& out) {
  out.partition_index = target.partition;
  out.error_code = read.error;
  out.records = Records(Bytes());
  out.high_watermark = -1;
  // As Kafka has it: empty instead of null of what does not exist, and where aborts were asked for.
  const bool exists = read.partition != nullptr || read.error == ErrorCode::kNotLeaderOrFollower;
  const bool tells_aborts = read.error == ErrorCode::kNone ? reads_committed_ : !exists;
  out.aborted_transactions.reset();
  if (tells_aborts) out.aborted_transactions.emplace();
  if (read.error == ErrorCode::kNotLeaderOrFollower || read.error == ErrorCode::kFencedLeaderEpoch)
    add_leader(Catalog(broker_), read.hint, texts_, response, out);
  if (read.error != ErrorCode::kNone) return true;
  out.high_watermark = read.high_watermark;
  out.last_stable_offset = read.high_watermark;
  out.log_start_offset = read.log_start;
  if (read.diverged()) {
    out.diverging_epoch.epoch = read.diverging.first;
    out.diverging_epoch.end_offset = read.diverging.second;
    return true;
  }
  fill_records(read, out);
  return out.records.size() != 0 || target.reported_error ||
         target.reported_high_watermark != out.high_watermark ||
         target.reported_log_start != out.log_start_offset;
}

// As many batches as there is room for; the first one of all goes out whatever its size, so that a reader
// gets on whatever its limits (KIP-74).
void FetchJob::fill_records(Read& read, Response::Partition& out) {
  uint64_t bytes = 0;
  size_t runs = 0;
  for (const chr_slice& run : read.data.runs) {
    if (run.n > room_left_ && !first_) break;
    first_ = false;
    room_left_ -= std::min(room_left_, run.n);
    bytes += run.n;
    ++runs;
  }
  if (runs == 0) return;
  read.data.runs.resize(runs);
  out.records = Records(std::move(read.data.runs));
  read.partition->count_fetched(bytes);
}

}  // namespace

template <>
void handle<Fetch>(Broker& broker, Call<Fetch> call) {
  constexpr size_t kMaxPartitions = 50'000;  // each takes half a KiB while it is under way
  FetchScope scope = broker.fetch_sessions->begin(call.request(), call.version(), broker.host.unix_ms(),
                                                  static_cast<uint32_t>(broker.host.random_u64()));
  if (scope.error != ErrorCode::kNone) {
    Response response;
    response.error_code = scope.error;
    return call.answer(response);
  }
  if (scope.targets.size() > kMaxPartitions)
    return call.end_connection(
        fmt::format("a Fetch of {} partitions; allowed are {}", scope.targets.size(), kMaxPartitions));
  std::make_shared<FetchJob>(broker, std::move(call), std::move(scope))->start();
}

}  // namespace chronik::kafka
