// An immutable image of the catalog, read on any thread. Images share what did not change between them.
#pragma once

#include "metadata/model/command.h"
#include "metadata/model/records.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <string_view>

namespace chronik::metadata {

struct PartitionState {
  int32_t leader = -1;
  uint64_t term = 0;
  // Two nodes said that they lead in this term.
  bool is_disputed() const { return leader < 0 && term > 0; }
  bool operator==(const PartitionState&) const = default;
};

// A partition on its way to other replicas. The members of its group are among its replicas, the target and
// those that it is also removing.
struct OngoingReassignment {
  std::vector<int32_t> target;  // the preferred leader first; the replicas themselves where it was taken back
  std::vector<int32_t> also_removing;  // were added for an earlier target, and may have to be removed again
  bool operator==(const OngoingReassignment&) const = default;
};

struct Topic {
  Uuid id;
  std::string name;
  int32_t replication_factor = 0;
  std::vector<int32_t> replicas;  // partition by partition, the preferred leader first
  std::vector<uint32_t> ends;     // where each partition's replicas end; empty: each has replication_factor
  std::map<int32_t, OngoingReassignment> reassignments;  // by partition
  std::vector<PartitionState> partitions;
  Configs configs;          // what was set explicitly, by key
  uint64_t digest = 0;      // of all of the above
  uint64_t generation = 0;  // of the catalog that may still edit it in place

  std::span<const int32_t> replicas_of(size_t partition) const {
    const auto factor = static_cast<size_t>(replication_factor);
    if (ends.empty()) return {replicas.data() + partition * factor, factor};
    const size_t begin = partition == 0 ? 0 : ends[partition - 1];
    return {replicas.data() + begin, ends[partition] - begin};
  }
  // How many replicas a new partition gets.
  int32_t factor() const { return static_cast<int32_t>(replicas_of(0).size()); }
  void set_replicas(size_t partition, std::span<const int32_t> now);
  void append_replicas(std::span<const int32_t> more, size_t each);
  // The reassignment of a partition, or nullptr.
  const OngoingReassignment* reassignment_of(int32_t partition) const {
    const auto found = reassignments.find(partition);
    return found == reassignments.end() ? nullptr : &found->second;
  }
  // Whether a node holds, or may hold, a replica of this partition.
  bool may_be_on(int32_t partition, int32_t node) const;
  // fn(node) once for each of them.
  template <class F>
  void each_that_may_hold(size_t partition, F&& fn) const {
    const std::span<const int32_t> now = replicas_of(partition);
    for (const int32_t node : now) fn(node);
    const OngoingReassignment* ongoing = reassignment_of(static_cast<int32_t>(partition));
    if (ongoing == nullptr) return;
    const auto has = [](const auto& nodes, int32_t node) {
      return std::ranges::find(nodes, node) != nodes.end();
    };
    for (const int32_t node : ongoing->target)
      if (!has(now, node)) fn(node);
    for (const int32_t node : ongoing->also_removing)
      if (!has(now, node) && !has(ongoing->target, node)) fn(node);
  }
};

// Topics by name, in blocks: images share those in which nothing changed.
class TopicList {
 public:
  using Pointer = std::shared_ptr<const Topic>;
  static constexpr size_t kBlock = 64;

  size_t size() const { return size_; }
  const Pointer& operator[](size_t at) const { return blocks_[at / kBlock]->topics[at % kBlock]; }
  void push_back(Pointer topic, uint64_t generation);
  // A block of an older generation may be in an image, and is copied first.
  void replace(size_t at, Pointer topic, uint64_t generation);
  void clear();

 private:
  struct Block {
    uint64_t generation;  // of the catalog that may still edit it in place
    std::vector<Pointer> topics;
  };
  std::vector<std::shared_ptr<Block>> blocks_;
  size_t size_ = 0;
};

// Reference-counted by hand, because its pointer crosses the ABI.
class Image {
 public:
  static constexpr uint64_t kFirstGeneration = 1;  // of a catalog before its first image

  uint64_t version = 0;
  uint64_t digest = 0;
  uint64_t topics_version = 0;  // the version at which something became of a topic last, leaders aside
  std::string cluster_id;
  TopicList topics;
  // Topic ids with positions in topics, by id; shared by images with the same topics.
  std::shared_ptr<const std::vector<std::pair<Uuid, uint32_t>>> by_id;
  std::shared_ptr<const std::vector<Node>> nodes;  // by id
  std::shared_ptr<const Records::Spaces> records;

  // The position of a topic, or topics.size().
  size_t find(std::string_view name) const;
  size_t find(const Uuid& id) const;

  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  ~Image() = default;
  mutable std::atomic<uint64_t> references_{1};
};

// Owns one reference of an image.
class ImageRef {
 public:
  ImageRef() = default;
  static ImageRef adopt(const Image* image) { return ImageRef(image); }
  ImageRef(const ImageRef& other) : image_(other.image_) {
    if (image_ != nullptr) image_->retain();
  }
  ImageRef(ImageRef&& other) noexcept : image_(std::exchange(other.image_, nullptr)) {}
  ImageRef& operator=(ImageRef other) noexcept {
    std::swap(image_, other.image_);
    return *this;
  }
  ~ImageRef() {
    if (image_ != nullptr) image_->release();
  }
  const Image* get() const { return image_; }
  const Image* operator->() const { return image_; }
  const Image& operator*() const { return *image_; }
  const Image* release() { return std::exchange(image_, nullptr); }

 private:
  explicit ImageRef(const Image* image) : image_(image) {}
  const Image* image_ = nullptr;
};

}  // namespace chronik::metadata
