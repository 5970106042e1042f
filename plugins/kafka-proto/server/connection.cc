#include "kafka-proto/server/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kafka-proto/server/api_entry.h"
#include "kafka-proto/server/call.h"
#include "kafka-proto/server/server.h"
#include "kafka-proto/server/turns.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kMinFrame = 10;  // key, version, correlation id, client id
// Of answers behind one that is not there yet; above it, no request is started. Hundreds of connections wait
// at once when followers are slow.
constexpr uint64_t kMaxBytesHeld = 256 << 10;
// Of a request without records: a Reader takes no more names than that.
constexpr uint64_t kMaxBytesOfNames = Reader::kDefaultBudget;

bool begins_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

uint32_t load_size(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}

int16_t load_key(const uint8_t* p) { return static_cast<int16_t>(p[0] << 8 | p[1]); }

constexpr std::string_view kHttpAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    "This port speaks the Kafka protocol. Metrics and health are on the port of [http] listen.\n";

}  // namespace

Connection::Connection(Server& server, ConnectionSet& set, chr_conn* conn, std::string peer)
    : server_(server),
      host_(server.services.host),
      set_(set),
      conn_(conn),
      shard_(static_cast<uint32_t>(host_.current_shard())),
      peer_(std::move(peer)),
      place_(set.add(this)) {
  host_.add(server_.metrics.connections);
}

// What a request whose size and API these are may have.
uint64_t Connection::most_bytes(const uint8_t* prefix) const {
  const bool has_records = load_key(prefix + kFramePrefix) == static_cast<int16_t>(ApiKey::kProduce);
  return has_records ? server_.config.max_request_bytes
                     : std::min<uint64_t>(server_.config.max_request_bytes, kMaxBytesOfNames);
}

// Whether the frame that stands first must wait until others are answered, or read by the client.
bool Connection::must_wait(Bytes frame) const {
  if (held_ || winding_down_ || bytes_held_ >= kMaxBytesHeld || bytes_unread() >= kMaxBytesUnread)
    return true;
  if (slots_.empty()) return false;
  if (slots_.size() >= kMaxRequestsUnderWay || bytes_under_way_ >= kMaxBytesUnderWay) return true;
  const ApiEntry* const last = slots_.back().api;
  if (last != nullptr && last->company == Company::kNone) return true;
  const ApiEntry* const next = server_.find_api(load_key(frame.data()));
  return next != nullptr && next->company != Company::kAll;
}

uint64_t Connection::bytes_unread() const {
  return server_.services.net->queued(host_.self(), conn_) + bytes_held_;
}

uint64_t Connection::data(chr_slice bytes, uint64_t* need) {
  const std::shared_ptr<Connection> self = shared_from_this();
  uint64_t consumed = 0;
  while (conn_ != nullptr) {
    const uint8_t* at = bytes.p + consumed;
    const uint64_t left = bytes.n - consumed;
    *need = kFramePrefix;
    if (left < kFramePrefix) break;
    if (!greeted_ && !starts_like_kafka(Bytes(at, left))) break;
    const uint64_t size = load_size(at);
    if (size < kMinFrame || size > server_.config.max_request_bytes) {
      refuse(fmt::format("a request of {} bytes; allowed are {} to {} (kafka.max_request_size)",
                         static_cast<int32_t>(size), kMinFrame, server_.config.max_request_bytes));
      break;
    }
    *need = kFramePrefix + sizeof(int16_t);  // the API says more
    if (left < *need) break;
    if (size > most_bytes(at)) {
      refuse(fmt::format("a request of {} bytes that is no Produce; allowed are {}", size, kMaxBytesOfNames));
      break;
    }
    const Bytes frame(at + kFramePrefix, std::min(left - kFramePrefix, size));
    // A large one takes no memory while it could not start.
    if (RequestBudget::counts(kFramePrefix + size) && part_ == nullptr && must_wait(frame)) {
      *need = left;
      pause();
      break;
    }
    *need = may_arrive(Bytes(at, std::min(left, kFramePrefix + size)), kFramePrefix + size);
    if (*need == 0) {
      *need = left;
      pause();
      break;
    }
    if (left < kFramePrefix + size) break;
    if (must_wait(frame)) {
      pause();
      break;
    }
    Turns& turns = *server_.turns[shard_];
    if (!turns.begin_request(size, &turn_)) {
      if (!std::exchange(awaits_turn_, true)) turns.wait_for_turn(self);
      pause();
      break;
    }
    start({at + kFramePrefix, size, bytes.lease});
    consumed += kFramePrefix + size;
    *need = kFramePrefix;  // not the size of the frame that is done
    // Nor is the next large frame received while so much is under way.
    if (bytes_under_way_ >= kMaxBytesUnderWay) pause();
    if (paused_) break;
  }
  return conn_ == nullptr ? bytes.n : consumed;
}

// How much of a request may have arrived before it is looked at again; 0: no more than has.
uint64_t Connection::may_arrive(Bytes frame, uint64_t size) {
  if (!RequestBudget::counts(size)) return size;
  if (part_ == nullptr) part_ = server_.requests.begin(shared_from_this(), size);
  const ApiEntry* const api = server_.find_api(load_key(frame.data() + kFramePrefix));
  const uint64_t may_have =
      server_.requests.allow(*part_, frame.size(), api == nullptr ? "request" : api_info(api->key).name);
  if (may_have == 0) {
    wait_for_budget();
  } else {
    host_.cancel_timer(std::exchange(budget_timer_, 0));
  }
  return may_have;
}

void Connection::wait_for_budget() {
  if (budget_timer_ != 0) return;
  budget_timer_ = host_.timer(
      RequestBudget::kLookNs,
      [](void* context) {
        auto* const self = static_cast<Connection*>(context);
        self->budget_timer_ = 0;
        self->server_.requests.end_stalled();
        self->wait_for_budget();
      },
      this);
}

void Connection::end_part() {
  host_.cancel_timer(std::exchange(budget_timer_, 0));
  part_ = nullptr;
}

void Connection::pause() {
  if (conn_ == nullptr || paused_) return;
  paused_ = true;
  server_.services.net->pause(host_.self(), conn_);
}

// The host calls data() again, which looks anew whether what stands there may start.
void Connection::resume() {
  if (conn_ == nullptr || !paused_ || winding_down_ || held_ || awaits_turn_) return;
  if (bytes_held_ >= kMaxBytesHeld || bytes_unread() >= kMaxBytesUnread) return;
  paused_ = false;
  server_.services.net->resume(host_.self(), conn_);
}

void Connection::drained() { resume(); }

void Connection::begin_turn() {
  awaits_turn_ = false;
  resume();
}

uint64_t Connection::add_close_hook(std::function<void()> fn) {
  if (conn_ == nullptr) return 0;
  close_hooks_.emplace_back(++last_close_hook_, std::move(fn));
  return last_close_hook_;
}

void Connection::remove_close_hook(uint64_t hook) {
  std::erase_if(close_hooks_, [&](const auto& entry) { return entry.first == hook; });
}

void Connection::hold(bool held) {
  held_ = held;
  if (!held) resume();
}

// The usual mistakes on this port say what they are, instead of a size that makes no sense.
bool Connection::starts_like_kafka(Bytes bytes) {
  static constexpr std::array<std::string_view, 6> kHttpVerbs = {"GET ", "POST", "PUT ",
                                                                 "HEAD", "DELE", "OPTI"};
  for (const std::string_view verb : kHttpVerbs) {
    if (!begins_with(bytes, verb)) continue;
    const chr_slice answer = {reinterpret_cast<const uint8_t*>(kHttpAnswer.data()), kHttpAnswer.size(),
                              nullptr};
    server_.services.net->write(host_.self(), conn_, &answer, 1);
    refuse("an HTTP request on the Kafka port");
    return false;
  }
  if (bytes[0] == 0x16 && bytes[1] == 0x03) {
    refuse("a TLS handshake on a plaintext listener: set security.protocol=PLAINTEXT in the client");
    return false;
  }
  greeted_ = true;
  return true;
}

void Connection::start(chr_slice frame) {
  host_.add(server_.metrics.bytes_in, static_cast<double>(frame.n + kFramePrefix));
  std::unique_ptr<RequestBudget::Part> part = std::move(part_);
  if (part != nullptr) server_.requests.start(*part);
  Result<InRequest> request = open_request(Bytes(frame.p, frame.n));
  if (!request) return refuse(request.error().message);
  const uint64_t sequence = first_sequence_ + slots_.size();
  const ApiEntry* api = server_.find_api(request->header.request_api_key);
  const bool served =
      api != nullptr && request->supported && api->serves(request->header.request_api_version);
  if (!served && (api == nullptr || api->key != ApiKey::kApiVersions)) return refuse_request(*request);
  slots_.push_back({api, host_.now_ns(), frame.n, false, std::nullopt});
  bytes_under_way_ += frame.n;
  if (!served) return name_versions(*request, *api, sequence);

  InFlight in_flight;
  in_flight.connection = shared_from_this();
  in_flight.sequence = sequence;
  in_flight.version = request->header.request_api_version;
  in_flight.correlation_id = request->header.correlation_id;
  in_flight.client_id = request->header.client_id.value_or(std::string_view());
  in_flight.frame = Lease::share(frame.lease);
  in_flight.part = std::move(part);
  in_flight.body = request->body;
  const uint64_t began_ns = slots_.back().started_ns;
  const Result<size_t> named = api->run(server_.broker, std::move(in_flight));
  server_.turns[shard_]->count_request(host_.now_ns() - began_ns, named.value_or(0));
  if (!named) refuse(named.error().message);
}

// Clients probe with ApiVersions, whose version 0 every one of them can read and which names the versions to
// use (KIP-511).
void Connection::name_versions(const InRequest& request, const ApiEntry& api, uint64_t sequence) {
  Writer out(64);
  out.begin_frame();
  out.int32(request.header.correlation_id);
  out.error_code(ErrorCode::kUnsupportedVersion);
  out.array_length(1, false);
  out.int16(request.header.request_api_key);
  out.int16(api.listed_min);
  out.int16(api.max_version);
  finish_request(sequence, std::move(out).finish_frame());
}

// Nobody knows what an answer would look like to this client; as in Kafka, the connection ends, after the
// answers to what came before.
void Connection::refuse_request(const InRequest& request) {
  const std::optional<std::string_view> client = request.header.client_id;
  host_.add(server_.metrics.refused);
  host_.warn("closed a connection: a request of an API or version that is not served",
             fmt::format("peer={} api={} version={} client={}", peer_, request.header.request_api_key,
                         request.header.request_api_version, client.value_or("")));
  wind_down();
}

void Connection::finish_request(uint64_t sequence, std::optional<OutFrame> frame) {
  if (conn_ == nullptr) return;
  Slot& slot = slots_[sequence - first_sequence_];
  slot.done = true;
  slot.frame = std::move(frame);
  if (slot.frame.has_value()) bytes_held_ += slot.frame->size();
  flush();
}

// Sends what is ready from the front on; the host gathers what one turn writes.
void Connection::flush() {
  const uint64_t now_ns = host_.now_ns();
  bool sent = false;
  while (!slots_.empty() && slots_.front().done) {
    Slot& slot = slots_.front();
    bytes_under_way_ -= slot.bytes;
    if (slot.api != nullptr) server_.observe_request(*slot.api, now_ns - slot.started_ns);
    if (slot.frame.has_value()) {
      bytes_held_ -= slot.frame->size();
      send(*slot.frame);
    }
    slots_.pop_front();
    ++first_sequence_;
    sent = true;
  }
  if (sent && winding_down_ && slots_.empty()) return close();
  resume();
}

void Connection::send(const OutFrame& frame) {
  host_.add(server_.metrics.bytes_out, static_cast<double>(frame.size()));
  server_.services.net->write(host_.self(), conn_, frame.slices().data(),
                              static_cast<uint32_t>(frame.slices().size()));
}

void Connection::refuse(std::string_view reason) {
  if (conn_ == nullptr) return;
  host_.add(server_.metrics.refused);
  host_.warn(fmt::format("closed a connection: {}", reason), fmt::format("peer={}", peer_));
  close();
}

void Connection::close() {
  end_part();
  if (conn_ != nullptr) server_.services.net->close(host_.self(), std::exchange(conn_, nullptr), 1);
}

void Connection::wind_down() {
  winding_down_ = true;
  end_part();
  if (slots_.empty()) return close();
  pause();
}

void Connection::closed() {
  conn_ = nullptr;
  end_part();
  set_.remove(place_);
  host_.add(server_.metrics.connections, -1);
  slots_.clear();                  // answers that nobody reads any more hold pages
  while (!close_hooks_.empty()) {  // one may take back others
    const std::function<void()> hook = std::move(close_hooks_.front().second);
    close_hooks_.erase(close_hooks_.begin());
    hook();
  }
}

Answer::Answer(InFlight&& in_flight)
    : services_(&in_flight.connection->server().services),
      in_flight_(std::move(in_flight)),
      count_(*services_) {}

void Answer::send(std::optional<OutFrame> frame) {
  in_flight_.part = nullptr;  // while the call still counts: the budget goes with the broker
  const uint64_t sequence = in_flight_.sequence;
  std::shared_ptr<Connection> connection = std::move(in_flight_.connection);
  in_flight_.connection = nullptr;
  if (services_->host.current_shard() == static_cast<int32_t>(connection->shard()))
    return connection->finish_request(sequence, std::move(frame));
  const uint32_t shard = connection->shard();
  services_->host.post(shard,
                       [connection = std::move(connection), sequence, frame = std::move(frame)]() mutable {
                         connection->finish_request(sequence, std::move(frame));
                       });
}

void Answer::drop_frame() {
  in_flight_.client_id = {};
  in_flight_.body = Reader(Bytes());
  in_flight_.part = nullptr;
  in_flight_.frame = {};
}

void Answer::end_connection(std::string reason) {
  in_flight_.part = nullptr;
  const uint32_t shard = in_flight_.connection->shard();
  services_->host.post(shard, [connection = std::exchange(in_flight_.connection, nullptr),
                               reason = std::move(reason)] { connection->refuse(reason); });
}

void Answer::refuse_size(std::string_view message) {
  end_connection(fmt::format(
      "the answer to a {} would take more than {} bytes in memory or on the wire: ask for less at once",
      message, AnswerRoom::kMaxBytes));
}

void Answer::abandon() {
  in_flight_.part = nullptr;
  const uint32_t shard = in_flight_.connection->shard();
  services_->host.post(shard, [connection = std::move(in_flight_.connection)] { connection->close(); });
}

}  // namespace chronik::kafka
