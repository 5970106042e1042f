// LinkSocket: the bytes of one TCP connection between two nodes. Internal to link/.
#pragma once

#include "host/net/read_buffer.h"
#include "host/net/write_queue.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace chronik::host {

class Shard;

// On its shard only. Its owner sees what arrives and how it ends; owners change after the handshake.
class LinkSocket : public std::enable_shared_from_this<LinkSocket> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // How many of these bytes were taken, 0 when all of *need are needed. May close,
    // pause or hand on the socket.
    virtual uint64_t received(LinkSocket& socket, chr_slice bytes, uint64_t* need) = 0;
    // What was queued has gone; called when flush() had left some of it.
    virtual void writable(LinkSocket& socket) = 0;
    // The connection broke, and is closed now.
    virtual void lost(LinkSocket& socket, const std::string& reason) = 0;
  };

  // Takes over fd, a connected non-blocking socket.
  LinkSocket(Shard& shard, int fd, Owner* owner);

  void set_owner(Owner* owner) { owner_ = owner; }
  // Reads until pause(). What had arrived already is delivered in a later turn.
  void read();
  void pause() { reading_ = false; }
  // Hands what is queued to the kernel, as far as it takes it. False: it broke, lost() was called.
  bool flush();
  // Closes without telling the owner, after a last attempt to send what is queued.
  void close();
  bool is_open() const { return socket_.is_open(); }

  WriteQueue& queue() { return queue_; }
  bool waits_writable() const { return waits_writable_; }
  const std::string& peer() const { return peer_; }
  uint64_t heard_ns() const { return heard_ns_; }  // when bytes last arrived
  uint64_t sent_ns() const { return sent_ns_; }    // when bytes last left
  // The other side has ended it: there is nothing more to read than what was delivered.
  bool is_ended();
  // Gives receive buffers back that hold nothing.
  void rest() { input_.rest(true); }

 private:
  void wait_readable();
  void on_readable();
  void deliver();
  void end(const std::string& reason);
  int fd() { return socket_.native_handle(); }

  Shard& shard_;
  boost::asio::posix::stream_descriptor socket_;
  Owner* owner_;
  const std::string peer_;
  ReadBuffer input_;
  WriteQueue queue_;
  uint64_t min_input_ = 1;
  uint64_t heard_ns_;
  uint64_t sent_ns_;
  bool reading_ = false;
  bool delivering_ = false;
  bool waits_readable_ = false;
  bool waits_writable_ = false;
};

}  // namespace chronik::host
