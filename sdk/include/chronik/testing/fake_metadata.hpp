// FakeMetadata: chronik.metadata/1 for unit tests of a plugin that reads and changes the catalog. Changes
// apply at once and complete in the next run() of the host; the test sets leaders, brokers and errors.
//
//     FakeHost host;
//     FakeMetadata metadata(&host);                       // now found by acquire(CHR_METADATA_ID)
//     metadata.add_topic("orders", 3);                    // led by this node, in term 1
//     metadata.set_leader("orders", 2, -1, 4);
//     metadata.answer_changes(CHR_E_UNAVAILABLE);         // what the next changes complete with
//
// It holds to the contract where callers may trip: images are immutable, texts of an image die with it (and
// open_images() shows a leaked one), watchers are level-triggered and told by a post.
#pragma once

#include <chronik/metadata.h>

#include <algorithm>
#include <chronik/plugin.hpp>
#include <chronik/testing/fake_host.hpp>
#include <optional>

namespace chronik::testing {

class FakeMetadata {
 public:
  using Nodes = std::vector<int32_t>;
  struct Move {  // of a partition, to other replicas
    Nodes target, others;
  };
  struct Topic {
    chr_uuid id{};
    std::string name;
    std::vector<Nodes> replicas;  // by partition
    std::map<int32_t, Move> moves;
    std::map<std::string, std::string> configs;
    uint32_t partitions() const { return static_cast<uint32_t>(replicas.size()); }
  };
  struct Broker {
    int32_t id;
    std::string host;
    uint16_t port;
    std::string rack;
    std::string raft{};
  };
  struct Announced {
    std::string host;
    uint16_t port;
  };

  // This node is the only broker, and leads __meta.
  explicit FakeMetadata(FakeHost* host) : host_(host->core()), controller_(host_.node().id) {
    host->provide(CHR_METADATA_ID, &table(), this);
    state_.cluster_id = "fake-cluster-id-22char";
    state_.brokers[host_.node().id] = {host_.node().id, "127.0.0.1", 9092, ""};
  }
  FakeMetadata(const FakeMetadata&) = delete;
  FakeMetadata& operator=(const FakeMetadata&) = delete;

  // ---- what the test says ----
  chr_uuid add_topic(const std::string& name, int32_t partitions = 1, int32_t factor = 1,
                     std::map<std::string, std::string> configs = {}) {
    return put(name, spread(partitions, factor), std::move(configs));
  }
  void remove_topic(const std::string& name);
  void set_leader(const std::string& topic, int32_t partition, int32_t leader, uint64_t term) {
    leaders_[key(state_.topics.at(topic)->id, partition)] = {leader, term};
    changed();
  }
  // Whether this node leads the partitions of new topics at once, in term 1; otherwise nobody does.
  void lead_new_topics(bool on) { lead_new_topics_ = on; }
  void set_broker(Broker broker) {
    state_.brokers[broker.id] = std::move(broker);
    changed();
  }
  void set_cluster_id(std::string id) {
    state_.cluster_id = std::move(id);
    changed();
  }
  void set_controller(int32_t id) {
    controller_ = id;
    changed();
  }
  // What changes complete with from now on; OK: they apply again.
  void answer_changes(chr_status status) { answer_ = status; }
  // What topics that are to be created come to from now on; OK: they are created again.
  void answer_items(chr_status status) { items_ = status; }
  // Changes wait (and do not apply) until released.
  void hold_changes(bool held) {
    held_ = held;
    if (held) return;
    for (const auto& change : std::exchange(waiting_, {})) change();
  }

  // ---- what happened ----
  bool has_topic(const std::string& name) const { return state_.topics.contains(name); }
  const Topic& topic(const std::string& name) const { return *state_.topics.at(name); }
  const std::optional<Announced>& announced() const { return announced_; }
  uint64_t open_images() const { return open_images_; }
  uint64_t images() const { return images_; }  // that were ever taken
  uint64_t partitions_read() const { return partitions_read_; }
  uint64_t changes() const { return changes_; }
  size_t watchers() const { return watchers_.size(); }

  // ---- chr_metadata_v1 ----
  chr_catalog* catalog() {
    if (!image_) image_ = std::make_shared<const State>(state_);
    ++open_images_;
    ++images_;
    return reinterpret_cast<chr_catalog*>(new Image{image_, ordered(*image_)});
  }
  void release(chr_catalog* catalog) {
    --open_images_;
    delete &of(catalog);
  }
  uint64_t version(chr_catalog* catalog) { return of(catalog).state->version; }
  chr_str cluster_id(chr_catalog* catalog) { return to_abi(of(catalog).state->cluster_id); }
  int32_t controller() { return controller_; }
  uint32_t n_topics(chr_catalog* catalog) { return static_cast<uint32_t>(of(catalog).topics.size()); }
  chr_status topic_at(chr_catalog* catalog, uint32_t i, chr_topic* out) {
    return i < n_topics(catalog) ? describe(catalog, i, out) : CHR_E_OUT_OF_RANGE;
  }
  chr_status topic_by_name(chr_catalog* catalog, chr_str name, chr_topic* out) {
    return find(catalog, [&](const Topic& topic) { return topic.name == from_abi(name); }, out);
  }
  chr_status topic_by_id(chr_catalog* catalog, const chr_uuid* id, chr_topic* out) {
    return find(catalog, [&](const Topic& topic) { return std::memcmp(topic.id.b, id->b, 16) == 0; }, out);
  }
  chr_status partition(chr_catalog* catalog, uint32_t handle, int32_t partition, chr_partition* out) {
    const Image& image = of(catalog);
    ++partitions_read_;
    if (handle >= image.topics.size()) return CHR_E_NOT_FOUND;
    const Topic& topic = *image.topics[handle];
    if (partition < 0 || static_cast<uint32_t>(partition) >= topic.partitions()) return CHR_E_NOT_FOUND;
    const auto found = leaders_.find(key(topic.id, partition));
    out->leader = found == leaders_.end() ? -1 : found->second.first;
    out->term = found == leaders_.end() ? 0 : found->second.second;
    const auto give = [](const Nodes& nodes, const int32_t** to, uint32_t* n) {
      *to = nodes.data();
      *n = static_cast<uint32_t>(nodes.size());
    };
    const auto move = topic.moves.find(partition);
    static const Move kNone;
    const Move& moving = move == topic.moves.end() ? kNone : move->second;
    give(topic.replicas[static_cast<size_t>(partition)], &out->replicas, &out->n_replicas);
    give(moving.target, &out->target, &out->n_target);
    give(moving.others, &out->others, &out->n_others);
    return CHR_OK;
  }
  chr_status config_at(chr_catalog* catalog, uint32_t handle, uint32_t i, chr_config_entry* out) {
    const auto& configs = of(catalog).topics.at(handle)->configs;
    if (i >= configs.size()) return CHR_E_OUT_OF_RANGE;
    const auto& [name, value] = *std::next(configs.begin(), i);
    *out = {to_abi(name), to_abi(value)};
    return CHR_OK;
  }
  uint32_t n_brokers(chr_catalog* catalog) {
    return static_cast<uint32_t>(of(catalog).state->brokers.size());
  }
  chr_status broker_at(chr_catalog* catalog, uint32_t i, chr_broker* out) {
    if (i >= n_brokers(catalog)) return CHR_E_OUT_OF_RANGE;
    const Broker& broker = std::next(of(catalog).state->brokers.begin(), i)->second;
    out->id = broker.id;
    out->host = to_abi(broker.host);
    out->port = broker.port;
    out->rack = to_abi(broker.rack);
    out->raft = to_abi(broker.raft);
    out->leaving = 0;
    return CHR_OK;
  }
  void watch(chr_catalog_fn fn, void* context) {
    auto watcher = std::make_shared<Watcher>(
        Watcher{fn, context, static_cast<uint32_t>(std::max(0, host_.current_shard())), true, false});
    watchers_.push_back(watcher);
    tell(watcher);
  }
  void unwatch(chr_catalog_fn fn, void* context) {
    std::erase_if(watchers_, [&](const auto& watcher) {
      if (watcher->fn != fn || watcher->context != context) return false;
      watcher->active = false;
      return true;
    });
  }
  chr_status create_topics(const chr_new_topic* topics, uint32_t n, uint32_t validate_only, uint64_t,
                           chr_change_result* results, uint64_t token, chr_error*) {
    std::vector<New> items;
    for (uint32_t i = 0; i < n; ++i) items.push_back(copy(topics[i]));
    return change(token, [this, items, validate_only, results](chr_done*) {
      for (size_t i = 0; i < items.size(); ++i) results[i] = create(items[i], validate_only != 0);
    });
  }
  chr_status delete_topics(const chr_uuid* topics, uint32_t n, uint64_t, chr_change_result* results,
                           uint64_t token, chr_error*) {
    return change(token, [this, ids = std::vector<chr_uuid>(topics, topics + n), results](chr_done*) {
      for (size_t i = 0; i < ids.size(); ++i) results[i] = erase(ids[i]);
    });
  }
  chr_status create_partitions(const chr_more_partitions* items, uint32_t n, uint32_t validate_only, uint64_t,
                               chr_change_result* results, uint64_t token, chr_error*) {
    std::vector<std::pair<std::string, int32_t>> wanted;
    for (uint32_t i = 0; i < n; ++i) wanted.emplace_back(from_abi(items[i].topic), items[i].total);
    return change(token, [this, wanted, validate_only, results](chr_done*) {
      for (size_t i = 0; i < wanted.size(); ++i)
        results[i] = extend(wanted[i].first, wanted[i].second, validate_only != 0);
    });
  }
  chr_status allocate_producer_ids(uint64_t, uint64_t token, chr_error*) {
    return change(token, [this](chr_done* done) {
      done->u[0] = std::exchange(next_producer_id_, next_producer_id_ + 1'000);
      done->u[1] = 1'000;
    });
  }
  chr_status alter_reassignments(const chr_reassignment* items, uint32_t n, uint64_t,
                                 chr_change_result* results, uint64_t token, chr_error*) {
    return change(token, [this, wanted = copy(items, n), results](chr_done*) {
      for (size_t i = 0; i < wanted.size(); ++i) results[i] = reassign(wanted[i]);
    });
  }
  chr_status finish_reassignments(const chr_reassignment* items, uint32_t n, uint64_t,
                                  chr_change_result* results, uint64_t token, chr_error*) {
    return change(token, [this, done = copy(items, n), results](chr_done*) {
      for (size_t i = 0; i < done.size(); ++i) results[i] = finish(done[i]);
    });
  }
  chr_status describe_quorum(uint64_t, chr_quorum* out, uint64_t token, chr_error*);
  chr_status alter_configs(const chr_topic_configs* items, uint32_t n, uint32_t validate_only, uint64_t,
                           chr_change_result* results, uint64_t token, chr_error*);
  // Called once, right after the next watcher was told of a change.
  std::function<void()> on_told;
  // What describe_quorum() says, beside the controller.
  std::vector<chr_quorum_member> quorum;
  uint64_t quorum_term = 1, quorum_commit = 0;
  void announce(chr_str host, uint16_t port) {
    announced_ = Announced{std::string(from_abi(host)), port};
    set_broker({host_.node().id, announced_->host, port, ""});
  }

 private:
  friend class FakeFeatures;
  friend class FakeLiveness;
  friend class FakeRecords;
  friend class FakeTopicChanges;
  friend class FakeNodes;
  using Key = std::pair<std::array<uint8_t, 16>, int32_t>;
  struct State {
    uint64_t version = 1;
    std::string cluster_id;
    std::map<std::string, std::shared_ptr<const Topic>> topics;
    std::map<int32_t, Broker> brokers;
    std::map<std::string, std::map<std::string, std::pair<std::string, uint64_t>>> records;  // with versions
  };
  struct Image {
    std::shared_ptr<const State> state;
    std::vector<const Topic*> topics;  // by name
  };
  struct Watcher {
    chr_catalog_fn fn;
    void* context;
    uint32_t shard;
    bool active, told;
  };
  struct New {
    std::string name;
    int32_t partitions, factor;
    std::vector<Nodes> replicas;
    std::map<std::string, std::string> configs;
  };

  static const chr_metadata_v1& table();
  static const Image& of(chr_catalog* catalog) { return *reinterpret_cast<const Image*>(catalog); }
  static Key key(const chr_uuid& id, int32_t partition) {
    Key out{{}, partition};
    std::memcpy(out.first.data(), id.b, 16);
    return out;
  }
  static std::vector<const Topic*> ordered(const State& state) {
    std::vector<const Topic*> out;
    for (const auto& [name, topic] : state.topics) out.push_back(topic.get());
    return out;
  }
  static chr_status describe(chr_catalog* catalog, size_t at, chr_topic* out);
  template <class F>
  static chr_status find(chr_catalog* catalog, F&& matches, chr_topic* out) {
    const auto& topics = of(catalog).topics;
    const auto found =
        std::find_if(topics.begin(), topics.end(), [&](const Topic* topic) { return matches(*topic); });
    if (found == topics.end()) return CHR_E_NOT_FOUND;
    return describe(catalog, static_cast<size_t>(found - topics.begin()), out);
  }

  void changed() {
    ++state_.version;
    image_.reset();
    for (const auto& watcher : watchers_) tell(watcher);
  }
  void tell(const std::shared_ptr<Watcher>& watcher) {
    if (std::exchange(watcher->told, true)) return;
    host_.post(watcher->shard, [this, watcher] {
      watcher->told = false;
      if (watcher->active) watcher->fn(watcher->context);
      if (on_told) std::exchange(on_told, nullptr)();
    });
  }
  template <class F>
  chr_status change(uint64_t token, F&& apply) {
    ++changes_;
    auto run = [this, token, status = answer_, apply = std::forward<F>(apply)] {
      chr_done done{};
      done.token = token;
      done.code = status;
      if (status == CHR_OK) apply(&done);
      host_.complete(&done, 1);
    };
    held_ ? waiting_.push_back(std::move(run)) : run();
    return CHR_PENDING;
  }
  std::vector<Nodes> spread(int32_t partitions, int32_t factor) const {
    std::vector<Nodes> out(static_cast<size_t>(partitions));
    for (int32_t p = 0; p < partitions; ++p) {
      for (int32_t k = 0; k < factor; ++k)
        out[static_cast<size_t>(p)].push_back(
            std::next(state_.brokers.begin(), (p + k) % static_cast<int32_t>(state_.brokers.size()))->first);
    }
    return out;
  }
  chr_uuid put(const std::string& name, std::vector<Nodes> replicas,
               std::map<std::string, std::string> configs) {
    auto topic = std::make_shared<Topic>();
    topic->id.b[15] = ++last_id_;
    topic->id.b[0] = 0xFA;
    topic->name = name;
    topic->replicas = std::move(replicas);
    topic->configs = std::move(configs);
    lead(*topic, 0);
    state_.topics[name] = topic;
    changed();
    return topic->id;
  }
  void lead(const Topic& topic, uint32_t from) {
    for (uint32_t p = from; lead_new_topics_ && p < topic.partitions(); ++p)
      leaders_[key(topic.id, static_cast<int32_t>(p))] = {host_.node().id, 1};
  }
  static chr_change_result result(chr_status code, std::string_view message = {}) {
    chr_change_result out{};
    out.code = code;
    std::memcpy(out.message, message.data(), std::min(message.size(), sizeof out.message - 1));
    return out;
  }
  static chr_change_result result(const Topic& topic) {
    chr_change_result out{};
    out.n_partitions = topic.partitions();
    out.topic = topic.id;
    return out;
  }
  static New copy(const chr_new_topic& from);
  chr_change_result create(const New& item, bool validate_only);
  chr_change_result erase(const chr_uuid& id);
  struct Reassigned {
    chr_uuid topic;
    int32_t partition;
    uint32_t flags;
    Nodes replicas;
  };
  static std::vector<Reassigned> copy(const chr_reassignment* items, uint32_t n);
  chr_change_result reassign(const Reassigned& item);
  chr_change_result finish(const Reassigned& item);
  struct Altered {
    chr_uuid topic;
    std::vector<std::pair<std::string, std::optional<std::string>>> changes;
  };
  chr_change_result alter(const Altered& item, bool validate_only);
  std::optional<Topic> partition_of(const Reassigned& item) const;
  chr_change_result extend(const std::string& name, int32_t total, bool validate_only);

  const Host host_;
  int32_t controller_;
  State state_;
  std::shared_ptr<const State> image_;
  std::map<Key, std::pair<int32_t, uint64_t>> leaders_;  // (leader, term), as of now for every image
  std::vector<std::shared_ptr<Watcher>> watchers_;
  std::vector<std::function<void()>> waiting_;
  std::optional<Announced> announced_;
  chr_status answer_ = CHR_OK, items_ = CHR_OK;
  bool held_ = false, lead_new_topics_ = true;
  uint8_t last_id_ = 0;
  uint64_t next_producer_id_ = 0, open_images_ = 0, images_ = 0, changes_ = 0, partitions_read_ = 0;
};

}  // namespace chronik::testing

#include <chronik/testing/fake_metadata_changes.hpp>
