#include "kafka-proto/cluster/peer_calls.h"

#include <vector>

namespace chronik::kafka {

PeerCalls::PeerCalls(Services& services, PeerChannel& channel)
    : services_(services), channel_(channel), last_number_(services.host.random_u64() >> 2) {
  take_answers(PeerFrame::kApiResponse);
  channel.receive(PeerFrame::kApiRequest, [this](int32_t from, const chr_slice& frame, int64_t number,
                                                 Reader& body) { return asked(from, frame, number, body); });
  channel.observe_links([this](int32_t peer, bool up) {
    if (!up) link_lost(peer);
  });
}

void PeerCalls::take_answers(PeerFrame answers) {
  channel_.receive(answers, [this, answers](int32_t from, const chr_slice&, int64_t number, Reader& body) {
    return answered(answers, from, number, body);
  });
}

// ---- the asking side ----

void PeerCalls::call(int32_t to, PeerFrame ask, PeerFrame answer, const WriteBody& write, uint64_t timeout_ns,
                     Done done) {
  Reader nothing{Bytes()};
  if (stopped_ || waiting_.size() >= kMaxCalls) {
    done(ErrorCode::kBrokerNotAvailable, nothing);
    return;
  }
  const uint64_t number = ++last_number_;
  Writer out = PeerChannel::begin_frame(ask, static_cast<int64_t>(number));
  write(out);
  if (const Status sent = send(to, std::move(out)); !sent) {
    done(ErrorCode::kNetworkException, nothing);
    return;
  }
  auto waiting = std::make_unique<Waiting>(Waiting{this, number, to, answer, std::move(done)});
  waiting->timer = services_.host.timer(
      timeout_ns,
      [](void* context) {
        Waiting& late = *static_cast<Waiting*>(context);
        late.timer = 0;
        late.owner->fail(late.number, ErrorCode::kRequestTimedOut);
      },
      waiting.get());
  waiting_.emplace(number, std::move(waiting));
}

// One that comes after its call ended is no fault of the other node.
bool PeerCalls::answered(PeerFrame kind, int32_t from, int64_t number, Reader& body) {
  const auto found = waiting_.find(static_cast<uint64_t>(number));
  if (found == waiting_.end() || found->second->to != from || found->second->answer != kind) return true;
  const auto node = waiting_.extract(found);
  services_.host.cancel_timer(node.mapped()->timer);
  return node.mapped()->done(ErrorCode::kNone, body);
}

void PeerCalls::fail(uint64_t number, ErrorCode error) {
  const auto node = waiting_.extract(number);
  if (node.empty()) return;
  services_.host.cancel_timer(node.mapped()->timer);
  Reader nothing{Bytes()};
  node.mapped()->done(error, nothing);
}

void PeerCalls::link_lost(int32_t peer) {
  std::vector<uint64_t> lost;
  for (const auto& [number, waiting] : waiting_)
    if (waiting->to == peer) lost.push_back(number);
  for (const uint64_t number : lost) fail(number, ErrorCode::kNetworkException);
}

void PeerCalls::stop() {
  stopped_ = true;
  while (!waiting_.empty()) fail(waiting_.begin()->first, ErrorCode::kBrokerNotAvailable);
}

// ---- the answering side ----

bool PeerCalls::asked(int32_t from, const chr_slice& frame, int64_t number, Reader& body) {
  const int16_t key = body.int16("api_key");
  const int16_t version = body.int16("version");
  if (!body.ok()) return false;
  const auto served = served_.find(key);
  if (served != served_.end() && version >= served->second.min_version &&
      version <= served->second.max_version)
    return served->second.run(from, frame, number, version, body);
  Writer out = PeerChannel::begin_frame(PeerFrame::kApiResponse, number);
  out.error_code(ErrorCode::kUnsupportedVersion);
  send_answer(from, std::move(out));
  return true;
}

void PeerCalls::send_answer(int32_t to, Writer&& frame) {
  if (stopped_) return;
  if (const Status sent = send(to, std::move(frame)); !sent)
    services_.host.debug("an answer to another broker was not sent: " + sent.error().message);
}

Status PeerCalls::send(int32_t to, Writer&& frame) {
  const uint32_t lane = frame.size() > kMaxControlBytes ? CHR_LANE_BULK : CHR_LANE_CONTROL;
  return channel_.send(to, std::move(frame), lane);
}

}  // namespace chronik::kafka
