// RecordList: the records of one write, encoded as Kafka keeps them: keys and values, one behind the other.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kafka-proto/wire/types.h"

namespace chronik::kafka {

class RecordList {
 public:
  // Beside its key and value, in a batch whose records have one time: lengths, deltas and attributes.
  static constexpr size_t kMaxOverhead = 24;

  // No value: what the key names is gone.
  void add(Bytes key, const std::optional<Bytes>& value) {
    bytes_.insert(bytes_.end(), key.begin(), key.end());
    const size_t key_end = bytes_.size();
    if (value.has_value()) bytes_.insert(bytes_.end(), value->begin(), value->end());
    places_.push_back({key_end, bytes_.size(), value.has_value()});
  }
  bool empty() const { return places_.empty(); }
  size_t size() const { return places_.size(); }
  // What they take in a batch, at most.
  size_t batch_bytes() const { return bytes_.size() + places_.size() * kMaxOverhead; }

  // visit(key, value) for each.
  template <class Visit>
  void each(Visit&& visit) const {
    size_t at = 0;
    for (const Place& place : places_) {
      const Bytes all(bytes_);
      std::optional<Bytes> value;
      if (place.has_value) value = all.subspan(place.key_end, place.end - place.key_end);
      visit(all.subspan(at, place.key_end - at), value);
      at = place.end;
    }
  }

 private:
  struct Place {
    size_t key_end, end;
    bool has_value;
  };
  std::vector<uint8_t> bytes_;
  std::vector<Place> places_;
};

}  // namespace chronik::kafka
