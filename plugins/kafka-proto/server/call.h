// Call<Api>: a decoded request and the way to answer it. A handler gets it by value and answers exactly once,
// from any shard.
#pragma once

#include <utility>

#include "kafka-proto/cluster/services.h"
#include "kafka-proto/server/connection.h"
#include "kafka-proto/wire/answer_room.h"

namespace chronik::kafka {

// Answers requests that a handler dropped: the client must not wait for ever, so the connection ends.
class Answer {
 public:
  explicit Answer(InFlight&& in_flight);
  Answer(Answer&&) noexcept = default;
  Answer& operator=(Answer&&) noexcept = default;
  ~Answer() {
    if (in_flight_.connection != nullptr) abandon();
  }

  // Any shard. Once.
  void send(std::optional<OutFrame> frame);
  // Any shard. Instead of send(): the client learns of a failure by the end of its connection.
  void end_connection(std::string reason);
  // The same, for an answer to this message that would be larger than any may be.
  void refuse_size(std::string_view message);
  // On the connection's shard: see Connection.
  uint64_t add_close_hook(std::function<void()> fn) {
    return in_flight_.connection->add_close_hook(std::move(fn));
  }
  // Before the answer: afterwards it does nothing, and the hook runs when the connection closes.
  void remove_close_hook(uint64_t hook) {
    if (in_flight_.connection != nullptr) in_flight_.connection->remove_close_hook(hook);
  }
  void hold_connection(bool held) { in_flight_.connection->hold(held); }
  int16_t version() const { return in_flight_.version; }
  int32_t correlation_id() const { return in_flight_.correlation_id; }
  std::string_view client_id() const { return in_flight_.client_id; }
  const std::string& peer() const { return in_flight_.connection->peer(); }
  uint32_t shard() const { return in_flight_.connection->shard(); }
  const void* client() const { return in_flight_.connection.get(); }
  const Lease& frame() const { return in_flight_.frame; }
  // The bytes of the request are not needed any more.
  void drop_frame();
  // Whether it takes a part of the memory for large requests until it is answered.
  bool counts_in_budget() const { return in_flight_.part != nullptr; }

 private:
  void abandon();

  Services* services_;
  InFlight in_flight_;
  CallCount count_;
};

template <class Api>
class Call {
 public:
  using Request = typename Api::Request;
  using Response = typename Api::Response;

  Call(Answer answer, Request request) : answer_(std::move(answer)), request_(std::move(request)) {}

  // Its strings and records point into the frame, which lives as long as the Call, or until drop_request().
  Request& request() { return request_; }
  const Request& request() const { return request_; }
  int16_t version() const { return answer_.version(); }
  std::string_view client_id() const { return answer_.client_id(); }
  const std::string& peer() const { return answer_.peer(); }
  uint32_t shard() const { return answer_.shard(); }  // the connection's
  // Who asks: the same for all calls of a connection, and for no other's while this one lives.
  const void* client() const { return answer_.client(); }
  // The lease under which the request's bytes stand, for what outlives the Call.
  const Lease& frame() const { return answer_.frame(); }
  bool counts_in_budget() const { return answer_.counts_in_budget(); }
  // For a call that waits: lets go of the request and its frame, of which the handler copied what it needs.
  // request() and client_id() are empty from here on, and the memory counts in no budget.
  void drop_request() {
    request_ = Request();
    answer_.drop_frame();
  }

  // What the answer takes; a handler makes its rows by it.
  AnswerRoom& room() { return room_; }
  // Whether the answer in the making passed what an answer may take:
  // what is proposed now could not be answered.
  bool is_too_large() const { return room_.passed(); }

  // Or the end of the connection, where the answer would be too large.
  void answer(const Response& response) {
    if (room_.passed()) return answer_.refuse_size(Api::Request::kName);
    Writer out = begin_response(api_info(Api::kApi), version(), answer_.correlation_id());
    out.limit(AnswerRoom::kMaxBytes);
    response.encode(out, version());
    if (out.passed_limit()) return answer_.refuse_size(Api::Request::kName);
    answer_.send(std::move(out).finish_frame());
  }
  // Produce with acks=0 has no answer.
  void answer_nothing() { answer_.send(std::nullopt); }
  void end_connection(std::string reason) { answer_.end_connection(std::move(reason)); }
  // On the connection's shard: fn runs when the connection ends before the hook is removed, which a handler
  // does when it answers. 0: it ended already.
  uint64_t add_close_hook(std::function<void()> fn) { return answer_.add_close_hook(std::move(fn)); }
  void remove_close_hook(uint64_t hook) { answer_.remove_close_hook(hook); }
  // On the connection's shard: whether the connection starts no other request.
  void hold_connection(bool held) { answer_.hold_connection(held); }

 private:
  Answer answer_;
  Request request_;
  AnswerRoom room_;
};

}  // namespace chronik::kafka
