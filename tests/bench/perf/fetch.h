// Kafka's Fetch on a socket: when it is asked, and for how much, is up to the caller. librdkafka fetches ahead, and then rests for as
// long as a second.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "bench/perf/client.h"

namespace perf {

class Fetcher {
 public:
  // The first address of the topic's bootstrap, which has to lead all partitions.
  explicit Fetcher(const Topic& topic);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  struct Batch {
    int64_t next_offset = 0;       // the one behind it
    int64_t newest_timestamp = 0;  // ms since 1970
    std::span<uint8_t> bytes;
  };
  // The whole batches that one Fetch returns.
  void fetch(int32_t partition, int64_t offset, int32_t max_bytes,
             const std::function<void(const Batch&)>& take);

 private:
  std::span<uint8_t> exchange();
  void transfer_all(bool out, uint8_t* p, size_t n) const;

  Topic topic_;
  int fd_ = -1;
  int32_t sent_ = 0;
  std::string request_;
  std::string response_;
};

}  // namespace perf
