// What two processes of one command say to each other over a socket: a type, a small head, and bytes. Both
// are this program, so nothing is versioned.
#pragma once

#include <chronik/result.hpp>

#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::host {

enum class MessageType : uint32_t {
  kHave = 1,  // to the one who reads: a group that is there, and its last index
  kGo,        // and that these are all
  kTotals,    // to the one who writes: of all groups
  kGroup,     // what follows is of this one
  kKey,
  kEntry,
  kDigest,  // of a whole group
  kEnd,
};

// A socket's end, closed when it goes.
class SocketEnd {
 public:
  explicit SocketEnd(int fd = -1) : fd_(fd) {}
  SocketEnd(SocketEnd&& other) noexcept;
  SocketEnd& operator=(SocketEnd&& other) noexcept;
  ~SocketEnd() { close(); }
  int fd() const { return fd_; }
  void close();

 private:
  int fd_;
};
struct SocketPair {
  static Result<SocketPair> make();
  SocketEnd first, second;
};

// Blocking. CANCELLED: the other side is gone, and knows better why.
class MessageWriter {
 public:
  explicit MessageWriter(int fd) : fd_(fd) {}
  Status write(MessageType type, std::string_view head, std::string_view body);
  // A head that is a struct of plain numbers.
  template <class T>
    requires(!std::convertible_to<const T&, std::string_view>)
  Status write(MessageType type, const T& head, std::string_view body) {
    return write(type, std::string_view(reinterpret_cast<const char*>(&head), sizeof head), body);
  }
  Status flush();

 private:
  Status send(std::string_view bytes);

  int fd_;
  std::string buffer_;
};

// Blocking. CANCELLED as above.
class MessageReader {
 public:
  explicit MessageReader(int fd) : fd_(fd) {}
  // The next one; its body is to be read before the next call.
  Status next();
  MessageType type() const { return type_; }
  const std::string& head() const { return head_; }
  uint64_t body_size() const { return body_size_; }
  Status read_body(void* to) { return read(to, body_size_); }
  Result<std::string> body();
  // The head as a struct of plain numbers.
  template <class T>
  Result<T> head_as() const {
    T out{};
    if (head_.size() != sizeof out)
      return fail(Code::kFailed, "a message between two processes is malformed");
    head_.copy(reinterpret_cast<char*>(&out), sizeof out);
    return out;
  }

 private:
  Status read(void* to, uint64_t n);
  Result<size_t> receive(void* to, size_t most);

  int fd_;
  std::vector<char> buffer_;
  size_t at_ = 0, end_ = 0;  // what of the buffer was not given out yet
  MessageType type_{};
  std::string head_;
  uint64_t body_size_ = 0;
};

}  // namespace chronik::host
