#include "kafka-proto/group/core/consumer_protocol.h"

#include <algorithm>

namespace chronik::kafka::group {
namespace {

// Big-endian. What runs over the end reads as zero, and is noticed with ok().
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  int16_t int16() { return static_cast<int16_t>(number(2)); }
  int32_t int32() { return static_cast<int32_t>(number(4)); }
  // -1: null.
  std::string_view take(int32_t size) {
    if (size < -1 || (size > 0 && static_cast<size_t>(size) > rest_.size())) return fail();
    const std::string_view taken = rest_.substr(0, static_cast<size_t>(std::max(size, 0)));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string string() {
    const int16_t size = int16();
    if (size < 0) fail();
    return std::string(take(size));
  }
  std::optional<std::string> nullable_string() {
    const int16_t size = int16();
    return size == -1 ? std::nullopt : std::optional(std::string(take(size)));
  }
  // How many follow, each of at least so many bytes: never more than there can be.
  int32_t count(size_t min_bytes) {
    const int32_t n = int32();
    if (n >= 0 && static_cast<size_t>(n) <= rest_.size() / min_bytes) return n;
    fail();
    return 0;
  }

 private:
  std::string_view fail() {
    ok_ = false;
    rest_ = {};
    return {};
  }
  uint32_t number(size_t width) {
    if (rest_.size() < width) {
      fail();
      return 0;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < width; ++i) value = value << 8 | static_cast<uint8_t>(rest_[i]);
    rest_.remove_prefix(width);
    return value;
  }

  std::string_view rest_;
  bool ok_ = true;
};

std::vector<NamedPartitions> read_partitions(Reader& in) {
  std::vector<NamedPartitions> all(static_cast<size_t>(in.count(6)));
  for (NamedPartitions& topic : all) {
    topic.topic = in.string();
    topic.partitions.resize(static_cast<size_t>(in.count(4)));
    for (int32_t& partition : topic.partitions) partition = in.int32();
    if (!in.ok()) break;
  }
  return all;
}

void put(std::string& out, uint32_t value, size_t width) {
  for (size_t i = width; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

}  // namespace

std::optional<EmbeddedSubscription> parse_subscription(std::string_view bytes) {
  Reader in(bytes);
  EmbeddedSubscription subscription;
  subscription.version = in.int16();
  subscription.topics.resize(static_cast<size_t>(in.count(2)));
  for (std::string& topic : subscription.topics) topic = in.string();
  in.take(in.int32());  // user data
  if (subscription.version >= 1) subscription.owned = read_partitions(in);
  if (subscription.version >= 2) in.int32();  // the generation in which it has them
  if (subscription.version >= 3) subscription.rack_id = in.nullable_string();
  if (!in.ok() || subscription.version < 0) return std::nullopt;
  return subscription;
}

std::optional<EmbeddedAssignment> parse_assignment(std::string_view bytes) {
  Reader in(bytes);
  EmbeddedAssignment assignment;
  const int16_t version = in.int16();
  assignment.partitions = read_partitions(in);
  assignment.has_user_data = !in.take(in.int32()).empty();
  if (!in.ok() || version < 0) return std::nullopt;
  return assignment;
}

std::string write_assignment(const PartitionSet& set, int16_t version, const TopicView& topics) {
  std::string body;
  uint32_t count = 0;
  for (const TopicPartitions& topic : set) {
    const std::string_view name = topics.name_of(topic.topic);
    if (name.empty() || topic.partitions.empty()) continue;
    ++count;
    put(body, static_cast<uint32_t>(name.size()), 2);
    body += name;
    put(body, static_cast<uint32_t>(topic.partitions.size()), 4);
    for (const int32_t partition : topic.partitions) put(body, static_cast<uint32_t>(partition), 4);
  }
  std::string out;
  put(out, static_cast<uint16_t>(version), 2);
  put(out, count, 4);
  out += body;
  put(out, static_cast<uint32_t>(-1), 4);  // no user data
  return out;
}

std::optional<PartitionSet> owned_by_id(const std::vector<NamedPartitions>& named, const TopicView& topics) {
  PartitionSet set;
  for (const NamedPartitions& topic : named) {
    const auto known = topics.find(topic.topic);
    if (!known) return std::nullopt;
    set.push_back({known->id, topic.partitions, {}});
  }
  return sorted(std::move(set));
}

PartitionSet by_id(const std::vector<NamedPartitions>& named, const TopicView& topics) {
  PartitionSet set;
  for (const NamedPartitions& topic : named)
    if (const auto known = topics.find(topic.topic))
      for (const int32_t partition : topic.partitions)
        if (partition >= 0 && partition < known->partitions) set.push_back({known->id, {partition}, {}});
  return sorted(std::move(set));
}

}  // namespace chronik::kafka::group
