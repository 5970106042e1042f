#include "bench/perf/fetch.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/kafka_bytes.h"

namespace perf {
namespace {

constexpr int16_t kFetchApi = 1;
constexpr int16_t kFetchVersion = 4;  // the oldest with today's batches
constexpr int64_t kBatchHead = 12;    // before what its length counts
constexpr int64_t kBatchHeader = 61;

int connected(const std::string& bootstrap) {
  const std::string first = bootstrap.substr(0, bootstrap.find(','));
  const size_t colon = first.rfind(':');
  if (colon == std::string::npos) die("no port in " + first);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(first.substr(0, colon).c_str(), first.substr(colon + 1).c_str(), &hints, &found) != 0)
    die("no address: " + first);
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) die("no connection to " + first);
  freeaddrinfo(found);
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return fd;
}

}  // namespace

Fetcher::Fetcher(const Topic& topic) : topic_(topic), fd_(connected(topic.bootstrap)) {}
Fetcher::~Fetcher() { close(fd_); }

void Fetcher::transfer_all(bool out, uint8_t* p, size_t n) const {
  while (n > 0) {
    const ssize_t moved = out ? ::send(fd_, p, n, MSG_NOSIGNAL) : recv(fd_, p, n, MSG_WAITALL);
    if (moved <= 0) die("the connection of a Fetch has ended");
    p += moved;
    n -= static_cast<size_t>(moved);
  }
}

// Sends the request; the response without its length.
std::span<uint8_t> Fetcher::exchange() {
  transfer_all(true, reinterpret_cast<uint8_t*>(request_.data()), request_.size());
  uint8_t length[4];
  transfer_all(false, length, sizeof length);
  response_.resize(kafka_bytes::load<uint32_t>(length));
  auto* const bytes = reinterpret_cast<uint8_t*>(response_.data());
  transfer_all(false, bytes, response_.size());
  return {bytes, response_.size()};
}

void Fetcher::fetch(int32_t partition, int64_t offset, int32_t max_bytes,
                    const std::function<void(const Batch&)>& take) {
  request_.clear();
  kafka_bytes::Writer out(&request_);
  out.number(kFetchApi).number(kFetchVersion).number(++sent_).string("perf_client");
  out.number(int32_t{-1}).number(int32_t{0}).number(int32_t{0}).number(max_bytes).number(int8_t{0});
  out.number(int32_t{1})
      .string(topic_.name)
      .number(int32_t{1})
      .number(partition)
      .number(offset)
      .number(max_bytes);
  out.finish();

  kafka_bytes::Reader in(exchange());
  in.number<int32_t>();  // correlation
  in.number<int32_t>();  // throttle time
  if (in.number<int32_t>() != 1) die("a Fetch without an answer for its topic");
  in.string();
  if (in.number<int32_t>() != 1 || in.number<int32_t>() != partition)
    die("a Fetch without an answer for its partition");
  if (const auto error = in.number<int16_t>(); error != 0)
    die("a Fetch failed with error " + std::to_string(error));
  in.take(16);  // high watermark, last stable offset
  for (auto aborted = in.number<int32_t>(); aborted > 0; --aborted) in.take(16);
  std::span<uint8_t> records = in.take(in.number<int32_t>());
  if (!in.ok()) die("a Fetch's answer is cut short");
  while (records.size() >= kBatchHeader) {
    const uint8_t* const p = records.data();
    const int64_t n = kafka_bytes::load<int32_t>(p + 8) + kBatchHead;
    if (n < kBatchHeader || static_cast<size_t>(n) > records.size()) break;  // the last one may be cut
    take({.next_offset = kafka_bytes::load<int64_t>(p) + kafka_bytes::load<int32_t>(p + 23) + 1,
          .newest_timestamp = kafka_bytes::load<int64_t>(p + 35),
          .bytes = records.first(static_cast<size_t>(n))});
    records = records.subspan(static_cast<size_t>(n));
  }
}

}  // namespace perf
