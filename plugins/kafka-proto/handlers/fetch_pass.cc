#include "kafka-proto/handlers/fetch_pass.h"

#include <algorithm>

#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {

FetchPass::FetchPass(Broker& broker, const std::vector<FetchTarget>& targets, int16_t version,
                     int64_t most_bytes)
    : broker_(broker), targets_(targets), version_(version), most_bytes_(most_bytes) {}

void FetchPass::run(std::function<void()> done) {
  done_ = std::move(done);
  home_ = desk_ = static_cast<uint32_t>(broker_.host.current_shard());
  reads_.clear();
  reads_.resize(targets_.size());
  lanes_.assign(broker_.host.shard_count(), {});
  cursor_ = 0;
  largest_batch_ = 0;
  held_.store(0, std::memory_order_relaxed);
  skipped_.store(false, std::memory_order_relaxed);
  const std::shared_ptr<const PartitionMap> map = broker_.partitions->map();
  for (size_t i = 0; i < reads_.size(); ++i) find_partition(*map, i);
  place();
  on_shard(broker_.host, desk_, [self = shared_from_this()] { self->rounds(); });
}

void FetchPass::find_partition(const PartitionMap& map, size_t i) {
  const FetchTarget& target = targets_[i];
  const HostedTopic* topic = by_id() ? map.find(target.topic_id) : map.find(target.topic);
  Read& read = reads_[i];
  if (topic == nullptr || !topic->has(target.partition)) {
    read.error = not_hosted(broker_, target.topic, by_id() ? &target.topic_id : nullptr, target.partition);
    return;
  }
  read.partition = topic->partitions[static_cast<size_t>(target.partition)];
  if (read.partition != nullptr) return lanes_[read.partition->shard()].targets.push_back(i);
  read.error = ErrorCode::kNotLeaderOrFollower;
  const Catalog catalog(broker_);
  if (const std::optional<chr_topic> known = catalog.topic(topic->id); known.has_value())
    read.hint = leader_in_catalog(broker_, catalog, *known, target.partition);
}

// The first round looks at all partitions. Where all that they may give has room, it reads them, too.
void FetchPass::place() {
  size_t lanes = 0;
  int64_t all = 0;
  for (uint32_t shard = 0; shard < lanes_.size(); ++shard) {
    if (lanes_[shard].targets.empty()) continue;
    desk_ = ++lanes == 1 ? shard : home_;
    for (const size_t i : lanes_[shard].targets) all += std::max(most_of(i), batch_of(reads_[i]));
  }
  most_open_ = kMaxOpenReads / std::clamp<size_t>(lanes, 1, kMaxOpenReads);
  if (all > most_bytes_) return;
  for (size_t i = 0; i < reads_.size(); ++i) {
    reads_[i].chosen = reads_[i].partition != nullptr;
    reads_[i].most = most_of(i);
  }
}

// ---- at the desk ----

void FetchPass::rounds() {
  do {
    lanes_left_ = 1;
    for (uint32_t shard = 0; shard < lanes_.size(); ++shard) {
      if (lanes_[shard].targets.empty()) continue;
      ++lanes_left_;
      on_shard(broker_.host, shard, [self = shared_from_this(), shard] { self->advance(shard); });
    }
    if (--lanes_left_ != 0) return;
  } while (plan());
  finish_pass();
}

void FetchPass::lane_done() {
  if (--lanes_left_ != 0) return;
  plan() ? rounds() : finish_pass();
}

void FetchPass::finish_pass() {
  on_shard(broker_.host, home_, [self = shared_from_this()] { std::exchange(self->done_, nullptr)(); });
}

// The most that the client wants of one partition, and may get of all.
int64_t FetchPass::most_of(size_t i) const {
  return std::min(int64_t{std::max(targets_[i].max_bytes, 0)}, most_bytes_);
}

// How large its first batch may be: as those that this pass has seen, else as any may be.
int64_t FetchPass::batch_of(const Read& read) const {
  return largest_batch_ > 0 ? largest_batch_ : read.partition->config()->max_message_bytes;
}

// Gives the room that is left to those that come next. False: nothing is left to read, or to read into.
bool FetchPass::plan() {
  for (Lane& lane : lanes_) {
    for (const size_t i : lane.targets)
      for (const chr_slice& batch : reads_[i].data.runs)
        largest_batch_ = std::max(largest_batch_, static_cast<int64_t>(batch.n));
    lane = {};
  }
  const int64_t held = held_.load(std::memory_order_relaxed);
  int64_t room = most_bytes_ - held;
  bool any = false;
  for (; cursor_ < reads_.size(); ++cursor_) {
    Read& read = reads_[cursor_];
    if (read.there == 0 || read.tried) continue;
    const int64_t batch = std::min(batch_of(read), read.there);
    read.comes_first = held == 0 && !any;
    if (batch > room && !read.comes_first) {
      if (any) return true;  // once it is known what is left
      skipped_.store(true, std::memory_order_relaxed);
      continue;
    }
    read.chosen = true;
    read.most = std::min(most_of(cursor_), room);
    room -= std::clamp(std::min(read.most, read.there), batch, std::max(batch, room));
    any = true;
    lanes_[read.partition->shard()].targets.push_back(cursor_);
  }
  return any;
}

// ---- on the shards of the partitions ----

void FetchPass::advance(uint32_t shard) {
  Lane& lane = lanes_[shard];
  lane.advancing = true;
  // mutant fetch_reads_all_at_once: while (lane.next < lane.targets.size() && true)
  //     serve(lane.targets[lane.next++]);
  while (lane.next < lane.targets.size() && lane.open < most_open_) serve(lane.targets[lane.next++]);
  lane.advancing = false;
  if (lane.next < lane.targets.size() || lane.open != 0) return;
  on_shard(broker_.host, desk_, [self = shared_from_this()] { self->lane_done(); });
}

void FetchPass::serve(size_t i) {
  Read& read = reads_[i];
  const FetchTarget& target = targets_[i];
  if (!std::exchange(read.looked_at, true)) {
    read.error = locate_records(target, read);
    if (read.error != ErrorCode::kNone || read.diverged()) read.there = 0;
  }
  if (read.there != 0 && read.chosen) this->read(i);
}

// Clients of these versions do not know the error that others get, and this one makes them ask again.
ErrorCode FetchPass::error_for_version(ErrorCode error) const {
  constexpr int16_t kFirstStorageErrorVersion = 6;
  const bool unknown = error == ErrorCode::kKafkaStorageError && version_ < kFirstStorageErrorVersion;
  return unknown ? ErrorCode::kNotLeaderOrFollower : error;
}

// What can be said without reading.
ErrorCode FetchPass::locate_records(const FetchTarget& target, Read& read) const {
  // Whatever is negative is not checked here, unlike in ListOffsets.
  const ErrorCode error = read.partition->leads(std::max(target.current_leader_epoch, -1));
  if (error != ErrorCode::kNone) {
    read.hint = read.partition->leader_hint();
    return error;
  }
  const chr_group_bounds bounds = read.partition->bounds();
  read.high_watermark = bounds.high_watermark;
  read.log_start = bounds.log_start;
  if (target.last_fetched_epoch >= 0) {
    const auto [epoch, end] = read.partition->offsets().epoch_end(target.last_fetched_epoch);
    if (end < 0 || target.fetch_offset < bounds.log_start) return ErrorCode::kOffsetOutOfRange;
    if (epoch < target.last_fetched_epoch || end < target.fetch_offset) {
      read.diverging = {epoch, end};
      return ErrorCode::kNone;
    }
  }
  if (target.fetch_offset < bounds.log_start || target.fetch_offset > bounds.log_end)
    return ErrorCode::kOffsetOutOfRange;
  if (target.fetch_offset >= bounds.high_watermark) return ErrorCode::kNone;
  // Twice as much as an average says; it only decides who is read at the same time.
  constexpr double kMinBytes = 1024;
  const auto records = static_cast<double>(bounds.high_watermark - target.fetch_offset);
  const auto all = static_cast<double>(bounds.log_end - bounds.log_start);
  const double bytes = 2 * records / all * static_cast<double>(bounds.bytes);
  read.there = static_cast<int64_t>(std::clamp(bytes, kMinBytes, 1e15));
  return ErrorCode::kNone;
}

void FetchPass::read(size_t i) {
  Read& read = reads_[i];
  read.tried = true;
  const int64_t held = held_.load(std::memory_order_relaxed);
  if (held >= most_bytes_ && !read.comes_first) {  // batches were larger than those before them
    skipped_.store(true, std::memory_order_relaxed);
    return;
  }
  const uint32_t shard = read.partition->shard();
  ++lanes_[shard].open;
  read.partition->read(targets_[i].fetch_offset, static_cast<uint64_t>(read.most),
                       [self = shared_from_this(), i, shard](Partition::ReadResult data) {
                         Read& done = self->reads_[i];
                         self->held_.fetch_add(static_cast<int64_t>(data.bytes), std::memory_order_relaxed);
                         done.error = self->error_for_version(data.error);
                         done.data = std::move(data);
                         --self->lanes_[shard].open;
                         if (!self->lanes_[shard].advancing) self->advance(shard);
                       });
}

}  // namespace chronik::kafka
