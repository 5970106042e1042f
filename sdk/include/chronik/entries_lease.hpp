// What a read hands out: entries, and what keeps their payloads where they are, under one lease.
//
//     struct Pins {  // of your own: what its destructor gives back holds the payloads
//       std::vector<std::shared_ptr<const Block>> blocks;
//       bool is_recalled() const { return false; }  // whether the payloads are wanted back
//     };
//     auto answer = std::make_unique<EntriesLease<Pins>>();
//     answer->held().blocks.push_back(block);
//     answer->add(header, block->payload, header.bytes);
//     EntriesLease<Pins>::publish(std::move(answer), out);  // out: chr_entries*
//
// One thread makes and fills it. Once it is published it belongs to whoever holds its lease: the last release,
// on [any] thread and perhaps after the storage has gone, destroys Held, and is_recalled() is asked on any.
#pragma once

#include <chronik/storage.h>
#include <chronik/host.hpp>
#include <chronik/leased.hpp>

#include <memory>
#include <vector>

namespace chronik {

template <class Held>
class EntriesLease : public Leased<EntriesLease<Held>> {
 public:
  // The arguments are Held's.
  template <class... Args>
  explicit EntriesLease(Args&&... args) : held_{std::forward<Args>(args)...} {}

  Held& held() { return held_; }
  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  void reserve(size_t n) { entries_.reserve(n); }

  // Held keeps the payload. nullptr: the header alone.
  void add(const chr_entry_header& header, const uint8_t* payload, uint64_t n) {
    chr_slice slice{};
    if (payload != nullptr) slice = {payload, n, this->lease()};
    entries_.push_back({header, slice});
  }
  // Its payload has a lease of its own, of which Held has a reference; or none.
  void add(const chr_entry& entry) { entries_.push_back(entry); }

  // Gives it to the caller of a read, with the one reference. Without entries, or as nullptr, it ends here and
  // *out says that there are none.
  static void publish(std::unique_ptr<EntriesLease> lease, chr_entries* out) {
    out->n = 0;
    out->entries = nullptr;
    out->lease = nullptr;
    if (lease == nullptr || lease->empty()) return;
    out->n = static_cast<uint32_t>(lease->entries_.size());
    out->entries = lease->entries_.data();
    out->lease = lease.release()->lease();
  }

  // Asked of its lease.
  bool is_recalled() const { return held_.is_recalled(); }

 private:
  std::vector<chr_entry> entries_;
  Held held_;
};

}  // namespace chronik
