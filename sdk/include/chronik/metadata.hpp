// chronik.metadata/1 with callbacks instead of tokens, and images that release themselves; metadata.h has the
// promises.
//
//     CHRONIK_TRY(metadata_, Metadata::acquire(host));                    // in start()
//     const CatalogImage image = metadata_.catalog();
//     if (const Result<chr_topic> topic = image.find("orders")) ...
//     metadata_.delete_topics({&topic->id, 1}, timeout_ns, [](Result<ChangeResults> results) { ... });
#pragma once

#include <chronik/metadata.h>
#include <chronik/call.hpp>

#include <span>
#include <vector>

namespace chronik {

// How each item of a change ended, in the order of the items.
using ChangeResults = std::vector<chr_change_result>;

struct ProducerIds {
  int64_t first = 0;
  int64_t n = 0;
};

struct Quorum {
  int32_t leader = -1;
  uint64_t term = 0;
  uint64_t commit_index = 0;
  std::vector<chr_quorum_member> members;
};

// One image of the catalog. Any thread. Texts and arrays that its functions return live as long as it.
class CatalogImage {
 public:
  CatalogImage() = default;
  // Takes over a reference.
  CatalogImage(const chr_metadata_v1* table, void* self, chr_catalog* image)
      : table_(table), self_(self), image_(image) {}
  CatalogImage(CatalogImage&& other) noexcept
      : table_(other.table_), self_(other.self_), image_(std::exchange(other.image_, nullptr)) {}
  CatalogImage& operator=(CatalogImage other) noexcept {
    std::swap(table_, other.table_);
    std::swap(self_, other.self_);
    std::swap(image_, other.image_);
    return *this;
  }
  ~CatalogImage() {
    if (image_ != nullptr) table_->release(self_, image_);
  }
  explicit operator bool() const { return image_ != nullptr; }
  chr_catalog* handle() const { return image_; }

  uint64_t version() const { return table_->version(self_, image_); }
  std::string_view cluster_id() const { return from_abi(table_->cluster_id(self_, image_)); }

  uint32_t topics() const { return table_->n_topics(self_, image_); }
  Result<chr_topic> topic(uint32_t i) const {
    return get<chr_topic>([&](chr_topic* out) { return table_->topic_at(self_, image_, i, out); });
  }
  Result<chr_topic> find(std::string_view name) const {
    return get<chr_topic>(
        [&](chr_topic* out) { return table_->topic_by_name(self_, image_, to_abi(name), out); });
  }
  Result<chr_topic> find(const chr_uuid& id) const {
    return get<chr_topic>([&](chr_topic* out) { return table_->topic_by_id(self_, image_, &id, out); });
  }
  // Leader and term are those of now.
  Result<chr_partition> partition(const chr_topic& topic, int32_t partition) const {
    return get<chr_partition>(
        [&](chr_partition* out) { return table_->partition(self_, image_, topic.handle, partition, out); });
  }
  // OUT_OF_RANGE past the end.
  Result<chr_config_entry> config(const chr_topic& topic, uint32_t i) const {
    chr_config_entry out{};
    const chr_status status = table_->config_at(self_, image_, topic.handle, i, &out);
    if (status != CHR_OK) return fail(static_cast<Code>(status), "the topic has no more configs");
    return out;
  }
  uint32_t brokers() const { return table_->n_brokers(self_, image_); }
  Result<chr_broker> broker(uint32_t i) const {
    return get<chr_broker>([&](chr_broker* out) { return table_->broker_at(self_, image_, i, out); });
  }

 private:
  template <class T, class Get>
  Result<T> get(Get&& fill) const {
    T out{};
    out.struct_size = sizeof out;
    const chr_status status = fill(&out);
    if (status != CHR_OK) return fail(static_cast<Code>(status), "the catalog has no such thing");
    return out;
  }

  const chr_metadata_v1* table_ = nullptr;
  void* self_ = nullptr;
  chr_catalog* image_ = nullptr;
};

// Cheap to copy. Changes are [shard]; every callback runs exactly once, on the calling shard. An error of the
// whole (UNAVAILABLE, TIMEOUT) says that nothing is known of any item.
class Metadata {
 public:
  Metadata() = default;
  Metadata(const Host& host, const chr_metadata_v1* table, void* self)
      : host_(host), table_(table), self_(self) {}
  // From start() on. NOT_FOUND: no plugin provides it, or the manifest does not name it.
  static Result<Metadata> acquire(const Host& host) {
    void* self = nullptr;
    const auto* const table = host.acquire<chr_metadata_v1>(CHR_METADATA_ID, &self);
    if (table == nullptr) return fail(Code::kNotFound, "no plugin provides " CHR_METADATA_ID);
    return Metadata(host, table, self);
  }
  explicit operator bool() const { return table_ != nullptr; }

  // ---- any thread ----
  CatalogImage catalog() const { return {table_, self_, table_->catalog(self_)}; }
  int32_t controller() const { return table_->controller(self_); }
  void announce(std::string_view name, uint16_t port) const { table_->announce(self_, to_abi(name), port); }

  // ---- on a shard ----
  void watch(chr_catalog_fn fn, void* context) const { table_->watch(self_, fn, context); }
  void unwatch(chr_catalog_fn fn, void* context) const { table_->unwatch(self_, fn, context); }

  // done(Result<ChangeResults>), here and below.
  template <class F>
  void create_topics(std::span<const chr_new_topic> topics, bool validate_only, uint64_t timeout_ns,
                     F done) const {
    change(topics, std::move(done), [&](chr_change_result* results, uint64_t token, chr_error* error) {
      return table_->create_topics(self_, topics.data(), size_of(topics), validate_only ? 1 : 0, timeout_ns,
                                   results, token, error);
    });
  }
  template <class F>
  void delete_topics(std::span<const chr_uuid> topics, uint64_t timeout_ns, F done) const {
    change(topics, std::move(done), [&](chr_change_result* results, uint64_t token, chr_error* error) {
      return table_->delete_topics(self_, topics.data(), size_of(topics), timeout_ns, results, token, error);
    });
  }
  template <class F>
  void create_partitions(std::span<const chr_more_partitions> items, bool validate_only, uint64_t timeout_ns,
                         F done) const {
    change(items, std::move(done), [&](chr_change_result* results, uint64_t token, chr_error* error) {
      return table_->create_partitions(self_, items.data(), size_of(items), validate_only ? 1 : 0, timeout_ns,
                                       results, token, error);
    });
  }
  template <class F>
  void alter_configs(std::span<const chr_topic_configs> items, bool validate_only, uint64_t timeout_ns,
                     F done) const {
    change(items, std::move(done), [&](chr_change_result* results, uint64_t token, chr_error* error) {
      return table_->alter_configs(self_, items.data(), size_of(items), validate_only ? 1 : 0, timeout_ns,
                                   results, token, error);
    });
  }
  template <class F>
  void alter_reassignments(std::span<const chr_reassignment> items, uint64_t timeout_ns, F done) const {
    change(items, std::move(done), [&](chr_change_result* results, uint64_t token, chr_error* error) {
      return table_->alter_reassignments(self_, items.data(), size_of(items), timeout_ns, results, token,
                                         error);
    });
  }
  template <class F>
  void finish_reassignments(std::span<const chr_reassignment> items, uint64_t timeout_ns, F done) const {
    change(items, std::move(done), [&](chr_change_result* results, uint64_t token, chr_error* error) {
      return table_->finish_reassignments(self_, items.data(), size_of(items), timeout_ns, results, token,
                                          error);
    });
  }
  // done(Result<ProducerIds>): a block that no other call of any node ever gets.
  template <class F>
  void allocate_producer_ids(uint64_t timeout_ns, F done) const {
    struct Nothing {};
    call<ProducerIds>(
        host_, Nothing{}, std::move(done),
        [&](Nothing*, uint64_t token, chr_error* error) {
          return table_->allocate_producer_ids(self_, timeout_ns, token, error);
        },
        [](Nothing&, const chr_done& answer) {
          return ProducerIds{static_cast<int64_t>(answer.u[0]), static_cast<int64_t>(answer.u[1])};
        });
  }
  // done(Result<Quorum>), with at most max_members of them.
  template <class F>
  void describe_quorum(uint32_t max_members, uint64_t timeout_ns, F done) const {
    struct Filled {
      chr_quorum quorum{};
      std::vector<chr_quorum_member> members;
    };
    Filled out;
    out.members.resize(max_members);
    call<Quorum>(
        host_, std::move(out), std::move(done),
        [&](Filled* to, uint64_t token, chr_error* error) {
          to->quorum.struct_size = sizeof to->quorum;
          to->quorum.members = to->members.data();
          to->quorum.n_members = max_members;
          return table_->describe_quorum(self_, timeout_ns, &to->quorum, token, error);
        },
        [max_members](Filled& from, const chr_done&) {
          from.members.resize(from.quorum.n_members < max_members ? from.quorum.n_members : max_members);
          return Quorum{from.quorum.leader, from.quorum.term, from.quorum.commit_index,
                        std::move(from.members)};
        });
  }

  const chr_metadata_v1* table() const { return table_; }
  void* self() const { return self_; }

 private:
  template <class T>
  static uint32_t size_of(std::span<const T> items) {
    return static_cast<uint32_t>(items.size());
  }
  template <class T, class F, class Invoke>
  void change(std::span<const T> items, F done, Invoke&& invoke) const {
    call<ChangeResults>(
        host_, ChangeResults(items.size()), std::move(done),
        [&](ChangeResults* results, uint64_t token, chr_error* error) {
          return invoke(results->data(), token, error);
        },
        [](ChangeResults& results, const chr_done&) { return std::move(results); });
  }

  Host host_;
  const chr_metadata_v1* table_ = nullptr;
  void* self_ = nullptr;
};

}  // namespace chronik
