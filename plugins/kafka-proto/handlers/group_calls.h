// What the APIs of members of groups have in common: calls that wait for other members, and who asks.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {

// A call whose answer comes when other members, or time, have had their turn. It lets go of the request and its
// frame. Where the connection closes first, it lets go of that too: the member stays until its session ends, and
// what it would be told goes nowhere.
template <class Api>
class WaitingCall {
 public:
  // On the connection's shard, once what is needed of the request is copied.
  static std::shared_ptr<WaitingCall> begin(const Host& host, Call<Api> call) {
    auto out = std::make_shared<WaitingCall>(host, std::move(call));
    out->call_->drop_request();
    out->hook_ = out->call_->add_close_hook([weak = std::weak_ptr(out)] {
      if (const auto closed = weak.lock()) closed->call_.reset();
    });
    return out;
  }
  WaitingCall(const Host& host, Call<Api> call) : host_(host), shard_(call.shard()), call_(std::move(call)) {}

  // Any shard, once. write(result, response, version) on the connection's shard;
  // the response may point into the result.
  template <class Result, class Write>
  static void answer(const std::shared_ptr<WaitingCall>& call, Result result, Write write) {
    on_shard(call->host_, call->shard_, [call, result = std::move(result), write] {
      if (!call->call_.has_value()) return;
      typename Api::Response response;
      write(result, response, call->call_->version());
      call->call_->remove_close_hook(call->hook_);
      call->call_->answer(response);
    });
  }

 private:
  const Host host_;
  const uint32_t shard_;
  std::optional<Call<Api>> call_;  // on the connection's shard; null: the connection closed
  uint64_t hook_ = 0;
};

inline std::optional<std::string> own_text(const std::optional<std::string_view>& text) {
  return text.has_value() ? std::optional<std::string>(*text) : std::nullopt;
}

// What is opaque is bytes on the wire, and text in a group.
inline std::string as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Of a client at "1.2.3.4:5" or "[::1]:5", as Kafka shows it: "/1.2.3.4".
std::string client_host(std::string_view peer);
// A new member's: its instance or its client's id, of which 255 bytes, and a random UUID.
std::string new_member_id(const Host& host, std::string_view prefix);

}  // namespace chronik::kafka
