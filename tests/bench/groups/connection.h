// Connection: Kafka's requests to one broker, and their answers in the same order.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/groups/loop.h"
#include "kafka-proto/wire/frame.h"

namespace chronik::bench {

struct Address {
  std::string host;
  int port = 0;

  bool operator==(const Address&) const = default;
};

// HOST:PORT,HOST:PORT
std::vector<Address> parse_addresses(const std::string& text);

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Null: refused.
  static std::shared_ptr<Connection> open(Loop& loop, const Address& address);
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // done(answer), which is valid within the call; done(null): the connection has ended.
  template <class Api>
  void call(int16_t version, const typename Api::Request& request,
            std::function<void(const typename Api::Response*)> done) {
    Waiting waiting = [version, done = std::move(done)](const kafka::Bytes* frame) {
      if (frame == nullptr) return done(nullptr);
      auto in = kafka::open_response(*frame, kafka::api_info(Api::kApi), version);
      if (!in) die(in.error().message);
      const auto response = Api::Response::decode(in->body, version);
      if (!response) die(response.error().message);
      done(&*response);
    };
    send(kafka::encode_request(version, ++sent_, "group_client", request), std::move(waiting));
  }
  bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  using Waiting = std::function<void(const kafka::Bytes*)>;

  Connection(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
  void send(const kafka::OutFrame& frame, Waiting waiting);
  void write_some();
  void read_some();
  void take_answers();

  Loop& loop_;
  int fd_;
  int32_t sent_ = 0;
  std::string out_, in_;
  bool waits_for_room_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace chronik::bench
