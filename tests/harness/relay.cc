// Carries the links between nodes, and troubles them. Ends when its input does.
//   relay      reads one command a line, answers each with one line: "ok", "port N" or "error ..."
//     link A B HOST:PORT   listens on a free port for what node A sends node B, who listens there
//     delay A B MS         from A to B, bytes take that long (0: as before)
//     rate A B BYTES       so many a second go from A to B, over all connections (0: as before)
//     hold A B             bytes from A to B stay where they are, as behind a dead cable; nothing is closed
//     release A B          they go on
//     reset A B            every connection between the two ends with a reset
// A and B name a direction, whoever of the two has made the connection.
#include <boost/asio.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <deque>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

constexpr size_t kChunk = 64 << 10;
constexpr size_t kMostQueued = 4 << 20;        // then the sender sees a full window, as on a long cable
constexpr size_t kMostQueuedSlow = 256 << 10;  // as on a narrow one

// What holds for all bytes from one node to another.
struct Direction {
  bool held = false;
  std::chrono::milliseconds delay{0};
  int64_t rate = 0;           // bytes a second; 0: no limit
  Clock::time_point free_at;  // what comes next goes after what came before

  Clock::time_point due(size_t n) {
    const Clock::time_point now = Clock::now();
    if (rate == 0) return now + delay;
    const auto takes = std::chrono::nanoseconds(static_cast<int64_t>(n) * 1'000'000'000 / rate);
    free_at = std::max(free_at, now) + takes;
    return free_at + delay;
  }
};

// One way of a connection. Bytes wait until they are due, and then while the direction is held.
class Pipe : public std::enable_shared_from_this<Pipe> {
 public:
  Pipe(std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to, Direction& rule)
      : from_(std::move(from)), to_(std::move(to)), rule_(rule), due_(from_->get_executor()) {}

  void read() {
    if (reading_ || ended_ || queued_ > (rule_.rate == 0 ? kMostQueued : kMostQueuedSlow)) return;
    reading_ = true;
    auto chunk = std::make_shared<std::vector<char>>(kChunk);
    from_->async_read_some(asio::buffer(*chunk),
                           [self = shared_from_this(), chunk](error_code error, size_t n) {
                             self->reading_ = false;
                             if (error == asio::error::operation_aborted) return;
                             chunk->resize(error ? 0 : n);
                             self->ended_ = static_cast<bool>(error);
                             self->reset_ = error && error != asio::error::eof;
                             self->queue_.push_back({self->rule_.due(chunk->size()), chunk});
                             self->queued_ += chunk->size();
                             self->write();
                             self->read();
                           });
  }

  bool finished() const { return finished_ || !to_->is_open(); }

  // Also when the rule has changed.
  void write() {
    if (writing_ || queue_.empty() || rule_.held) return;
    if (queue_.front().due > Clock::now()) {
      due_.expires_at(queue_.front().due);
      due_.async_wait([self = shared_from_this()](error_code error) {
        if (!error) self->write();
      });
      return;
    }
    const auto chunk = queue_.front().bytes;
    if (chunk->empty()) return end();
    writing_ = true;
    asio::async_write(*to_, asio::buffer(*chunk),
                      [self = shared_from_this(), chunk](error_code error, size_t) {
                        self->writing_ = false;
                        if (error) return self->gone();
                        self->queued_ -= chunk->size();
                        self->queue_.pop_front();
                        self->write();
                        self->read();
                      });
  }

 private:
  struct Chunk {
    Clock::time_point due;
    std::shared_ptr<std::vector<char>> bytes;  // empty: the end
  };

  void end() {
    queue_.clear();
    finished_ = true;
    error_code ignored;
    if (reset_) return gone();
    to_->shutdown(tcp::socket::shutdown_send, ignored);
  }

  void gone() {
    error_code ignored;
    for (const auto& socket : {from_, to_}) {
      socket->set_option(asio::socket_base::linger(true, 0), ignored);
      socket->close(ignored);
    }
  }

  std::shared_ptr<tcp::socket> from_, to_;
  Direction& rule_;
  asio::steady_timer due_;
  std::deque<Chunk> queue_;
  size_t queued_ = 0;
  bool reading_ = false, writing_ = false, ended_ = false, reset_ = false, finished_ = false;
};

using Way = std::pair<int, int>;  // from, to

struct Connected {
  Way made;  // who has made it, to whom
  std::shared_ptr<tcp::socket> near, far;
  std::shared_ptr<Pipe> out, back;
};

class Relay {
 public:
  explicit Relay(asio::io_context& io) : io_(io) {}

  std::string command(const std::string& line) {
    std::istringstream in(line);
    std::string verb;
    Way way;
    in >> verb >> way.first >> way.second;
    if (!in) return "error a command is: link|delay|rate|hold|release|reset A B [...]";
    if (verb == "link") {
      std::string address;
      in >> address;
      return listen(way, address);
    }
    if (verb == "delay") {
      int64_t ms = 0;
      if (!(in >> ms)) return "error delay A B MS";
      rules_[way].delay = std::chrono::milliseconds(ms);
    } else if (verb == "rate") {
      int64_t bytes = 0;
      if (!(in >> bytes) || bytes < 0) return "error rate A B BYTES";
      rules_[way].rate = bytes;
    } else if (verb == "hold" || verb == "release") {
      rules_[way].held = verb == "hold";
    } else if (verb == "reset") {
      reset(way);
    } else {
      return "error unknown command " + verb;
    }
    for (const Connected& c : connections_) {
      c.out->write();
      c.back->write();
    }
    return "ok";
  }

 private:
  std::string listen(Way way, const std::string& address) {
    const size_t colon = address.rfind(':');
    uint16_t port = 0;
    if (colon == std::string::npos ||
        std::from_chars(address.data() + colon + 1, address.data() + address.size(), port).ec != std::errc{})
      return "error link A B HOST:PORT";
    const tcp::endpoint target(asio::ip::make_address(address.substr(0, colon)), port);
    auto acceptor = std::make_shared<tcp::acceptor>(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    accept(way, acceptor, target);
    return "port " + std::to_string(acceptor->local_endpoint().port());
  }

  void accept(Way way, const std::shared_ptr<tcp::acceptor>& acceptor, tcp::endpoint target) {
    auto near = std::make_shared<tcp::socket>(io_);
    acceptor->async_accept(*near, [this, way, acceptor, target, near](error_code error) {
      if (!error) dial(way, near, target);
      accept(way, acceptor, target);
    });
  }

  void dial(Way way, const std::shared_ptr<tcp::socket>& near, tcp::endpoint target) {
    auto far = std::make_shared<tcp::socket>(io_);
    far->async_connect(target, [this, way, near, far](error_code error) {
      error_code ignored;
      near->set_option(tcp::no_delay(true), ignored);
      if (error) {  // nobody listens there: the same for who has dialled
        near->set_option(asio::socket_base::linger(true, 0), ignored);
        near->close(ignored);
        return;
      }
      far->set_option(tcp::no_delay(true), ignored);
      const auto out = std::make_shared<Pipe>(near, far, rules_[way]);
      const auto back = std::make_shared<Pipe>(far, near, rules_[{way.second, way.first}]);
      connections_.remove_if([](const Connected& c) { return c.out->finished() && c.back->finished(); });
      connections_.push_back({way, near, far, out, back});
      out->read();
      back->read();
    });
  }

  void reset(Way way) {
    error_code ignored;
    for (const Connected& c : connections_) {
      if (c.made != way && c.made != Way{way.second, way.first}) continue;
      for (const auto& socket : {c.near, c.far}) {
        socket->set_option(asio::socket_base::linger(true, 0), ignored);
        socket->close(ignored);
      }
    }
  }

  asio::io_context& io_;
  std::map<Way, Direction> rules_;  // its elements stay where they are
  std::list<Connected> connections_;
};

class Commands {
 public:
  Commands(asio::io_context& io, Relay& relay) : io_(io), relay_(relay), input_(io, ::dup(STDIN_FILENO)) {}

  void next() {
    asio::async_read_until(input_, asio::dynamic_buffer(text_), '\n', [this](error_code error, size_t n) {
      if (error) return io_.stop();
      const std::string answer = relay_.command(text_.substr(0, n - 1));
      text_.erase(0, n);
      std::cout << answer << std::endl;
      next();
    });
  }

 private:
  asio::io_context& io_;
  Relay& relay_;
  asio::posix::stream_descriptor input_;
  std::string text_;
};

}  // namespace

int main() {
  asio::io_context io(1);
  Relay relay(io);
  Commands commands(io, relay);
  commands.next();
  io.run();
}
