// A node becomes leader of a partition while __meta cannot elect: it must say so in its log at the times of
// the retry policy, and once __meta elects, the catalog must be right at once.
#include "sim/check/storage_watch.h"
#include "sim/scenario/scenarios.h"

#include <chronik/metadata.h>
#include <fmt/format.h>
#include <chronik/host.hpp>

#include <cmath>
#include <cstring>

#include "raft/wire/frame.h"

namespace chronik::sim {
namespace {

constexpr std::string_view kTopic = "test";
constexpr uint64_t kRightWithin = 100 * kMillisecond;

// What the logs of all nodes said, with times.
struct Said {
  struct Line {
    uint64_t at;
    uint32_t node;
    int32_t level;
    std::string text;
  };
  std::vector<Line> lines;

  std::vector<Line> with(std::string_view part, uint64_t since) const {
    std::vector<Line> found;
    for (const Line& line : lines) {
      if (line.at >= since && line.text.find(part) != std::string::npos) found.push_back(line);
    }
    return found;
  }
};

// Frames hold what many groups have to say, under the hashes of their names. What __meta says is for a group
// that nobody has, and that nobody has it comes back to __meta.
void rename_meta(uint8_t* frame, uint64_t n) {
  const uint64_t meta = raft::hash_of("__meta");
  for (uint64_t at = 0; at + sizeof meta <= n; ++at) {
    uint64_t hash = 0;
    for (size_t i = 0; i < sizeof hash; ++i) hash |= static_cast<uint64_t>(frame[at + i]) << (8 * i);
    if ((hash | 1) != (meta | 1)) continue;
    frame[at] ^= 1;
    at += sizeof hash - 1;
  }
}

class MetaStalled {
 public:
  MetaStalled(const RunOptions& options, const host::PluginSet& set)
      : options_(options),
        world_(world_options(options)),
        checker_(world_),
        storage_(checker_, options.nodes),
        consensus_(checker_, options.nodes),
        cluster_(world_, set, config_of(options), {&storage_, &consensus_}) {
    world_.on_log = [this](uint32_t node, int32_t level, std::string_view text) {
      said_.lines.push_back({world_.now(), node, level, std::string(text)});
    };
    cluster_.links().faults.delay_ns = 500 * kMicrosecond;
    cluster_.links().filter = [this](uint32_t, uint32_t, std::string_view, uint8_t* p, uint64_t n) {
      if (stalled_) rename_meta(p, n);
      return true;
    };
  }

  RunReport run() {
    prepare() && stall() && release();
    return report_of(options_, world_, checker_, summary_);
  }

 private:
  bool prepare();
  bool stall();
  bool release();
  bool create_topic();
  bool ask_for_topic(std::string_view name, chr_change_result* result, chr_done_fn done);
  // The partition's leader as every running node tells it; -1 where they differ or do not know.
  int32_t leader_everywhere(uint64_t* term);
  bool check_times(const std::vector<uint64_t>& times);
  bool broken(std::string message) {
    world_.fail("meta-stalled", std::move(message));
    return false;
  }

  const RunOptions options_;
  World world_;
  Checker checker_;
  StorageWatch storage_;
  ConsensusWatch consensus_;
  Cluster cluster_;
  Said said_;
  std::string summary_;
  bool stalled_ = false;
  int created_ = 0;  // 1: the topic exists, -1: it was refused
  chr_change_result result_{};
  chr_change_result never_{};  // of a topic that __meta cannot agree on
  uint32_t leader_ = 0;
};

// A cluster with a topic of one partition, known to everybody.
bool MetaStalled::prepare() {
  cluster_.boot_all();
  if (!cluster_.run_while(30 * kSecond, kMillisecond, [this] { return create_topic(); })) {
    return broken("the topic was not created within 30 s");
  }
  uint64_t term = 0;
  if (!cluster_.run_while(30 * kSecond, kMillisecond, [&] { return leader_everywhere(&term) > 0; })) {
    return broken("the partition has no leader that all nodes know within 30 s");
  }
  return cluster_.run_for(10 * kSecond);
}

bool MetaStalled::create_topic() {
  if (created_ == 1) return true;
  if (created_ == 2 || !cluster_.node(1).running()) return false;
  const auto done = [](void* context, const chr_done* answer) {
    auto& here = *static_cast<MetaStalled*>(context);
    const bool exists =
        answer->code == CHR_OK && (here.result_.code == CHR_OK || here.result_.code == CHR_E_EXISTS);
    here.created_ = exists ? 1 : 0;
  };
  created_ = ask_for_topic(kTopic, &result_, done) ? 2 : 0;
  return false;
}

bool MetaStalled::ask_for_topic(std::string_view name, chr_change_result* result, chr_done_fn done) {
  Node& node = cluster_.node(1);
  const Enter enter(world_, node.at_shard(0));
  void* self = nullptr;
  const auto* metadata = static_cast<const chr_metadata_v1*>(node.service(CHR_METADATA_ID, &self, true));
  chr_new_topic topic{};
  topic.name = to_abi(name);
  topic.partitions = 1;
  topic.replication_factor = static_cast<int32_t>(std::min<uint32_t>(3, options_.nodes));
  const uint64_t token = node.ops().begin(&node.harness(), 0, done, this);
  chr_error error = make_abi_error();
  if (metadata->create_topics(self, &topic, 1, 0, 5 * kSecond, result, token, &error) == CHR_PENDING)
    return true;
  node.ops().abandon(token);
  return false;
}

int32_t MetaStalled::leader_everywhere(uint64_t* term) {
  int32_t leader = 0;
  for (uint32_t id = 1; id <= cluster_.size(); ++id) {
    Node& node = cluster_.node(id);
    if (!node.running()) continue;
    const Enter enter(world_, node.at_shard(0));
    void* self = nullptr;
    const auto* metadata = static_cast<const chr_metadata_v1*>(node.service(CHR_METADATA_ID, &self, true));
    chr_catalog* const catalog = metadata->catalog(self);
    chr_topic topic{};
    topic.struct_size = sizeof topic;
    chr_partition partition{};
    partition.struct_size = sizeof partition;
    const bool known = metadata->topic_by_name(self, catalog, to_abi(kTopic), &topic) == CHR_OK &&
                       metadata->partition(self, catalog, topic.handle, 0, &partition) == CHR_OK;
    metadata->release(self, catalog);
    if (!known || partition.leader < 1) return -1;
    if (leader != 0 && (partition.leader != leader || partition.term != *term)) return -1;
    leader = partition.leader;
    *term = partition.term;
  }
  return leader;
}

// Frames of __meta do not get through, all others do: it has no leader any more once it was to agree on
// something. Then the partition's leader dies.
bool MetaStalled::stall() {
  stalled_ = true;
  if (!ask_for_topic("never", &never_, [](void*, const chr_done*) {}))
    return broken("node 1 takes no change of the catalog");
  if (!cluster_.run_for(15 * kSecond)) return false;
  uint64_t term = 0;
  const int32_t before = leader_everywhere(&term);
  if (before < 1) return broken("the partition lost its leader although only __meta was stalled");
  const uint64_t begin = world_.now();
  cluster_.node(static_cast<uint32_t>(before)).crash(true);
  if (!cluster_.run_for(20 * kSecond)) return false;
  const auto became = said_.with(fmt::format("became leader for {}/0", kTopic), begin);
  if (became.empty()) return broken("nobody became leader of the partition while __meta was stalled");
  if (!said_.with("became leader for __meta", begin).empty())
    return broken("__meta elected although it was stalled");
  leader_ = became.back().node;

  std::vector<uint64_t> times;
  for (const Said::Line& line : said_.with("Failed to update partition assignment", begin)) {
    const uint64_t first = times.empty() ? line.at : times.front();
    times.push_back(times.empty() ? line.at : line.at - first);
  }
  if (times.empty()) return broken("no attempt to update the partition assignment was logged");
  times.front() = 0;
  const auto critical = said_.with("CRITICAL: Partition assignment", begin);
  if (critical.size() != 1) return broken(fmt::format("CRITICAL was logged {} times", critical.size()));
  return check_times(times);
}

bool MetaStalled::check_times(const std::vector<uint64_t>& times) {
  std::string text;
  std::vector<uint64_t> rounded;
  for (const uint64_t time : times) {
    rounded.push_back((time + kMillisecond / 2) / kMillisecond);
    text += fmt::format("{}{}", text.empty() ? "" : ",", rounded.back());
  }
  summary_ = fmt::format("leader={} attempts_ms={}", leader_, text);
  const std::vector<uint64_t> exponential = {0, 100, 300, 700, 1500};
  if (options_.retry_plugin == "retry-exponential" && rounded != exponential) {
    return broken("attempts at " + text + " ms, not at 0,100,300,700,1500");
  }
  if (options_.retry_plugin != "retry-exponential" && rounded == exponential) {
    return broken("another retry policy, but the same times: " + text);
  }
  return true;
}

// __meta elects; shortly after, the catalog says who leads.
bool MetaStalled::release() {
  const uint64_t begin = world_.now();
  stalled_ = false;
  const auto elected = [&] { return !said_.with("became leader for __meta", begin).empty(); };
  if (!cluster_.run_while(30 * kSecond, kMillisecond / 10, elected))
    return broken("__meta did not elect within 30 s");
  const uint64_t since = said_.with("became leader for __meta", begin).front().at;
  const std::string line =
      fmt::format("Updated partition assignment: {}/0 leader is now node {}", kTopic, leader_);
  const auto updated = [&] { return !said_.with(line, begin).empty(); };
  if (!cluster_.run_while(kRightWithin, kMillisecond / 10, updated)) {
    return broken(
        fmt::format("the catalog did not name node {} within 100 ms after __meta elected", leader_));
  }
  const uint64_t took = said_.with(line, begin).front().at - since;
  uint64_t term = 0;
  if (!cluster_.run_until(since + kRightWithin)) return false;
  if (leader_everywhere(&term) != static_cast<int32_t>(leader_)) {
    return broken(fmt::format("not every node names node {} within 100 ms", leader_));
  }
  summary_ += fmt::format(" right_after_ms={:.1f} term={}", static_cast<double>(took) / 1e6, term);
  return true;
}

}  // namespace

RunReport run_meta_stalled(const RunOptions& options, const host::PluginSet& set) {
  return MetaStalled(options, set).run();
}

}  // namespace chronik::sim
