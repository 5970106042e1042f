// One node in virtual time: the metadata plugin behind its ABI, on fakes of everything below it. Several of
// them make a cluster, whose frames and committed entries the test carries.
#pragma once

#include <chronik/metadata.h>

#include <chronik/plugin.hpp>
#include <chronik/testing/fake_consensus.hpp>
#include <chronik/testing/fake_retry_policy.hpp>

namespace chronik::metadata::test {

using namespace std::chrono_literals;
using chronik::testing::FakeConsensus;
using chronik::testing::FakeHost;
using chronik::testing::FakeRetryPolicy;

constexpr uint64_t kSecond = 1'000'000'000;

struct Changed {
  bool done = false;
  chr_done completion{};
  std::vector<chr_change_result> results;
  std::function<void()> when_done;
  chr_status code(size_t i = 0) const { return results.at(i).code; }
  std::string message(size_t i = 0) const { return results.at(i).message; }
};

class TestNode {
 public:
  explicit TestNode(int32_t id = 1, std::vector<int32_t> peers = {1},
                    std::vector<std::chrono::milliseconds> delays = FakeRetryPolicy::defaults())
      : host(id, 1, static_cast<uint64_t>(id),
             peers.size() > 1 ? FakeHost::Link::kRecorded : FakeHost::Link::kNone),
        consensus(&host),
        retry(&host, std::move(delays)),
        peers_(std::move(peers)) {
    host.peers(peers_);
    consensus.auto_elect(false);
    chr_offer offer{};
    offer.struct_size = sizeof offer;
    offer.abi_major = CHR_ABI_MAJOR;
    offer.abi_minor = CHR_ABI_MINOR;
    plugin_ = chronik_plugin_v1(&offer, nullptr);
  }
  TestNode(const TestNode&) = delete;
  TestNode& operator=(const TestNode&) = delete;
  // Stops the node, so that nothing that was under way leaks.
  ~TestNode() {
    consensus.on_commit = nullptr;
    if (instance_ == nullptr) return;
    chr_done done{};
    plugin_->stop(instance_, host.begin(&done), nullptr);
    host.run();
    plugin_->destroy(instance_);
  }

  // Starts metadata; __meta is open, and nobody leads it.
  void start() {
    chr_error error = make_abi_error();
    if (plugin_->create(host.core(), {}, &instance_, &error) != CHR_OK)
      throw std::runtime_error(error.message);
    table = static_cast<const chr_metadata_v1*>(plugin_->service(instance_, CHR_METADATA_ID, &self));
    chr_done done{};
    done.code = CHR_E_FAILED;
    if (plugin_->start(instance_, host.begin(&done), &error) != CHR_PENDING)
      throw std::runtime_error(error.message);
    host.run();
    if (done.code != CHR_OK) throw std::runtime_error("start did not complete");
  }
  // Stops it before the start has ended. What ended, in that order.
  std::string start_and_stop() {
    if (plugin_->create(host.core(), {}, &instance_, nullptr) != CHR_OK) return "not created";
    std::string ended;
    const auto begin = [&](const char* what, auto call) {
      (void)Host(host.core())
          .async([&](uint64_t token) { return call(instance_, token, nullptr); },
                 [&ended, what](const chr_done& done) {
                   ended += (ended.empty() ? "" : ", ") + std::string(what) + " " + std::to_string(done.code);
                 });
    };
    host.on_shard(0, [&] {
      begin("start", plugin_->start);
      begin("stop", plugin_->stop);
    });
    host.run();
    plugin_->destroy(std::exchange(instance_, nullptr));
    return ended;
  }
  void start_as_leader() {
    start();
    elect();
  }
  void elect() {
    consensus.elect("__meta");
    host.run();
  }
  void stop() {
    chr_error error = make_abi_error();
    chr_done done{};
    done.code = CHR_E_FAILED;
    plugin_->stop(instance_, host.begin(&done), &error);
    host.run();
    if (done.code != CHR_OK) throw std::runtime_error("stop did not complete");
    plugin_->destroy(std::exchange(instance_, nullptr));
  }

  // ---- changes: begin, and see after run() ----
  std::shared_ptr<Changed> create(const std::vector<chr_new_topic>& topics, bool validate_only = false,
                                  uint64_t timeout_ns = 5 * kSecond) {
    auto changed = expect(topics.size());
    host.on_shard(0, [&] {
      table->create_topics(self, topics.data(), static_cast<uint32_t>(topics.size()), validate_only ? 1 : 0,
                           timeout_ns, changed->results.data(), token(changed), nullptr);
    });
    return changed;
  }
  std::shared_ptr<Changed> create(std::string_view name, int32_t partitions = 1, int32_t factor = 1) {
    return create({new_topic(name, partitions, factor)});
  }
  std::shared_ptr<Changed> remove(const std::vector<chr_uuid>& topics) {
    auto changed = expect(topics.size());
    host.on_shard(0, [&] {
      table->delete_topics(self, topics.data(), static_cast<uint32_t>(topics.size()), 5 * kSecond,
                           changed->results.data(), token(changed), nullptr);
    });
    return changed;
  }
  std::shared_ptr<Changed> extend(std::string_view topic, int32_t total,
                                  const std::vector<int32_t>& assignment = {}) {
    auto changed = expect(1);
    const chr_more_partitions item{to_abi(topic), total, static_cast<uint32_t>(assignment.size()),
                                   assignment.data()};
    host.on_shard(0, [&] {
      table->create_partitions(self, &item, 1, 0, 5 * kSecond, changed->results.data(), token(changed),
                               nullptr);
    });
    return changed;
  }
  std::shared_ptr<Changed> allocate() {
    auto changed = expect(0);
    host.on_shard(0, [&] { table->allocate_producer_ids(self, 5 * kSecond, token(changed), nullptr); });
    return changed;
  }
  // Any other change of `n` items: call(results, token).
  template <class F>
  std::shared_ptr<Changed> begin(size_t n, F&& call) {
    auto changed = expect(n);
    host.on_shard(0, [&] {
      if (call(changed->results.data(), token(changed)) != CHR_PENDING)
        throw std::runtime_error("the change was refused at once");
    });
    return changed;
  }
  const void* service(const char* id, void** self_out) { return plugin_->service(instance_, id, self_out); }
  static chr_new_topic new_topic(std::string_view name, int32_t partitions = 1, int32_t factor = 1) {
    return {to_abi(name), partitions, factor, nullptr, nullptr, 0, 0};
  }

  // ---- reading ----
  std::string cluster_id() {
    const Image image(this);
    return std::string(from_abi(table->cluster_id(self, image.get())));
  }
  std::optional<chr_topic> topic(std::string_view name) {
    const Image image(this);
    chr_topic out{};
    out.struct_size = sizeof out;
    if (table->topic_by_name(self, image.get(), to_abi(name), &out) != CHR_OK) return std::nullopt;
    return out;
  }
  // (leader, term)
  std::pair<int32_t, uint64_t> leader(std::string_view name, int32_t partition = 0) {
    const chr_partition found = describe(name, partition);
    return {found.leader, found.term};
  }
  std::vector<int32_t> replicas(std::string_view name, int32_t partition) {
    const Image image(this);
    const chr_partition found = describe(name, partition);
    return {found.replicas, found.replicas + found.n_replicas};
  }

  std::vector<int32_t> target(std::string_view name, int32_t partition) {
    const Image image(this);
    const chr_partition found = describe(name, partition);
    return {found.target, found.target + found.n_target};
  }
  // The leader of a partition says that these are its members now.
  void finish(std::string_view name, int32_t partition, const std::vector<int32_t>& replicas) {
    const chr_reassignment item{
        topic(name)->id, partition, 0, replicas.data(), static_cast<uint32_t>(replicas.size()), 0};
    auto changed = expect(1);
    host.on_shard(0, [&] {
      table->finish_reassignments(self, &item, 1, 5 * kSecond, changed->results.data(), token(changed),
                                  nullptr);
    });
    host.run();
    if (changed->code() != CHR_OK) throw std::runtime_error(changed->message());
  }

  // A partition's Raft group on this node says who leads.
  void role(std::string_view name, int32_t partition, uint64_t term, int32_t leader, bool usable = true) {
    role(topic(name)->id, fmt_label(name, partition), partition, term, leader, usable);
  }
  void role(const chr_uuid& topic, const std::string& label, int32_t partition, uint64_t term, int32_t leader,
            bool usable = true) {
    chr_group_id id{};
    id.topic = topic;
    id.partition = partition;
    id.name = id.label = to_abi(label);
    chr_role role{};
    role.struct_size = sizeof role;
    role.role = leader == Host(host.core()).node().id ? CHR_ROLE_LEADER : CHR_ROLE_FOLLOWER;
    role.term = term;
    role.leader = leader;
    consensus.tell(id, role, usable && role.role == CHR_ROLE_LEADER);
  }
  static std::string fmt_label(std::string_view name, int32_t partition) {
    return std::string(name) + "/" + std::to_string(partition);
  }

  // The messages of this level or a graver one that hold `part`, with their times relative to `since`.
  std::vector<std::pair<uint64_t, std::string>> lines(std::string_view part, uint64_t since) {
    std::vector<std::pair<uint64_t, std::string>> out;
    for (const FakeHost::LogLine& line : host.logs()) {
      if (line.message.find(part) != std::string::npos)
        out.emplace_back((line.at_ns - since) / 1'000'000, line.message);
    }
    return out;
  }

  FakeHost host;
  FakeConsensus consensus;
  FakeRetryPolicy retry;
  const chr_metadata_v1* table = nullptr;
  void* self = nullptr;

 private:
  class Image {
   public:
    explicit Image(TestNode* node) : node_(node), image_(node->table->catalog(node->self)) {}
    ~Image() { node_->table->release(node_->self, image_); }
    chr_catalog* get() const { return image_; }

   private:
    TestNode* node_;
    chr_catalog* image_;
  };
  chr_partition describe(std::string_view name, int32_t partition) {
    const Image image(this);
    chr_partition out{};
    out.struct_size = sizeof out;
    if (table->partition(self, image.get(), topic(name)->handle, partition, &out) != CHR_OK)
      throw std::runtime_error("no such partition");
    return out;
  }
  static std::shared_ptr<Changed> expect(size_t n) {
    auto changed = std::make_shared<Changed>();
    changed->results.resize(n);
    return changed;
  }
  uint64_t token(const std::shared_ptr<Changed>& changed) {
    uint64_t out = 0;
    Host(host.core())
        .async(
            [&](uint64_t token) {
              out = token;
              return CHR_PENDING;
            },
            [changed](const chr_done& done) {
              changed->done = true;
              changed->completion = done;
              if (changed->when_done) changed->when_done();
            });
    return out;
  }

  const std::vector<int32_t> peers_;
  const chr_plugin_v1* plugin_ = nullptr;
  chr_plugin* instance_ = nullptr;
};

}  // namespace chronik::metadata::test
