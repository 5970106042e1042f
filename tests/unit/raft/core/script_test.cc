// Runs the scenario scripts of tests/golden/raft.
#include "unit/golden_scripts.h"
#include "unit/raft/core/harness.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <sstream>

namespace chronik::raft::test {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

// The value of key=value among the words, or the default.
std::string option(const Words& words, const std::string& key, const std::string& otherwise) {
  for (const std::string& word : words)
    if (word.starts_with(key + "=")) return word.substr(key.size() + 1);
  return otherwise;
}

bool flag(const Words& words, const std::string& name) {
  return std::find(words.begin(), words.end(), name) != words.end();
}

class Script {
 public:
  std::string run(const std::string& line);

 private:
  NodeId id(const std::string& word) const { return static_cast<NodeId>(std::stoul(word)); }
  std::vector<NodeId> ids(const Words& words) const;
  void start(const Words& words);
  void node_command(const Words& words);
  void propose(const Words& words);
  void change(const Words& words);
  void learners(const Words& words);
  void show_ready(NodeId node);
  void write(NodeId node, uint64_t n);
  void serve(NodeId node);
  void damage(const Words& words);
  void show_applied(NodeId node);
  void deliver(const Words& words);
  void settle(const std::vector<NodeId>& nodes);
  bool settle_once(const std::vector<NodeId>& nodes);
  void status();
  void show_log(NodeId node);
  void reorder(NodeId to);
  template <class... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  std::unique_ptr<Harness> cluster_;
  std::string out_;
};

std::vector<NodeId> Script::ids(const Words& words) const {
  std::vector<NodeId> nodes;
  for (size_t i = 1; i < words.size(); ++i)
    if (std::isdigit(static_cast<unsigned char>(words[i][0]))) nodes.push_back(id(words[i]));
  if (nodes.empty())
    for (NodeId node = 1; node <= cluster_->size(); ++node) nodes.push_back(node);
  return nodes;
}

std::string Script::run(const std::string& line) {
  out_.clear();
  const Words words = split(line);
  const std::string& command = words[0];
  if (command == "nodes") {
    start(words);
  } else if (command == "settle" || command == "stabilize") {
    settle(ids(words));
    if (command == "settle") out_.clear();
  } else if (command == "status") {
    status();
  } else if (command == "tick") {
    const Nanos ms = std::stoull(option(words, "ms", "0"));
    for (NodeId node : ids(words)) cluster_->tick(node, ms * kMillisecond);
  } else {
    node_command(words);
  }
  if (out_.empty()) out_ = "ok\n";
  return out_;
}

void Script::start(const Words& words) {
  Config config = usual_config();
  config.seed = std::stoull(option(words, "seed", "1"));
  config.max_inflight_messages = static_cast<uint32_t>(std::stoul(option(words, "inflight", "256")));
  config.max_inflight_bytes = std::stoull(option(words, "inflight-bytes", "1000000"));
  config.max_append_bytes = std::stoull(option(words, "append-bytes", "1000"));
  config.max_uncommitted_bytes = std::stoull(option(words, "uncommitted-bytes", "1000000"));
  config.trim_hold = std::stoull(option(words, "hold", "60000")) * kMillisecond;
  config.tail_entries = static_cast<uint32_t>(std::stoul(option(words, "tail", "1000")));
  config.leader_balance = std::stoull(option(words, "balance", "0")) * kMillisecond;
  config.commit_delay = std::stoull(option(words, "commit-delay", "0")) * kMillisecond;
  const auto voters = static_cast<uint32_t>(std::stoul(option(words, "voters", words[1])));
  cluster_ = std::make_unique<Harness>(static_cast<uint32_t>(std::stoul(words[1])), config, voters);
}

void Script::node_command(const Words& words) {
  const std::string& command = words[0];
  const NodeId on = id(words[1]);
  SimNode& n = cluster_->node(on);
  const NodeId other =
      words.size() > 2 && std::isdigit(static_cast<unsigned char>(words[2][0])) ? id(words[2]) : 0;
  if (command == "campaign") return n.raft->campaign(n.now);
  if (command == "propose") return propose(words);
  if (command == "ready") return show_ready(on);
  if (command == "disk") return write(on, other == 0 ? UINT64_MAX : other);
  if (command == "refuse") {  // and there is no room for records until `room`
    n.room = Room::kControl;
    cluster_->refuse(on);
    return show_ready(on);
  }
  if (command == "room") {
    n.room = Room::kAll;
    return show_ready(on);
  }
  if (command == "hang") return cluster_->hang(on, true);  // applies nothing until `apply`
  if (command == "apply") return cluster_->hang(on, false);
  if (command == "deliver" || command == "drop") return deliver(words);
  if (command == "reorder") return reorder(on);
  if (command == "link-lost") return n.raft->link_lost(n.now, other);
  if (command == "link-up") return n.raft->link_up(n.now, other);
  // As of so many milliseconds ago.
  const Nanos ago = std::stoull(option(words, "ms", "0")) * kMillisecond;
  if (command == "leader-heard") return n.raft->leader_heard(n.now - ago);
  if (command == "peer-heard") return n.raft->peer_heard(n.now, other, n.now - ago);
  if (command == "storage-alive") return n.raft->storage_alive(n.now - ago);
  if (command == "forget") return n.raft->forget_leader(n.now);
  if (command == "crash") return cluster_->crash(on, std::stoul(option(words, "keep", "0")));
  if (command == "leave") return cluster_->leave(on);
  if (command == "restart") return cluster_->boot(on);
  if (command == "log") return show_log(on);
  if (command == "change") return change(words);
  if (command == "learners") return learners(words);
  if (command == "members") return print("{}", describe(n.raft->membership()));
  if (command == "transfer") {
    if (auto begun = n.raft->transfer(n.now, other); !begun) print("refused: {}", begun.error().message);
    return;
  }
  if (command == "balance") return print("{}", n.raft->balance(n.now) ? "goes back" : "stays");
  if (command == "read-index") {
    if (auto read = n.raft->read_index(n.now); !read) print("refused: {}", read.error().message);
    return;
  }
  if (command == "trim") return cluster_->trim(on, other);
  if (command == "save") return cluster_->save(on);
  if (command == "serve") return serve(on);
  if (command == "damage") return damage(words);
  if (command == "trim-limit") return print("up to {}", n.raft->trim_limit(n.now));
  if (command == "applied") return show_applied(on);
  if (command == "epoch-end") {
    const TermEnd end = n.raft->log().term_end(other);
    return print("epoch {} ends at {}", end.term, end.end_offset);
  }
  if (command == "copies") return print("{} copies", n.raft->copies(other));
  FAIL() << "unknown command " << command;
}

void Script::propose(const Words& words) {
  std::vector<Proposal> items;
  for (size_t i = 2; i < words.size(); ++i) {
    if (words[i].find('=') != std::string::npos) continue;
    Proposal item;
    const size_t at = words[i].find('@');  // text@records
    item.records = at == std::string::npos ? 1 : static_cast<uint32_t>(std::stoul(words[i].substr(at + 1)));
    item.max_timestamp = std::stoll(option(words, "ts", "-1"));
    item.payload = cluster_->payload(words[i].substr(0, at));
    items.push_back(item);
  }
  const auto placed = cluster_->propose(id(words[1]), std::stoull(option(words, "term", "0")), items);
  if (!placed) return print("refused: {}", placed.error().message);
  print("placed at {}/{}, offset {}", placed->first_index, placed->term, placed->base_offset);
}

// change NODE VOTER...
void Script::change(const Words& words) {
  SimNode& n = cluster_->node(id(words[1]));
  std::vector<NodeId> target;
  for (size_t i = 2; i < words.size(); ++i) target.push_back(id(words[i]));
  const auto started = n.raft->change_members(n.now, std::move(target));
  if (!started) return print("refused: {}", started.error().message);
  print("{}", *started == Raft::ChangeStart::kBegun      ? "begun"
              : *started == Raft::ChangeStart::kUnderWay ? "under way"
                                                         : "there already");
}

void Script::learners(const Words& words) {
  SimNode& n = cluster_->node(id(words[1]));
  std::vector<NodeId> nodes;
  for (size_t i = 2; i < words.size(); ++i) nodes.push_back(id(words[i]));
  if (const Status set = n.raft->set_learners(n.now, std::move(nodes)); !set)
    print("refused: {}", set.error().message);
}

void Script::show_ready(NodeId node) {
  const Ready ready = cluster_->take(node);
  for (const Event& event : ready.events) print("{}: {}", node, describe(event));
  if (ready.storage.ticket != 0) print("{}: {}", node, describe(ready.storage));
  for (const Message& message : ready.messages) print("{}", describe(message));
  for (const ReadRequest& read : ready.reads)
    print("{}: read [{}, {}) for {}", node, read.from, read.to, read.peer);
  for (const SnapshotRequest& read : ready.snapshot_reads)
    print("{}: read {} for {}", node,
          read.info ? fmt::format("piece {} as of {}", read.piece, read.info->index) : "which snapshot",
          read.peer);
  if (ready.install) print("{}: install the state as of {}", node, ready.install->info->index);
  if (ready.apply_to != 0) print("{}: apply {}..{}", node, ready.apply_from, ready.apply_to);
}

void Script::write(NodeId node, uint64_t n) {
  SimNode& on = cluster_->node(node);
  for (uint64_t i = 0; i < n && (!on.writing.empty() || on.install); ++i) {
    if (!on.writing.empty()) {
      print("{}: done #{}", node, on.writing.front().ticket);
    } else {
      print("{}: installed the state as of {}", node, on.install->info->index);
    }
    cluster_->write_one(node);
  }
  show_ready(node);
}

// serve NODE: answers what a leader asked storage for.
void Script::serve(NodeId node) {
  SimNode& n = cluster_->node(node);
  while (!n.reads.empty()) cluster_->serve_read(node);
  while (!n.snapshot_reads.empty()) cluster_->serve_snapshot(node);
  show_ready(node);
}

// damage NODE [size=N]: the pieces on their way to it get other bytes, or so many of them.
void Script::damage(const Words& words) {
  for (Message& message : cluster_->network()) {
    if (message.to != id(words[1]) || message.piece.size() == 0) continue;
    message.piece = cluster_->payload(std::string(std::stoul(option(words, "size", "16")), '?'));
  }
}

void Script::show_applied(NodeId node) {
  for (const Applied& applied : cluster_->node(node).applied)
    if (!applied.text.empty())
      print("{}/{} @{} {}", applied.index, applied.term, applied.offset, applied.text);
}

// deliver TO [from=N] [n=N] [dup]; drop TO ...: hands messages over in the order in which they were sent.
void Script::deliver(const Words& words) {
  const NodeId to = id(words[1]);
  const NodeId from = id(option(words, "from", "0"));
  uint64_t n = std::stoull(option(words, "n", "1000000"));
  const size_t times = words[0] == "drop" ? 0 : flag(words, "dup") ? 2 : 1;
  std::deque<Message> kept;
  std::deque<Message> network = std::exchange(cluster_->network(), {});
  for (Message& message : network) {
    if (message.to != to || (from != 0 && message.from != from) || n == 0) {
      kept.push_back(std::move(message));
      continue;
    }
    --n;
    print("{}{}", times == 0 ? "lost " : "", describe(message));
    SimNode& target = cluster_->node(to);
    for (size_t i = 0; i < times && target.raft; ++i) target.raft->step(target.now, message);
  }
  cluster_->network() = std::move(kept);
  if (times > 0 && cluster_->node(to).raft) show_ready(to);
}

void Script::reorder(NodeId to) {
  std::deque<Message>& network = cluster_->network();
  const auto first = std::stable_partition(network.begin(), network.end(),
                                           [&](const Message& message) { return message.to != to; });
  std::reverse(first, network.end());
}

bool Script::settle_once(const std::vector<NodeId>& nodes) {
  bool busy = false;
  for (NodeId node : nodes) {
    SimNode& n = cluster_->node(node);
    if (!n.raft) continue;
    const size_t before = out_.size();
    while (!n.reads.empty()) cluster_->serve_read(node);
    while (!n.snapshot_reads.empty()) cluster_->serve_snapshot(node);
    write(node, UINT64_MAX);
    busy = busy || out_.size() != before || !n.reads.empty() || !n.snapshot_reads.empty();
  }
  for (NodeId node : nodes) {
    const auto waiting = std::count_if(cluster_->network().begin(), cluster_->network().end(),
                                       [&](const Message& m) { return m.to == node; });
    if (waiting > 0) {
      deliver({"deliver", std::to_string(node)});
      busy = true;
    }
  }
  return busy;
}

void Script::settle(const std::vector<NodeId>& nodes) {
  for (int i = 0; i < 200 && settle_once(nodes); ++i) {
  }
}

void Script::status() {
  for (NodeId node = 1; node <= cluster_->size(); ++node) {
    const SimNode& n = cluster_->node(node);
    if (!n.raft) {
      print("{}: down", node);
      continue;
    }
    const RaftLog& log = n.raft->log();
    print("{}: {} term={} vote={} leader={} last={} commit={} stable={} end={} hw={}", node,
          name_of(n.raft->role()), n.raft->term(), n.raft->vote(), n.raft->leader(), log.last_index(),
          log.committed(), log.stable(), log.end_offset(), log.committed_offset());
    for (const PeerProgress& p : n.raft->peers())
      print("   {}: {} match={} next={}{} inflight={}{}", p.id,
            p.state == ProgressState::kProbe       ? "probe"
            : p.state == ProgressState::kReplicate ? "replicate"
                                                   : "snapshot",
            p.match, p.next, p.waiting ? " waiting" : "", p.inflights.messages(),
            p.leaving   ? " leaving"
            : p.learner ? p.ready ? " ready" : " learner"
                        : "");
  }
}

void Script::show_log(NodeId node) {
  const RaftLog& log = cluster_->node(node).raft->log();
  print("from {} to {}, in memory from {}", log.first_index(), log.last_index(), log.window_start());
  for (const TermStart& start : log.terms())
    print("term {} from {} at offset {}", start.term, start.first_index, start.base_offset);
  for (const Entry& entry : log.tail()) print("{}", describe(entry));
}

class CoreScript : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(CoreScript, PrintsWhatIsExpected) { chronik::test::expect_script<Script>(GetParam()); }

std::vector<std::filesystem::path> scripts() { return chronik::test::scripts_in("raft"); }

INSTANTIATE_TEST_SUITE_P(Golden, CoreScript, testing::ValuesIn(scripts()), chronik::test::script_name);

TEST(CoreScripts, AreThere) { EXPECT_GE(scripts().size(), 30u); }

}  // namespace
}  // namespace chronik::raft::test
