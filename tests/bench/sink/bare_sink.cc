// The limit beside ours: what a Kafka producer and a disk allow on this machine with nothing in between.
//
//     bare_sink PORT DIRECTORY TOPIC PARTITIONS RETENTION_BYTES lmdb|direct|direct-threads
//
// One topic, its partitions, one thread for sockets. It takes Produce, checks each batch's CRC32C, gives it its offset, makes it
// durable and acknowledges: in an LMDB environment of its own (lmdb_log.h), or in a file past the page cache (direct_log.h) by
// io_uring, or by threads. RETENTION_BYTES is what a partition keeps (0: everything). No replication, no fetch, no restart on old
// data, no producer state: whoever offers these may be slower.
//
// Wire versions are pinned to what librdkafka needs: ApiVersions 0, Metadata 1, Produce 3-7.
// Fetch is named because librdkafka writes today's record batches only to brokers that do; a
// connection that uses it is closed.
#include "bench/kafka_bytes.h"
#include "bench/sink/direct_log.h"
#include "bench/sink/lmdb_log.h"
#include "bench/sink/request.h"

#include <chronik/crc32c.hpp>

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using bare_sink::Frames;
using bare_sink::kMostFrame;
using bare_sink::load;
using bare_sink::Log;
using bare_sink::must_fd;
using bare_sink::Part;
using bare_sink::Request;
using kafka_bytes::Reader;
using kafka_bytes::Writer;

constexpr int16_t kProduce = 0, kFetch = 1, kMetadata = 3, kApiVersions = 18;
constexpr int16_t kCorruptMessage = 2, kUnknownPartition = 3, kUnsupportedVersion = 35;
constexpr size_t kMostQueued = 16 << 20;  // then sockets are left unread: librdkafka would queue without end
constexpr size_t kBatchHeader = 61;

// The number of records in all batches of a partition's records, or -1 where they are not what they say.
int64_t checked_records(std::span<const uint8_t> records) {
  int64_t count = 0;
  while (!records.empty()) {
    if (records.size() < kBatchHeader || records[16] != 2) return -1;
    const auto length = static_cast<size_t>(load<uint32_t>(records.data() + 8)) + 12;
    if (length < kBatchHeader || length > records.size()) return -1;
    if (load<uint32_t>(records.data() + 17) != chronik::crc32c::value(records.subspan(21, length - 21)))
      return -1;
    count += int64_t{load<int32_t>(records.data() + 23)} + 1;
    records = records.subspan(length);
  }
  return count;
}

struct Connection {
  int fd = -1;
  uint64_t id = 0;
  std::array<uint8_t, 4> length{};
  size_t have = 0;  // of the length and the frame together
  Frames::Frame frame;
  std::string out;
};

class Server {
 public:
  // wake: an eventfd, signalled by the log.
  Server(uint16_t port, std::string topic, size_t partitions, int wake, Log* log)
      : port_(port),
        topic_(std::move(topic)),
        partitions_(partitions),
        epoll_(must_fd(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        wake_(wake),
        listener_(must_fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket")),
        log_(log) {
    const int yes = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must_fd(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
    must_fd(listen(listener_, 64), "listen");
    watch(EPOLL_CTL_ADD, listener_, kListener, EPOLLIN);
    watch(EPOLL_CTL_ADD, wake_, kWake, EPOLLIN);
  }

  [[noreturn]] void run() {
    for (;;) {
      std::array<epoll_event, 64> events;
      const int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < n; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        if (event.data.u64 == kListener) accept_one();
        if (event.data.u64 == kWake) acknowledge();
        const auto found = connections_.find(event.data.u64);
        if (found == connections_.end()) continue;
        if ((event.events & EPOLLOUT) != 0) flush(found->second);
        if ((event.events & ~uint32_t{EPOLLOUT}) != 0) read(found->second);
      }
      log_->end_turn();
    }
  }

 private:
  static constexpr uint64_t kListener = 0, kWake = 1;

  void watch(int what, int fd, uint64_t id, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = id;
    must_fd(epoll_ctl(epoll_, what, fd, &event), "epoll_ctl");
  }
  void watch(const Connection& c) {
    const uint32_t in = queued_ < kMostQueued ? uint32_t{EPOLLIN} : 0;
    watch(EPOLL_CTL_MOD, c.fd, c.id, in | (c.out.empty() ? 0 : uint32_t{EPOLLOUT}));
  }

  void accept_one() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    Connection& c = connections_[++last_id_];
    c.fd = fd;
    c.id = last_id_;
    watch(EPOLL_CTL_ADD, fd, c.id, EPOLLIN);
  }

  void close_connection(Connection& c) {
    close(c.fd);
    connections_.erase(c.id);
  }

  // Reads until the socket is empty or enough is queued. One readv takes the rest of a frame
  // and the length of the next.
  void read(Connection& c) {
    while (queued_ < kMostQueued) {
      if (c.have < 4) {
        const ssize_t got = recv(c.fd, c.length.data() + c.have, 4 - c.have, 0);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return close_connection(c);
        c.have += static_cast<size_t>(got);
        continue;
      }
      const size_t n = load<uint32_t>(c.length.data());
      if (n > kMostFrame) return close_connection(c);
      if (c.frame == nullptr) c.frame = frames_.get();
      std::array<uint8_t, 4> next{};
      const size_t had = c.have - 4;
      const std::array<iovec, 2> to = {iovec{c.frame.get() + had, n - had}, iovec{next.data(), next.size()}};
      const ssize_t got = readv(c.fd, to.data(), to.size());
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return close_connection(c);
      c.have += static_cast<size_t>(got);
      if (c.have < 4 + n) continue;
      c.have -= 4 + n;
      c.length = next;
      if (!frame_complete(c, std::move(c.frame), n)) return close_connection(c);
    }
    for (const auto& [id, each] : connections_) watch(each);
  }

  bool frame_complete(Connection& c, Frames::Frame frame, size_t n) {
    Reader in({frame.get(), n});
    Request request;
    const auto api = in.number<int16_t>();
    request.version = in.number<int16_t>();
    request.correlation = in.number<int32_t>();
    in.string();  // client id
    if (!in.ok()) return false;
    if (api == kProduce) return produce(c, std::move(request), in, std::move(frame), n);
    frames_.put(std::move(frame));
    if (api == kApiVersions)
      answer_versions(c, request);
    else if (api == kMetadata && request.version == 1)
      answer_metadata(c, request.correlation);
    else
      return false;
    flush(c);
    return true;
  }

  void answer_versions(Connection& c, const Request& request) {
    // Version 0 is what every client falls back to when it is told so in version 0.
    Writer out(&c.out);
    out.number(request.correlation);
    out.number(request.version == 0 ? int16_t{0} : kUnsupportedVersion).number(int32_t{4});
    using Range = std::array<int16_t, 3>;
    for (const auto& [key, from, to] :
         {Range{kProduce, 3, 7}, Range{kFetch, 4, 4}, Range{kMetadata, 1, 1}, Range{kApiVersions, 0, 0}})
      out.number(key).number(from).number(to);
    out.finish();
  }

  void answer_metadata(Connection& c, int32_t correlation) {
    Writer out(&c.out);
    out.number(correlation);
    out.number(int32_t{1}).number(int32_t{1}).string("127.0.0.1").number(int32_t{port_}).number(int16_t{-1});
    out.number(int32_t{1});  // controller
    out.number(int32_t{1}).number(int16_t{0}).string(topic_).number(int8_t{0});
    out.number(static_cast<int32_t>(partitions_));
    for (int32_t p = 0; p < static_cast<int32_t>(partitions_); ++p) {
      out.number(int16_t{0}).number(p).number(int32_t{1});  // leader
      out.number(int32_t{1}).number(int32_t{1});            // replicas
      out.number(int32_t{1}).number(int32_t{1});            // in sync
    }
    out.finish();
  }

  bool produce(Connection& c, Request request, Reader& in, Frames::Frame frame, size_t n) {
    in.string();  // transactional id
    request.acks = in.number<int16_t>();
    in.number<int32_t>();  // timeout
    if (in.number<int32_t>() != 1) return false;
    request.topic = in.string();
    for (auto left = in.number<int32_t>(); left > 0 && in.ok(); --left) {
      Part part;
      part.partition = in.number<int32_t>();
      part.records = in.take(in.number<int32_t>());
      const bool known =
          request.topic == topic_ && part.partition >= 0 && static_cast<size_t>(part.partition) < partitions_;
      part.count = checked_records(part.records);
      if (part.count <= 0) part.error = kCorruptMessage;
      if (!known) part.error = kUnknownPartition;
      request.parts.push_back(part);
    }
    if (!in.ok() || request.version < 3 || request.version > 7) return false;
    request.connection = c.id;
    request.frame = std::move(frame);
    request.bytes = n;
    queued_ += n;
    log_->submit(std::move(request));
    return true;
  }

  // What was committed: answers in the order of the requests, buffers back, sockets read again.
  void acknowledge() {
    uint64_t ignored = 0;
    if (::read(wake_, &ignored, sizeof ignored) < 0) return;
    for (Request& request : log_->take_done()) {
      queued_ -= request.bytes;
      frames_.put(std::move(request.frame));
      const auto found = connections_.find(request.connection);
      if (found == connections_.end() || request.acks == 0) continue;
      Writer out(&found->second.out);
      out.number(request.correlation);
      out.number(int32_t{1}).string(request.topic).number(static_cast<int32_t>(request.parts.size()));
      for (const Part& part : request.parts) {
        out.number(part.partition).number(part.error).number(part.base_offset).number(int64_t{-1});
        if (request.version >= 5) out.number(int64_t{0});
      }
      out.number(int32_t{0});  // throttle time
      out.finish();
    }
    for (auto& [id, c] : connections_) flush(c);
  }

  // Sends what the socket takes. An error is left for the next read, which closes the connection.
  void flush(Connection& c) {
    while (!c.out.empty()) {
      const ssize_t sent = send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) break;
      c.out.erase(0, sent < 0 ? std::string::npos : static_cast<size_t>(sent));
    }
    watch(c);
  }

  uint16_t port_;
  std::string topic_;
  size_t partitions_;
  int epoll_, wake_, listener_;
  Log* log_;
  Frames frames_;
  std::unordered_map<uint64_t, Connection> connections_;
  uint64_t last_id_ = kWake;
  size_t queued_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string how = argc == 7 ? argv[6] : "";
  if (how != "lmdb" && how != "direct" && how != "direct-threads") {
    std::fprintf(
        stderr,
        "usage: bare_sink PORT DIRECTORY TOPIC PARTITIONS RETENTION_BYTES lmdb|direct|direct-threads\n");
    return 2;
  }
  // LMDB allocates the pages of a transaction and frees them again: keep them, or each one is a fresh page.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  const auto partitions = static_cast<size_t>(std::max(1, std::atoi(argv[4])));
  const uint64_t retention = std::strtoull(argv[5], nullptr, 10);
  const int wake = must_fd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
  const std::unique_ptr<Log> log =
      how == "lmdb"
          ? bare_sink::open_lmdb_log(argv[2], partitions, retention, wake)
          : bare_sink::open_direct_log(argv[2], partitions, retention, wake, how == "direct-threads");
  Server(static_cast<uint16_t>(std::atoi(argv[1])), argv[3], partitions, wake, log.get()).run();
}
