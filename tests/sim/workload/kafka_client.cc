#include "sim/workload/kafka_client.h"

#include "sim/host/cluster.h"

#include <fmt/format.h>

#include <cstring>

namespace chronik::sim {

// ---- one connection
// ------------------------------------------------------------------------------------------------

uint64_t KafkaLink::call(const kafka::ApiInfo& api, int16_t version, int32_t correlation,
                         const kafka::OutFrame& frame, uint64_t timeout_ns, Answer answer) {
  pending_.push_back({correlation, &api, version, std::move(answer)});
  std::string bytes;
  for (const chr_slice& slice : frame.slices()) bytes.append(reinterpret_cast<const char*>(slice.p), slice.n);
  if (open_) {
    net_.send(socket_, std::move(bytes));
  } else {
    unsent_ += bytes;
    if (socket_ == 0) socket_ = net_.connect(address_, this);
  }
  world_.loop.call(world_.now() + timeout_ns, [this, correlation] {
    if (pending_.empty() || pending_.front().correlation > correlation) return;
    net_.close(socket_);
    fail_all("timed out");
  });
  return socket_;
}

void KafkaLink::fail_all(std::string_view why) {
  socket_ = 0;
  open_ = false;
  unsent_.clear();
  received_.clear();
  std::deque<Pending> ended;
  ended.swap(pending_);
  for (Pending& pending : ended) pending.answer(fail(Code::kUnavailable, std::string(why)));
}

void KafkaLink::hang_up() {
  net_.close(socket_);
  fail_all("hung up");
}

void KafkaLink::connected(uint64_t socket) {
  if (socket != socket_) return;
  open_ = true;
  net_.send(socket_, std::exchange(unsent_, {}));
}

void KafkaLink::disconnected(uint64_t socket) {
  if (socket == socket_) fail_all("connection lost");
}

void KafkaLink::received(uint64_t socket, std::string_view bytes) {
  if (socket != socket_) return;
  received_ += bytes;
  while (socket == socket_ && received_.size() >= kafka::kFramePrefix) {
    const auto* p = reinterpret_cast<const uint8_t*>(received_.data());
    const auto size =
        kafka::frame_size(std::span<const uint8_t, kafka::kFramePrefix>(p, kafka::kFramePrefix), 1 << 30);
    if (!size) return world_.fail("wire", size.error().message);
    if (received_.size() < kafka::kFramePrefix + *size) return;
    const std::string frame = received_.substr(kafka::kFramePrefix, *size);
    received_.erase(0, kafka::kFramePrefix + *size);
    if (pending_.empty()) return world_.fail("wire", address_ + " answers what was not asked");
    const Pending pending = std::move(pending_.front());
    pending_.pop_front();
    const auto response = kafka::open_response({reinterpret_cast<const uint8_t*>(frame.data()), frame.size()},
                                               *pending.api, pending.version);
    if (!response) return world_.fail("wire", response.error().message);
    if (response->correlation_id != pending.correlation) {
      return world_.fail("wire", fmt::format("{} answers request {} where {} comes next", address_,
                                             response->correlation_id, pending.correlation));
    }
    pending.answer(response->body);
  }
}

// ---- a client
// ------------------------------------------------------------------------------------------------------

KafkaVersions KafkaVersions::draw(Rng& rng) {
  const auto one_of = [&rng](uint64_t low, uint64_t high) {
    return static_cast<int16_t>(rng.between(low, high));
  };
  KafkaVersions v;
  v.produce = one_of(3, 13);
  v.fetch = one_of(9, 17);
  v.metadata = one_of(10, 13);
  v.init_producer_id = one_of(0, 5);
  v.create_topics = one_of(4, 7);
  return v;
}

KafkaClient::KafkaClient(World& world, Net& net, uint32_t nodes, std::string name)
    : versions([&] {
        Rng rng = world.stream("versions of " + name);
        return KafkaVersions::draw(rng);
      }()),
      world_(world),
      net_(net),
      nodes_(nodes),
      name_(std::move(name)),
      rng_(world.stream(name_)) {}

KafkaLink& KafkaClient::link(uint32_t node) {
  auto& slot = links_[node];
  if (!slot) slot = std::make_unique<KafkaLink>(world_, net_, kafka_address(node));
  return *slot;
}

void KafkaClient::refresh(std::string_view topic, std::function<void()> done) {
  kafka::MetadataRequest request;
  request.topics.emplace();
  auto& wanted = request.topics->emplace_back();
  wanted.name = topic;
  request.allow_auto_topic_creation = false;
  call<kafka::Metadata>(any_node(), versions.metadata, request, 5 * kSecond,
                        [this, name = std::string(topic),
                         done = std::move(done)](const Result<kafka::MetadataResponse>& response) {
                          if (response) learn(*response, name);
                          done();
                        });
}

void KafkaClient::learn(const kafka::MetadataResponse& response, std::string_view topic) {
  for (const auto& found : response.topics) {
    if (!found.name || *found.name != topic || found.error_code != kafka::ErrorCode::kNone) continue;
    topic_id_ = found.topic_id;
    for (const auto& partition : found.partitions) {
      const auto index = static_cast<size_t>(partition.partition_index);
      if (leaders_.size() <= index) leaders_.resize(index + 1);
      if (partition.error_code != kafka::ErrorCode::kNone || partition.leader_id < 0) continue;
      if (partition.leader_epoch < leaders_[index].epoch) continue;
      leaders_[index] = {partition.leader_id, partition.leader_epoch};
    }
  }
}

}  // namespace chronik::sim
