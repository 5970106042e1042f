#include "bench/sink/direct_log.h"

#include "bench/sink/direct_disk.h"

#include <chronik/crc32c.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>

namespace bare_sink {
namespace {

constexpr size_t kMostBytes = 4 << 20;  // of a write
constexpr size_t kEnough = 1 << 20;     // for one
constexpr uint64_t kLeastRing = 512 << 20;

// What lies in front of the batches of a write. A reader would know by it what belongs to the ring's current round, and find the
// end: each write names the checksum of the one before it.
struct Head {
  uint64_t sequence = 0;
  uint32_t bytes = 0, parts = 0;
  uint32_t previous = 0;
  uint32_t crc = 0;  // over what is before it; the batches have checksums of their own
};

struct FreeDeleter {
  void operator()(uint8_t* p) const { std::free(p); }
};
using Buffer = std::unique_ptr<uint8_t[], FreeDeleter>;

// Acknowledges in order: what a reader finds after a gap is lost.
class DirectLog final : public Log {
 public:
  DirectLog(const std::string& directory, size_t partitions, uint64_t retention, int wake, bool threads_only)
      : next_offsets_(partitions),
        ring_bytes_(std::max<uint64_t>(kLeastRing, (partitions * retention / kMostBytes + 1) * kMostBytes)),
        disk_(open_direct_disk(make_zeroed_file(directory + "/ring", ring_bytes_), wake, threads_only)) {}

  void submit(Request request) override {
    waiting_bytes_ += request.bytes;
    waiting_.push_back(std::move(request));
    if (waiting_bytes_ >= kEnough) end_turn();  // the disk is not idle while more is read
  }
  void end_turn() override {
    while (!waiting_.empty() && in_flight_.size() < kMostInFlight) write_next();
  }
  std::vector<Request> take_done() override {
    for (const uint64_t token : disk_->take_ended())
      in_flight_[token - in_flight_.front().sequence].ended = true;
    std::vector<Request> out;
    while (!in_flight_.empty() && in_flight_.front().ended) {
      std::ranges::move(in_flight_.front().requests, std::back_inserter(out));
      buffers_.push_back(std::move(in_flight_.front().buffer));
      in_flight_.pop_front();
    }
    end_turn();
    return out;
  }

 private:
  struct Write {
    uint64_t sequence = 0;
    Buffer buffer;
    std::vector<Request> requests;
    bool ended = false;
  };

  Buffer take_buffer() {
    if (buffers_.empty()) {
      Buffer made(static_cast<uint8_t*>(std::aligned_alloc(kBlock, kMostBytes)));
      if (made == nullptr) die("no memory");
      return made;
    }
    Buffer buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }

  // One write of as many requests as wait and fit.
  void write_next() {
    Write write{next_sequence_++, take_buffer(), {}, false};
    Head head{.sequence = write.sequence, .previous = previous_crc_};
    size_t n = sizeof head;
    while (!waiting_.empty() && n + waiting_.front().bytes <= kMostBytes) {
      for (Part& part : waiting_.front().parts)
        if (part.error == 0) {
          auto& next = next_offsets_[static_cast<size_t>(part.partition)];
          part.base_offset = next;
          next += part.count;
          copy_batches(part, write.buffer.get() + n);
          n += part.records.size();
          ++head.parts;
        }
      waiting_bytes_ -= waiting_.front().bytes;
      write.requests.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    head.bytes = static_cast<uint32_t>(n);
    head.crc = previous_crc_ =
        chronik::crc32c::value({reinterpret_cast<const uint8_t*>(&head), offsetof(Head, crc)});
    std::memcpy(write.buffer.get(), &head, sizeof head);
    const size_t padded = (n + kBlock - 1) / kBlock * kBlock;
    std::memset(write.buffer.get() + n, 0, padded - n);
    if (at_ + padded > ring_bytes_) at_ = 0;
    const DiskWrite to_disk{write.buffer.get(), padded, at_, write.sequence};
    at_ += padded;
    in_flight_.push_back(std::move(write));
    disk_->write(to_disk);
  }

  std::vector<int64_t> next_offsets_;
  uint64_t ring_bytes_;
  std::unique_ptr<DirectDisk> disk_;
  std::deque<Request> waiting_;
  size_t waiting_bytes_ = 0;
  std::deque<Write> in_flight_;  // in the order of their sequence
  std::vector<Buffer> buffers_;  // used again last in, first out
  uint64_t at_ = 0;
  uint64_t next_sequence_ = 0;
  uint32_t previous_crc_ = 0;
};

}  // namespace

std::unique_ptr<Log> open_direct_log(const std::string& directory, size_t partitions, uint64_t retention,
                                     int wake, bool threads_only) {
  return std::make_unique<DirectLog>(directory, partitions, retention, wake, threads_only);
}

}  // namespace bare_sink
