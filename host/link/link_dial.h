// LinkDial: one attempt to connect to another node. Internal to link/.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace chronik::host {

class Shard;

// On its shard only. Names are resolved on a blocking thread.
class LinkDial : public std::enable_shared_from_this<LinkDial> {
 public:
  // A connected non-blocking socket, which the receiver takes over; or -1 and why not.
  using Done = std::function<void(int fd, const std::string& error)>;

  // done is called in a later turn, unless cancel() comes first.
  static std::shared_ptr<LinkDial> start(Shard& shard, const std::string& address, uint64_t timeout_ns,
                                         Done done);
  void cancel();

 private:
  struct Target {
    sockaddr_storage address;
    socklen_t size;
  };
  LinkDial(Shard& shard, Done done) : shard_(shard), socket_(make_socket(shard)), done_(std::move(done)) {}
  static boost::asio::posix::stream_descriptor make_socket(Shard& shard);
  static int resolve(const std::string& host, const std::string& port, int flags, std::vector<Target>* out);
  void begin(const std::string& host, const std::string& port);
  void resolved(std::vector<Target> targets, int error);
  void try_next();
  void connected();
  void finish_dial(int fd, const std::string& error);

  Shard& shard_;
  boost::asio::posix::stream_descriptor socket_;
  Done done_;
  std::vector<Target> targets_;
  size_t next_ = 0;
  std::string error_;
  uint64_t timer_ = 0;
};

}  // namespace chronik::host
