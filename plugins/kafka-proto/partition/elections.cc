#include "kafka-proto/partition/elections.h"

#include <fmt/format.h>

#include <algorithm>
#include <chronik/plugin.hpp>

#include "kafka-proto/cluster/catalog_waits.h"
#include "kafka-proto/cluster/in_sync.h"
#include "kafka-proto/partition/by_shard.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/wire/reader.h"

namespace chronik::kafka {
namespace {

// A frame: version int8 (1) | kind int8 | number int64 | count int32 | items: a topic's id and a partition
// each when asking, a code each when answering, in the same order. What else comes: see InSync.
constexpr int8_t kVersion = 1;
constexpr int8_t kAsk = 1;
constexpr int8_t kAnswer = 2;
constexpr size_t kItemBytes = 20;
constexpr size_t kMostItems = 200'000;
constexpr uint64_t kCutOffAfterNs = 1'000'000'000;
constexpr uint64_t kFormsWithinNs = 10'000'000'000;
constexpr uint64_t kElectionsNs = 500'000'000;  // how long they may well take once a link is lost

constexpr chr_channel_v1 kChannel = {sizeof(chr_channel_v1), 1, thunk<&Elections::frame>,
                                     thunk<&Elections::link>};

ErrorCode transfer_error(chr_status code) {
  switch (code) {
    case CHR_OK:
      return ErrorCode::kNone;
    case CHR_E_NOT_LEADER:
      return ErrorCode::kNotLeaderOrFollower;
    case CHR_E_TIMEOUT:
    case CHR_E_UNAVAILABLE:
    case CHR_E_INVALID_ARGUMENT:
      return ErrorCode::kPreferredLeaderNotAvailable;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

}  // namespace

Writer Elections::begin_frame(int8_t kind, int64_t number, size_t count) {
  Writer out;
  out.int8(kVersion);
  out.int8(kind);
  out.int64(number);
  out.array_length(count, false);
  return out;
}

void Elections::controller_changed(int32_t controller) {
  if (controller >= 0) {
    knew_controller_.store(true, std::memory_order_relaxed);
    no_controller_since_ns_.store(0, std::memory_order_relaxed);
  } else if (knew_controller_.load(std::memory_order_relaxed) &&
             no_controller_since_ns_.load(std::memory_order_relaxed) == 0) {
    no_controller_since_ns_.store(broker_.host.now_ns(), std::memory_order_relaxed);
  }
}

bool Elections::is_cut_off() const {
  const uint64_t since = no_controller_since_ns_.load(std::memory_order_relaxed);
  return since != 0 && broker_.host.now_ns() > since + kCutOffAfterNs;
}

bool Elections::has_found_no_cluster() const {
  return !knew_controller_.load(std::memory_order_relaxed) &&
         broker_.host.now_ns() > began_ns_ + kFormsWithinNs;
}

Status Elections::open() {
  if (broker_.link == nullptr) return {};
  chr_error error = make_abi_error();
  const chr_status status =
      broker_.link->open(broker_.host.self(), to_abi("kafka"), &kChannel, this, &channel_, &error);
  if (status == CHR_OK) return {};
  return std::unexpected(from_abi(error, status));
}

// ---- the asking side ----

ErrorCode Elections::look_at(const Catalog& catalog, const Item& item, int32_t* leader) const {
  const std::optional<chr_topic> topic = catalog.topic(item.topic);
  const std::optional<chr_partition> partition =
      topic.has_value() ? catalog.partition(*topic, item.partition) : std::optional<chr_partition>();
  if (!partition.has_value() || partition->n_replicas == 0) return ErrorCode::kUnknownTopicOrPartition;
  *leader = partition->leader;
  const int32_t preferred = Partition::Members::of(*partition).preferred();
  if (!broker_.is_up(preferred)) return ErrorCode::kPreferredLeaderNotAvailable;
  if (*leader == preferred) return ErrorCode::kElectionNotNeeded;
  if (*leader < 0 || !broker_.is_up(*leader)) return ErrorCode::kLeaderNotAvailable;
  return ErrorCode::kNone;
}

void Elections::elect(std::vector<Item> items, uint64_t timeout_ns, Done done) {
  const uint64_t number = ++last_number_;
  Round& round = *rounds_.emplace(number, std::make_unique<Round>()).first->second;
  round.owner = this;
  round.number = number;
  round.codes.assign(items.size(), ErrorCode::kRequestTimedOut);
  round.asked.assign(items.size(), -1);
  round.done = std::move(done);
  std::map<int32_t, std::pair<std::vector<Item>, Places>> by_leader;
  {
    const Catalog catalog(broker_);
    for (uint32_t i = 0; i < items.size(); ++i) {
      int32_t leader = -1;
      round.codes[i] = stopped_ ? ErrorCode::kNotController : look_at(catalog, items[i], &leader);
      if (round.codes[i] != ErrorCode::kNone) continue;
      round.codes[i] = ErrorCode::kRequestTimedOut;
      round.asked[i] = leader;
      by_leader[leader].first.push_back(items[i]);
      by_leader[leader].second.push_back(i);
      ++round.left;
    }
  }
  if (round.left == 0) return finish(number);
  round.timer = broker_.host.timer(
      timeout_ns,
      [](void* context) {
        Round& late = *static_cast<Round*>(context);
        late.timer = 0;
        late.owner->finish(late.number);
      },
      &round);
  for (const auto& [leader, work] : by_leader) {
    const auto found = rounds_.find(number);
    if (found != rounds_.end()) ask(*found->second, leader, work.first, work.second);
  }
}

void Elections::ask(Round& round, int32_t node, const std::vector<Item>& items, const Places& places) {
  const uint64_t number = round.number;
  if (node == broker_.host.node().id)
    return elect_here(items, [this, number, places](const std::vector<ErrorCode>& codes) {
      settle(number, places, codes);
    });
  Writer out = begin_frame(kAsk, static_cast<int64_t>(number), items.size());
  for (const Item& item : items) {
    out.uuid(item.topic);
    out.int32(item.partition);
  }
  if (!send(node, std::move(out).finish().copy()))
    settle(number, places, std::vector<ErrorCode>(places.size(), ErrorCode::kLeaderNotAvailable));
}

void Elections::settle(uint64_t number, const Places& places, const std::vector<ErrorCode>& codes) {
  const auto found = rounds_.find(number);
  if (found == rounds_.end()) return;
  Round& round = *found->second;
  for (size_t i = 0; i < places.size(); ++i) {
    if (std::exchange(round.asked[places[i]], -1) < 0) continue;
    round.codes[places[i]] = codes[i];
    --round.left;
  }
  if (round.left == 0) finish(number);
}

void Elections::finish(uint64_t number) {
  const auto node = rounds_.extract(number);
  broker_.host.cancel_timer(node.mapped()->timer);
  node.mapped()->done(node.mapped()->codes);
}

void Elections::stop() {
  stopped_ = true;
  while (!rounds_.empty()) finish(rounds_.begin()->first);
}

void Elections::answered(int32_t from, int64_t number, const std::vector<ErrorCode>& codes) {
  const auto found = rounds_.find(static_cast<uint64_t>(number));
  if (found == rounds_.end()) return;
  Places places;
  for (uint32_t i = 0; i < found->second->asked.size(); ++i)
    if (found->second->asked[i] == from) places.push_back(i);
  if (places.size() == codes.size()) settle(found->first, places, codes);
}

// ---- the side of the leader ----

void Elections::elect_here(const std::vector<Item>& items, std::function<void(std::vector<ErrorCode>)> done) {
  struct Election {
    std::shared_ptr<Partition> partition;
    size_t at;
    chr_status code = CHR_OK;
  };
  struct Work {
    std::vector<ErrorCode> codes;
    size_t left = 1;
    std::function<void(std::vector<ErrorCode>)> done;
    void one_less() {
      if (--left == 0) done(std::move(codes));
    }
  };
  const auto work = std::make_shared<Work>();
  work->codes.assign(items.size(), ErrorCode::kNotLeaderOrFollower);
  work->done = std::move(done);
  const std::shared_ptr<const PartitionMap> map = broker_.partitions->map();
  ByShard<Election> elections;
  for (size_t i = 0; i < items.size(); ++i) {
    const HostedTopic* topic = map->find(items[i].topic);
    if (topic == nullptr || !topic->has(items[i].partition)) continue;
    const auto& partition = topic->partitions[static_cast<size_t>(items[i].partition)];
    if (partition != nullptr) elections.add(partition->shard(), {partition, i});
  }
  work->left += elections.batches();
  elections.run(
      broker_.host, 0,
      [](Election& election, const std::function<void()>& ended) {
        Partition& partition = *election.partition;
        partition.hand_over(partition.members()->preferred(), [&election, ended](chr_status code) {
          election.code = code;
          ended();
        });
      },
      [work](const std::vector<Election>& ended) {
        for (const Election& election : ended) work->codes[election.at] = transfer_error(election.code);
        work->one_less();
      });
  work->one_less();
}

void Elections::asked(int32_t from, int64_t number, const std::vector<Item>& items) {
  elect_here(items, [this, from, number](const std::vector<ErrorCode>& codes) {
    Writer out = begin_frame(kAnswer, number, codes.size());
    for (const ErrorCode code : codes) out.error_code(code);
    if (const Status sent = send(from, std::move(out).finish().copy()); !sent)
      broker_.host.debug("an answer about elections was not sent: " + sent.error().message);
  });
}

// ---- the channel ----

void Elections::frame(int32_t from, chr_slice bytes) {
  if (stopped_) return;
  Reader in(Bytes(bytes.p, bytes.n));
  const int8_t version = in.int8("version");
  const int8_t kind = in.int8("kind");
  const int64_t number = in.int64("number");
  if (in.ok() && version == kVersion && kind == InSync::kKind &&
      broker_.in_sync->received(from, Bytes(bytes.p, bytes.n), number, in))
    return;
  std::vector<Item> items;
  std::vector<ErrorCode> codes;
  if (kind == kAsk && in.array("items", false, false, kItemBytes, items)) {
    for (Item& item : items) {
      item.topic = in.uuid("topic");
      item.partition = in.int32("partition");
    }
  } else if (kind == kAnswer && in.array("codes", false, false, sizeof(ErrorCode), codes)) {
    for (ErrorCode& code : codes) code = in.error_code("code");
  }
  if (!in.ok() || version != kVersion || in.remaining() != 0 || (kind != kAsk && kind != kAnswer) ||
      items.size() > kMostItems)
    return broker_.host.warn("a frame about elections was dropped: it cannot be read",
                             fmt::format("from={} bytes={} version={}", from, bytes.n, version));
  kind == kAsk ? asked(from, number, items) : answered(from, number, codes);
}

void Elections::link(int32_t peer, uint32_t up) {
  if (stopped_) return;
  broker_.in_sync->link_changed(peer, up != 0);
  broker_.partitions->links_changed();
  broker_.catalog_waits->changed();
  if (up != 0) return;
  leaders_expected_until_ns_.store(broker_.host.now_ns() + kElectionsNs, std::memory_order_relaxed);
  std::vector<uint64_t> numbers;
  for (const auto& [number, round] : rounds_) numbers.push_back(number);
  for (const uint64_t number : numbers) {
    Places places;
    const std::vector<int32_t>& asked = rounds_.at(number)->asked;
    for (uint32_t i = 0; i < asked.size(); ++i)
      if (asked[i] == peer) places.push_back(i);
    settle(number, places, std::vector<ErrorCode>(places.size(), ErrorCode::kLeaderNotAvailable));
  }
}

Status Elections::send(int32_t to, std::vector<uint8_t> bytes) {
  if (broker_.link == nullptr) return fail(Code::kUnavailable, "this host has no links");
  chr_slice slice{};
  if (broker_.host.alloc(bytes.size(), &slice) != CHR_OK) return fail(Code::kOverloaded, "no memory");
  const Lease lease = Lease::adopt(slice.lease);
  std::memcpy(const_cast<uint8_t*>(slice.p), bytes.data(), bytes.size());
  const chr_status status =
      broker_.link->send(broker_.host.self(), channel_, to, CHR_LANE_CONTROL, &slice, 1);
  if (status == CHR_OK) return {};
  return fail(static_cast<Code>(status), fmt::format("the link to node {} did not take it", to));
}

}  // namespace chronik::kafka
