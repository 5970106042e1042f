#include "kafka-proto/partition/elections.h"

#include <utility>

#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

// A body: count int32 | items: a topic's id and a partition each when asking, a code each when answering, in
// the same order.
constexpr size_t kItemBytes = 20;
constexpr size_t kMaxItems = 200'000;

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

Elections::Elections(Services& services, const PartitionDirectory& partitions, PeerChannel& channel,
                     PeerCalls& peers)
    : services_(services), partitions_(partitions), channel_(channel), peers_(peers) {
  peers.take_answers(PeerFrame::kElected);
  channel.receive(PeerFrame::kElect, [this](int32_t from, const chr_slice&, int64_t number, Reader& body) {
    return asked(from, number, body);
  });
}

// ---- the asking side ----

ErrorCode Elections::check_item(const Catalog& catalog, const Item& item, int32_t* leader) const {
  const std::optional<chr_topic> topic = catalog.topic(item.topic);
  const std::optional<chr_partition> partition =
      topic.has_value() ? catalog.partition(*topic, item.partition) : std::optional<chr_partition>();
  if (!partition.has_value() || partition->n_replicas == 0) return ErrorCode::kUnknownTopicOrPartition;
  *leader = partition->leader;
  const int32_t preferred = Partition::Members::of(*partition).preferred();
  if (!services_.is_up(preferred)) return ErrorCode::kPreferredLeaderNotAvailable;
  if (*leader == preferred) return ErrorCode::kElectionNotNeeded;
  if (*leader < 0 || !services_.is_up(*leader)) return ErrorCode::kLeaderNotAvailable;
  return ErrorCode::kNone;
}

void Elections::elect(std::vector<Item> items, uint64_t timeout_ns, Done done) {
  const uint64_t number = ++last_number_;
  Round& round = *rounds_.emplace(number, std::make_unique<Round>()).first->second;
  round.owner = this;
  round.number = number;
  round.codes.assign(items.size(), ErrorCode::kRequestTimedOut);
  round.done = std::move(done);
  std::map<int32_t, std::pair<std::vector<Item>, Places>> by_leader;
  {
    const Catalog catalog(services_);
    for (uint32_t i = 0; i < items.size(); ++i) {
      int32_t leader = -1;
      round.codes[i] = stopped_ ? ErrorCode::kNotController : check_item(catalog, items[i], &leader);
      if (round.codes[i] != ErrorCode::kNone) continue;
      round.codes[i] = ErrorCode::kRequestTimedOut;
      by_leader[leader].first.push_back(items[i]);
      by_leader[leader].second.push_back(i);
      ++round.left;
    }
  }
  if (round.left == 0) return finish_round(number);
  round.timer = services_.host.timer(
      timeout_ns,
      [](void* context) {
        Round& late = *static_cast<Round*>(context);
        late.timer = 0;
        late.owner->finish_round(late.number);
      },
      &round);
  for (const auto& [leader, work] : by_leader)
    ask_leader(number, leader, work.first, work.second, timeout_ns);
}

void Elections::ask_leader(uint64_t number, int32_t node, const std::vector<Item>& items,
                           const Places& places, uint64_t timeout_ns) {
  if (node == services_.host.node().id)
    return elect_here(items, [this, number, places](const std::vector<ErrorCode>& codes) {
      settle_items(number, places, codes);
    });
  const auto write = [&](Writer& out) {
    out.array_length(items.size(), false);
    for (const Item& item : items) {
      out.uuid(item.topic);
      out.int32(item.partition);
    }
  };
  const auto answered = [this, number, places](ErrorCode error, Reader& body) {
    const ErrorCode unknown = error == ErrorCode::kNone || error == ErrorCode::kRequestTimedOut
                                  ? ErrorCode::kRequestTimedOut
                                  : ErrorCode::kLeaderNotAvailable;
    std::vector<ErrorCode> codes;
    if (error == ErrorCode::kNone) body.array("codes", false, false, sizeof(ErrorCode), codes);
    for (ErrorCode& code : codes) code = body.error_code("code");
    const bool is_read = body.ok() && body.remaining() == 0;
    if (!is_read || codes.size() != places.size()) codes.assign(places.size(), unknown);
    settle_items(number, places, codes);
    return is_read;
  };
  peers_.call(node, PeerFrame::kElect, PeerFrame::kElected, write, timeout_ns, answered);
}

void Elections::settle_items(uint64_t number, const Places& places, const std::vector<ErrorCode>& codes) {
  const auto found = rounds_.find(number);
  if (found == rounds_.end()) return;
  Round& round = *found->second;
  for (size_t i = 0; i < places.size(); ++i) round.codes[places[i]] = codes[i];
  round.left -= places.size();
  if (round.left == 0) finish_round(number);
}

void Elections::finish_round(uint64_t number) {
  const auto node = rounds_.extract(number);
  services_.host.cancel_timer(node.mapped()->timer);
  node.mapped()->done(node.mapped()->codes);
}

void Elections::stop() {
  stopped_ = true;
  while (!rounds_.empty()) finish_round(rounds_.begin()->first);
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
  const std::shared_ptr<const PartitionMap> map = partitions_.map();
  ByShard<Election> elections;
  for (size_t i = 0; i < items.size(); ++i) {
    const HostedTopic* topic = map->find(items[i].topic);
    if (topic == nullptr || !topic->has(items[i].partition)) continue;
    const auto& partition = topic->partitions[static_cast<size_t>(items[i].partition)];
    if (partition != nullptr) elections.add(partition->shard(), {partition, i});
  }
  work->left += elections.batches();
  elections.run(
      services_.host, 0,
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

bool Elections::asked(int32_t from, int64_t number, Reader& body) {
  std::vector<Item> items;
  if (!body.array("items", false, false, kItemBytes, items) || items.size() > kMaxItems) return false;
  for (Item& item : items) {
    item.topic = body.uuid("topic");
    item.partition = body.int32("partition");
  }
  if (!body.ok() || body.remaining() != 0) return false;
  if (stopped_) return true;
  elect_here(items, [this, from, number](const std::vector<ErrorCode>& codes) {
    Writer out = PeerChannel::begin_frame(PeerFrame::kElected, number);
    out.array_length(codes.size(), false);
    for (const ErrorCode code : codes) out.error_code(code);
    if (const Status sent = channel_.send(from, std::move(out)); !sent)
      services_.host.debug("an answer about elections was not sent: " + sent.error().message);
  });
  return true;
}

}  // namespace chronik::kafka
