// AcceptLoop: accepts on one socket, on shard 0. Internal to net/.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace chronik::host {

class Runtime;

// On its shard only; the constructor may run elsewhere.
class AcceptLoop : public std::enable_shared_from_this<AcceptLoop> {
 public:
  static constexpr uint32_t kShard = 0;  // accepting is cheap; what it accepts may be spread

  // Takes over fd, a listening socket. `accepted` takes over what it is given, a non-blocking socket.
  AcceptLoop(Runtime& runtime, int fd, std::string address, std::function<void(int fd)> accepted);
  void wait();
  void close();

 private:
  void accept();
  void retry_later(int error);

  Runtime& runtime_;
  const std::string address_;
  std::function<void(int fd)> accepted_;
  boost::asio::posix::stream_descriptor socket_;
  uint64_t retry_ = 0;
  bool is_failing_ = false;
};

}  // namespace chronik::host
