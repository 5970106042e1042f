// PeerCalls: asks other brokers, over the PeerChannel. A call has a number, which its answer repeats, and
// ends exactly once: with its answer, at its deadline, or when the link to the node is lost. Whether the node
// did what it was asked, one that ends without its answer does not say. Everything on shard 0.
//
//  state    | is left when
//  waiting  | answered: done(NONE, body)
//           | its deadline passed: done(REQUEST_TIMED_OUT), also where the node's build knows no such calls
//           | the link is lost, or the node cannot be sent to: done(NETWORK_EXCEPTION)
//           | this node stops: done(BROKER_NOT_AVAILABLE)
//
// A frame of more than kMaxControlBytes goes over the bulk lane, where it keeps nobody's heartbeats waiting.
//
// call<Api>() asks in Kafka's own encoding, with the generated messages; serve<Api>() answers such calls:
//
//     peers.serve<WriteTxnMarkers>(0, 1, [](PeerCall<WriteTxnMarkers> call) { ... call.answer(response); });
//     peers.call<WriteTxnMarkers>(node, 1, request, timeout_ns, [](ErrorCode error, const auto& answer) {});
//
// request:  number | api key int16 | version int16 | message
// response: number | error int16 | message, where there is no error. UNSUPPORTED_VERSION: not served there
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "kafka-proto/cluster/peer_channel.h"
#include "kafka-proto/messages/api_table.h"

namespace chronik::kafka {

class PeerCalls {
 public:
  static constexpr size_t kMaxControlBytes = 64 << 10;
  static constexpr size_t kMaxCalls = 65'536;  // that wait; beyond it a call ends with BROKER_NOT_AVAILABLE

  // body: of the answer where there is no error, else empty; it lives as long as this runs. Whether it could
  // be read. May run before the call returns.
  using Done = std::function<bool(ErrorCode error, Reader& body)>;
  using WriteBody = std::function<void(Writer& out)>;
  template <class Api>
  using ApiDone = std::function<void(ErrorCode error, const typename Api::Response& response)>;

  explicit PeerCalls(Services& services, PeerChannel& channel);
  PeerCalls(const PeerCalls&) = delete;
  PeerCalls& operator=(const PeerCalls&) = delete;

  // Before the channel opens: takes the answers of this kind. Of calls in Kafka's encoding it does already.
  void take_answers(PeerFrame answers);
  // Asks a node by frames of the kind `ask`, and waits for one of the kind `answer`.
  void call(int32_t to, PeerFrame ask, PeerFrame answer, const WriteBody& write, uint64_t timeout_ns,
            Done done);
  // Ends what waits; nothing is asked or answered after it.
  void stop();

  template <class Api>
  void call(int32_t to, int16_t version, const typename Api::Request& request, uint64_t timeout_ns,
            ApiDone<Api> done);
  // handler: void(PeerCall<Api>). Before the channel opens.
  template <class Api, class Handler>
  void serve(int16_t min_version, int16_t max_version, Handler handler);

 private:
  template <class Api>
  friend class PeerCall;
  struct Waiting {
    PeerCalls* owner;
    uint64_t number;
    int32_t to;
    PeerFrame answer;
    Done done;
    uint64_t timer = 0;
  };
  struct Served {
    int16_t min_version, max_version;
    // Whether the request could be read.
    std::function<bool(int32_t from, const chr_slice& frame, int64_t number, int16_t version, Reader& body)>
        run;
  };

  bool answered(PeerFrame kind, int32_t from, int64_t number, Reader& body);
  bool asked(int32_t from, const chr_slice& frame, int64_t number, Reader& body);
  void link_lost(int32_t peer);
  void fail(uint64_t number, ErrorCode error);
  void send_answer(int32_t to, Writer&& frame);
  Status send(int32_t to, Writer&& frame);

  Services& services_;
  PeerChannel& channel_;
  bool stopped_ = false;
  uint64_t last_number_;  // begins anywhere: a late answer to a run of before is for no call of this one
  std::map<uint64_t, std::unique_ptr<Waiting>> waiting_;
  std::map<int16_t, Served> served_;  // by API key
};

// A call that another broker makes of this one; answered at most once, on shard 0.
template <class Api>
class PeerCall {
 public:
  PeerCall(PeerCalls& calls, int32_t from, int64_t number, int16_t version, Lease frame,
           typename Api::Request request)
      : calls_(&calls),
        from_(from),
        number_(number),
        version_(version),
        frame_(std::move(frame)),
        request_(std::move(request)) {}

  int32_t from() const { return from_; }
  int16_t version() const { return version_; }
  // Its strings and records point into the frame, which lives as long as this.
  const typename Api::Request& request() const { return request_; }
  void answer(const typename Api::Response& response) {
    Writer out = PeerChannel::begin_frame(PeerFrame::kApiResponse, number_);
    out.error_code(ErrorCode::kNone);
    response.encode(out, version_);
    calls_->send_answer(from_, std::move(out));
  }

 private:
  PeerCalls* calls_;
  int32_t from_;
  int64_t number_;
  int16_t version_;
  Lease frame_;
  typename Api::Request request_;
};

template <class Api>
void PeerCalls::call(int32_t to, int16_t version, const typename Api::Request& request, uint64_t timeout_ns,
                     ApiDone<Api> done) {
  const auto write = [&](Writer& out) {
    out.int16(static_cast<int16_t>(Api::kApi));
    out.int16(version);
    request.encode(out, version);
  };
  const auto read = [version, done = std::move(done)](ErrorCode error, Reader& body) {
    if (error == ErrorCode::kNone) error = body.error_code("error");
    if (error != ErrorCode::kNone) {
      done(error, {});
      return body.ok();
    }
    const auto response = Api::Response::decode(body, version);
    const bool ok = response.has_value() && body.remaining() == 0;
    ok ? done(ErrorCode::kNone, *response) : done(ErrorCode::kUnknownServerError, {});
    return ok;
  };
  call(to, PeerFrame::kApiRequest, PeerFrame::kApiResponse, write, timeout_ns, read);
}

template <class Api, class Handler>
void PeerCalls::serve(int16_t min_version, int16_t max_version, Handler handler) {
  const auto run = [this, handler = std::move(handler)](int32_t from, const chr_slice& frame, int64_t number,
                                                        int16_t version, Reader& body) {
    auto request = Api::Request::decode(body, version);
    if (!request.has_value() || body.remaining() != 0) return false;
    handler(PeerCall<Api>(*this, from, number, version, Lease::share(frame.lease), std::move(*request)));
    return true;
  };
  served_[static_cast<int16_t>(Api::kApi)] = {min_version, max_version, run};
}

}  // namespace chronik::kafka
