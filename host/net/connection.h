// Connection: one client's socket on its shard. Bytes in, slices out; see chronik/net.h for the promises.
#pragma once

#include "host/net/read_buffer.h"
#include "host/net/write_queue.h"

#include <chronik/net.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace chronik::host {

class ConnectionSet;

// To whom a listener hands its connections.
struct ListenTarget {
  const void* owner;   // whoever listens; its connections end together
  std::string plugin;  // its id, for log lines
  const chr_protocol_v1* protocol;
  void* instance;
  std::atomic<bool> closed{false};  // what is accepted from now on is closed at once
};

// On its shard only. A handler of the event loop may keep it for longer than its ConnectionSet lives, so that
// its end touches neither.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Takes over fd, a connected non-blocking socket.
  Connection(ConnectionSet& set, std::shared_ptr<ListenTarget> target, int fd);

  static Connection* of(chr_conn* conn) { return reinterpret_cast<Connection*>(conn); }
  chr_conn* handle() { return reinterpret_cast<chr_conn*>(this); }
  const ListenTarget& target() const { return *target_; }

  // Offers the connection to the protocol and starts to read; false when it was refused.
  bool open();

  // chr_net_v1.
  void write(const chr_slice* slices, uint32_t n);
  uint64_t queued() const { return queue_.bytes(); }
  void pause();
  void resume();
  void close(bool flush);

  // Hands what is queued to the kernel, once per turn of the loop.
  void flush();
  // Called a few times a second while it is active: ends what has taken too long, gives back what is not used.
  // False: it rests.
  bool sweep(uint64_t now_ns);
  // Called more often than that while it is queued: ends leases that are too old, or that their owner wants back.
  void end_old_leases(uint64_t now_ns);
  // Ends it at once; closed() follows through ConnectionSet.
  void finish(chr_status reason);

  bool in_flush_list = false;  // of ConnectionSet
  bool in_active_list = false;
  bool in_queued_list = false;
  void notify_closed();

 private:
  enum class State {
    kOpen,
    kFlushing,   // close(flush) was called: writes what is queued
    kLingering,  // all is written and our side is shut; reads to the end, so that the peer gets it all
    kClosed
  };

  void wait_readable();
  void on_readable();
  void receive();
  void discard_input();
  void deliver();
  void deliver_rest();
  void be_active();
  void wait_writable();
  void after_write(uint64_t before, uint64_t sent);
  int fd() { return socket_.native_handle(); }

  ConnectionSet& set_;
  const std::shared_ptr<ListenTarget> target_;
  boost::asio::posix::stream_descriptor socket_;
  std::string peer_;
  std::string local_;
  void* session_ = nullptr;
  ReadBuffer input_;
  WriteQueue queue_;
  State state_ = State::kOpen;
  chr_status reason_ = CHR_OK;
  uint64_t min_input_ = 1;             // data() is called from this many bytes on
  uint64_t deadline_ns_ = UINT64_MAX;  // of kFlushing and kLingering
  uint64_t progress_ns_ = 0;           // when the reader last took something, or the queue began
  uint64_t copied_ = 0;                // since the queue was last empty
  uint64_t shared_copied_ = 0;         // of these, taken from the budget that all slow readers share
  bool paused_ = false;
  bool delivering_ = false;
  bool reading_ = false;  // what is answered meanwhile is flushed at its end
  bool waits_readable_ = false;
  bool waits_writable_ = false;
  bool was_active_ = false;  // since the last sweep
  bool accepted_ = false;
};

}  // namespace chronik::host
