// Fetch (1): reads on the shards of the partitions, answers at once or when enough data came (long poll), in
// a session or without (KIP-227). Records go out from where they are.
#include <algorithm>
#include <atomic>
#include <utility>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/by_shard.h"
#include "kafka-proto/handlers/handlers.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/partition/fetch_sessions.h"

namespace chronik::kafka {
namespace {

using Response = FetchResponse;

// What one partition gave in one pass.
struct Read {
  std::shared_ptr<Partition> partition;
  ErrorCode error = ErrorCode::kNone;
  Partition::ReadResult data;
  int64_t high_watermark = -1;
  int64_t log_start = -1;
  LeaderHint hint;
  std::pair<int32_t, int64_t> diverging{-1, -1};  // where it is known that the client's log is another

  bool diverged() const { return diverging.second >= 0; }
};

// A pass reads all partitions, each on its shard, and comes back to the connection's shard, where it is
// judged; where it is not enough, all of them wait, and whatever happens first begins another pass.
class FetchJob : public std::enable_shared_from_this<FetchJob> {
 public:
  FetchJob(Broker& broker, Call<Fetch> call, FetchScope scope)
      : broker_(broker),
        call_(std::move(call)),
        scope_(std::move(scope)),
        most_bytes_(std::min(static_cast<int64_t>(std::max(call_.request().max_bytes, 0)),
                             int64_t{broker.config.fetch_max_bytes})) {}

  void start();

 private:
  void expire();
  void pass();
  void find_partition(const PartitionMap& map, size_t i);
  void read(size_t i);
  ErrorCode look(const FetchTarget& target, Read& read);
  void read_done(uint32_t shard);
  void evaluate();
  void wait();
  void woken();
  void answer();
  bool add(const FetchTarget& target, Read& read, Response& response, Response::Partition& out);
  void take(Read& read, Response::Partition& out);
  void append(const FetchTarget& target, Response::Partition out, Response& response);

  Broker& broker_;
  Call<Fetch> call_;
  FetchScope scope_;
  const int64_t most_bytes_;
  Texts texts_;
  std::vector<Read> reads_;                    // one per target of scope_
  std::vector<std::vector<size_t>> by_shard_;  // indexes into reads_
  std::vector<size_t> left_;                   // per shard, touched there
  std::atomic<int64_t> room_{0};               // bytes that may still be read in this pass
  std::atomic<bool> skipped_{false};           // a partition was not read for want of room
  size_t shards_left_ = 0;
  std::shared_ptr<FetchWait> wait_;
  uint64_t timer_ = 0;
  std::shared_ptr<FetchJob> alive_;  // while the timer runs
  bool expired_ = false;
  bool passing_ = false;

  // Of the answer in the making.
  uint64_t room_left_ = 0;
  bool first_ = true;
};

void FetchJob::start() {
  constexpr int32_t kLongestWaitMs = 300'000;
  const int32_t wait_ms = std::clamp(call_.request().max_wait_ms, 0, kLongestWaitMs);
  expired_ = wait_ms == 0 || call_.request().min_bytes <= 0;
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
    call_.on_close([weak = weak_from_this()] {
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
  const std::shared_ptr<const PartitionMap> map = broker_.partitions->map();
  reads_.clear();
  reads_.resize(scope_.targets.size());
  by_shard_.assign(broker_.host.shard_count(), {});
  left_.assign(by_shard_.size(), 0);
  room_.store(most_bytes_, std::memory_order_relaxed);
  skipped_.store(false, std::memory_order_relaxed);
  for (size_t i = 0; i < reads_.size(); ++i) find_partition(*map, i);
  shards_left_ = 1;
  for (uint32_t shard = 0; shard < by_shard_.size(); ++shard) {
    if (by_shard_[shard].empty()) continue;
    ++shards_left_;
    on_shard(broker_.host, shard, [self = shared_from_this(), shard] {
      self->left_[shard] = self->by_shard_[shard].size();
      for (const size_t i : self->by_shard_[shard]) self->read(i);
    });
  }
  if (--shards_left_ == 0) evaluate();
}

void FetchJob::find_partition(const PartitionMap& map, size_t i) {
  const FetchTarget& target = scope_.targets[i];
  const bool by_id = call_.version() >= 13;
  const HostedTopic* topic = by_id ? map.find(target.topic_id) : map.find(target.topic);
  Read& read = reads_[i];
  if (topic == nullptr || !topic->has(target.partition)) {
    read.error = not_hosted(broker_, target.topic, by_id ? &target.topic_id : nullptr, target.partition);
    return;
  }
  read.partition = topic->partitions[static_cast<size_t>(target.partition)];
  if (read.partition != nullptr) return by_shard_[read.partition->shard()].push_back(i);
  read.error = ErrorCode::kNotLeaderOrFollower;
  const Catalog catalog(broker_);
  if (const std::optional<chr_topic> known = catalog.topic(topic->id); known.has_value())
    read.hint = leader_in_catalog(catalog, *known, target.partition);
}

// On the partition's shard: what can be said without reading.
ErrorCode FetchJob::look(const FetchTarget& target, Read& read) {
  const ErrorCode error = read.partition->leads(target.current_leader_epoch);
  if (error != ErrorCode::kNone) {
    read.hint = read.partition->leader_hint();
    return error;
  }
  const chr_group_bounds bounds = read.partition->bounds();
  read.high_watermark = bounds.high_watermark;
  read.log_start = bounds.log_start;
  if (target.last_fetched_epoch >= 0) {
    const auto [epoch, end] = read.partition->epoch_end(target.last_fetched_epoch);
    if (end < 0) return ErrorCode::kOffsetOutOfRange;
    if (epoch < target.last_fetched_epoch || end < target.fetch_offset) {
      read.diverging = {epoch, end};
      return ErrorCode::kNone;
    }
  }
  const bool inside = target.fetch_offset >= bounds.log_start && target.fetch_offset <= bounds.log_end;
  return inside ? ErrorCode::kNone : ErrorCode::kOffsetOutOfRange;
}

// On the partition's shard.
void FetchJob::read(size_t i) {
  Read& read = reads_[i];
  const FetchTarget& target = scope_.targets[i];
  const uint32_t shard = read.partition->shard();
  read.error = look(target, read);
  if (read.error != ErrorCode::kNone || read.diverged() || target.fetch_offset >= read.high_watermark)
    return read_done(shard);
  // What one partition takes is gone for the others: no more is read than one answer carries.
  const int64_t most = std::min(int64_t{std::max(target.max_bytes, 0)}, most_bytes_);
  if (const int64_t room = room_.fetch_sub(most, std::memory_order_relaxed);
      room <= 0 && room != most_bytes_) {
    room_.fetch_add(most, std::memory_order_relaxed);
    skipped_.store(true, std::memory_order_relaxed);
    return read_done(shard);
  }
  read.partition->read(target.fetch_offset, static_cast<uint64_t>(most),
                       [self = shared_from_this(), i, shard, most](Partition::ReadResult data) {
                         self->room_.fetch_add(most - static_cast<int64_t>(data.bytes),
                                               std::memory_order_relaxed);
                         self->reads_[i].error = data.error;
                         self->reads_[i].data = std::move(data);
                         self->read_done(shard);
                       });
}

void FetchJob::read_done(uint32_t shard) {
  if (--left_[shard] != 0) return;
  on_shard(broker_.host, call_.shard(), [self = shared_from_this()] {
    if (--self->shards_left_ == 0) self->evaluate();
  });
}

// On the connection's shard: answer now, or wait for more.
void FetchJob::evaluate() {
  passing_ = false;
  int64_t bytes = 0;
  bool news = expired_ || reads_.empty() || skipped_.load(std::memory_order_relaxed);
  for (const Read& read : reads_) {
    bytes += static_cast<int64_t>(read.data.bytes);
    news = news || read.error != ErrorCode::kNone || read.diverged();
  }
  if (news || bytes >= call_.request().min_bytes || bytes >= most_bytes_) return answer();
  wait();
}

void FetchJob::wait() {
  const uint32_t home = call_.shard();
  wait_ = std::make_shared<FetchWait>(
      [self = shared_from_this(), home] { self->broker_.host.post(home, [self] { self->woken(); }); });
  for (uint32_t shard = 0; shard < by_shard_.size(); ++shard) {
    if (by_shard_[shard].empty()) continue;
    std::vector<std::pair<std::shared_ptr<Partition>, int64_t>> seen;
    for (const size_t i : by_shard_[shard]) seen.emplace_back(reads_[i].partition, reads_[i].high_watermark);
    on_shard(broker_.host, shard, [wait = wait_, seen = std::move(seen)] {
      for (const auto& [partition, high_watermark] : seen) partition->wait(high_watermark, wait);
    });
  }
  for (Read& read : reads_) read.data = {};  // a waiting Fetch holds no pages
}

void FetchJob::woken() {
  if (!passing_ && wait_ != nullptr) pass();
}

void FetchJob::answer() {
  const std::shared_ptr<FetchJob> self = shared_from_this();
  passing_ = true;  // nothing wakes it any more
  broker_.host.cancel_timer(std::exchange(timer_, 0));
  alive_.reset();
  Response response;
  response.session_id = scope_.session_id;
  room_left_ = static_cast<uint64_t>(most_bytes_);
  for (size_t i = 0; i < reads_.size(); ++i) {
    FetchTarget& target = scope_.targets[i];
    Response::Partition out;
    if (!add(target, reads_[i], response, out) && scope_.incremental) continue;
    target.told_high_watermark = out.high_watermark;
    target.told_log_start = out.log_start_offset;
    target.told_error = out.error_code != ErrorCode::kNone;
    append(target, std::move(out), response);
  }
  scope_.remember();
  call_.answer(response);
  reads_.clear();
}

void FetchJob::append(const FetchTarget& target, Response::Partition out, Response& response) {
  if (response.responses.empty() || response.responses.back().topic != target.topic ||
      !same(response.responses.back().topic_id, target.topic_id)) {
    Response::Topic& topic = response.responses.emplace_back();
    topic.topic = target.topic;
    topic.topic_id = target.topic_id;
  }
  response.responses.back().partitions.push_back(std::move(out));
}

// Fills one partition of the answer. Returns whether there is anything in it that the session did not tell
// before.
bool FetchJob::add(const FetchTarget& target, Read& read, Response& response, Response::Partition& out) {
  constexpr int8_t kReadCommitted = 1;
  out.partition_index = target.partition;
  out.error_code = read.error;
  out.records = Records(Bytes());
  out.high_watermark = -1;
  out.aborted_transactions.reset();
  if (call_.request().isolation_level == kReadCommitted) out.aborted_transactions.emplace();
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
  take(read, out);
  return out.records.size() != 0 || target.told_error || target.told_high_watermark != out.high_watermark ||
         target.told_log_start != out.log_start_offset;
}

// As many batches as there is room for; the first one of all goes out whatever its size, so that a reader
// gets on whatever its limits (KIP-74).
void FetchJob::take(Read& read, Response::Partition& out) {
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

void handle_fetch(Broker& broker, Call<Fetch> call) {
  FetchScope scope = broker.fetch_sessions->begin(call.request(), call.version(), broker.host.unix_ms(),
                                                  static_cast<uint32_t>(broker.host.random_u64()));
  if (scope.error != ErrorCode::kNone) {
    Response response;
    response.error_code = scope.error;
    return call.answer(response);
  }
  std::make_shared<FetchJob>(broker, std::move(call), std::move(scope))->start();
}

}  // namespace chronik::kafka
