// For authors of a chronik.storage/1 plugin: a write that outlives the call that brought it, what the ABI
// demands of its steps, and the guard that keeps a refused append from leaving a hole. Header-only; no
// threads, no I/O.
#pragma once

#include <chronik/storage.h>
#include <chronik/host.hpp>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

namespace chronik {

inline constexpr uint64_t kMaxStorageKey = 255;
inline constexpr uint64_t kMaxStorageValue = 1u << 20;
inline constexpr uint64_t kMaxGroupName = 255;

// What can be said of a write without looking at the log.
inline Status check_steps(const chr_storage_write& write) {
  const auto bad = [&write](std::string what) {
    return fail(Code::kInvalidArgument,
                "write to group " + std::to_string(write.group) + ": " + std::move(what));
  };
  if (write.group == 0 || write.n == 0) return bad("has no group or no steps");
  for (uint64_t i = 0; i < write.n; ++i) {
    const chr_storage_step& step = write.steps[i];
    switch (step.type) {
      case CHR_STORAGE_APPEND: {
        uint64_t last = 0;
        for (uint32_t k = 0; k < step.n; ++k) {
          const chr_entry& entry = step.entries[k];
          if (entry.header.index <= last) return bad("indexes of an append do not ascend from 1 on");
          if (entry.header.bytes != entry.payload.n) return bad("header.bytes is not the payload's size");
          last = entry.header.index;
        }
        break;
      }
      case CHR_STORAGE_PUT:
        if (step.value.n > kMaxStorageValue) return bad("a value is longer than 1 MiB");
        [[fallthrough]];
      case CHR_STORAGE_DELETE:
        if (step.key.n == 0 || step.key.n > kMaxStorageKey) return bad("a key must have 1 to 255 bytes");
        break;
      case CHR_STORAGE_TRUNCATE:
      case CHR_STORAGE_TRIM:
        break;
      case CHR_STORAGE_DROP:
        if (i + 1 != write.n) return bad("a drop must be the last step");
        break;
      default:
        return bad("unknown step type " + std::to_string(step.type));
    }
  }
  return {};
}

// What a write asks of a store that is nearly full. Data waits; what takes no Kafka offsets (votes,
// membership, trims, snapshots) may use the reserve, since without it nobody could make room; what only
// removes always passes.
enum class Growth { kNone, kControl, kData };

// A copy of one write that passed check_steps. Steps, entries and keys are copied; payloads and values keep
// their lease, or are copied where they have none. Move-only; may be destroyed on any thread.
class OwnedWrite {
 public:
  explicit OwnedWrite(const chr_storage_write& write)
      : group_(write.group), token_(write.token), n_(write.n) {
    const Sizes sizes = measure(write);
    arena_ = std::make_unique_for_overwrite<uint64_t[]>((sizes.steps + sizes.entries + sizes.bytes + 7) / 8);
    auto* steps = reinterpret_cast<chr_storage_step*>(arena_.get());
    auto* entries = reinterpret_cast<chr_entry*>(reinterpret_cast<uint8_t*>(arena_.get()) + sizes.steps);
    auto* bytes = reinterpret_cast<uint8_t*>(entries) + sizes.entries;
    for (uint64_t i = 0; i < n_; ++i) {
      chr_storage_step step = write.steps[i];
      growth_ = std::max(growth_, growth_of(step));
      if (step.type == CHR_STORAGE_APPEND && step.n != 0) {
        std::memcpy(entries, step.entries, step.n * sizeof(chr_entry));
        step.entries = entries;
        for (uint32_t k = 0; k < step.n; ++k) keep(&entries[k].payload, &bytes);
        entries += step.n;
      }
      if (step.key.n != 0)
        step.key = {reinterpret_cast<const char*>(copy(step.key.p, step.key.n, &bytes)), step.key.n};
      keep(&step.value, &bytes);
      std::memcpy(&steps[i], &step, sizeof step);
    }
  }
  OwnedWrite(OwnedWrite&& other) noexcept
      : group_(other.group_),
        token_(other.token_),
        n_(std::exchange(other.n_, 0)),
        bytes_(other.bytes_),
        growth_(other.growth_),
        arena_(std::move(other.arena_)) {}
  OwnedWrite& operator=(OwnedWrite&&) = delete;
  ~OwnedWrite() {
    for (const chr_storage_step& step : steps()) {
      drop(step.value);
      if (step.type != CHR_STORAGE_APPEND) continue;
      for (const chr_entry& entry : std::span(step.entries, step.n)) drop(entry.payload);
    }
  }

  uint64_t group() const { return group_; }
  uint64_t token() const { return token_; }
  std::span<const chr_storage_step> steps() const {
    return {reinterpret_cast<const chr_storage_step*>(arena_.get()), n_};
  }
  // Payload and values, and what the copy itself takes.
  uint64_t bytes() const { return bytes_; }
  Growth growth() const { return growth_; }

 private:
  struct Sizes {
    uint64_t steps, entries, bytes;
  };

  static Growth growth_of(const chr_storage_step& step) {
    if (step.type == CHR_STORAGE_PUT) return Growth::kControl;
    if (step.type != CHR_STORAGE_APPEND || step.n == 0) return Growth::kNone;
    const auto has_records = [](const chr_entry& entry) { return entry.header.records != 0; };
    return std::any_of(step.entries, step.entries + step.n, has_records) ? Growth::kData : Growth::kControl;
  }
  Sizes measure(const chr_storage_write& write) {
    Sizes sizes{write.n * sizeof(chr_storage_step), 0, 0};
    const auto add = [&](const chr_slice& slice) {
      bytes_ += slice.n;
      if (slice.lease == nullptr) sizes.bytes += slice.n;
    };
    for (uint64_t i = 0; i < write.n; ++i) {
      const chr_storage_step& step = write.steps[i];
      sizes.bytes += step.key.n;
      add(step.value);
      if (step.type != CHR_STORAGE_APPEND) continue;
      sizes.entries += step.n * sizeof(chr_entry);
      for (uint32_t k = 0; k < step.n; ++k) add(step.entries[k].payload);
    }
    bytes_ += sizes.steps + sizes.entries;
    return sizes;
  }
  static const uint8_t* copy(const void* from, uint64_t n, uint8_t** at) {
    if (n != 0) std::memcpy(*at, from, n);
    return std::exchange(*at, *at + n);
  }
  static void keep(chr_slice* slice, uint8_t** at) {
    if (slice->lease != nullptr) {
      slice->lease->ops->retain(slice->lease);
    } else if (slice->n != 0) {
      slice->p = copy(slice->p, slice->n, at);
    }
  }
  static void drop(const chr_slice& slice) {
    if (slice.lease != nullptr) slice.lease->ops->release(slice.lease);
  }

  uint64_t group_;
  uint64_t token_;
  uint64_t n_;
  uint64_t bytes_ = 0;
  Growth growth_ = Growth::kNone;
  std::unique_ptr<uint64_t[]> arena_;  // steps, entries, bytes
};

// A vote, a term, the start of a log: a few small keys, nothing that takes the disk any time. Of a group that
// has nothing earlier waiting, it may go before what others wait to write, and need not find room among it.
inline bool is_small_keys(const OwnedWrite& write) {
  constexpr uint64_t kSmallKeys = 64u << 10;
  const auto is_key = [](const chr_storage_step& step) {
    return step.type == CHR_STORAGE_PUT || step.type == CHR_STORAGE_DELETE;
  };
  return write.bytes() <= kSmallKeys && std::ranges::all_of(write.steps(), is_key);
}

// The last index that the log holds just before step `at` of a write, 0 where it is empty then.
// stored_below(limit) is the largest index below limit in the log as it was before the write, or 0.
template <class StoredBelow>
uint64_t last_index_before(std::span<const chr_storage_step> steps, size_t at, StoredBelow&& stored_below) {
  uint64_t limit = UINT64_MAX;
  uint64_t floor = 0;
  const auto kept = [&floor](uint64_t index) { return index >= floor ? index : 0; };
  for (size_t i = at; i-- > 0;) {
    const chr_storage_step& step = steps[i];
    if (step.type == CHR_STORAGE_TRUNCATE) limit = std::min(limit, step.index);
    if (step.type == CHR_STORAGE_TRIM) floor = std::max(floor, step.index);
    if (step.type != CHR_STORAGE_APPEND) continue;
    for (uint32_t k = step.n; k-- > 0;) {
      if (step.entries[k].header.index < limit) return kept(step.entries[k].header.index);
    }
  }
  return kept(stored_below(limit));
}

// Every append stands above what the log holds when its turn comes.
template <class StoredBelow>
Status check_appends(const OwnedWrite& write, StoredBelow&& stored_below) {
  const std::span<const chr_storage_step> steps = write.steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].type != CHR_STORAGE_APPEND || steps[i].n == 0) continue;
    const uint64_t last = last_index_before(steps, i, stored_below);
    const uint64_t first = steps[i].entries[0].header.index;
    if (first > last) continue;
    return fail(Code::kInvalidArgument, "append to group " + std::to_string(write.group()) + " from index " +
                                            std::to_string(first) + ", but its last index is " +
                                            std::to_string(last));
  }
  return {};
}

// Remembers that an append of one group was refused for lack of space. Later appends of the group,
// written before their caller heard of it, are refused too: else they would leave a hole that nobody
// sees, as indexes may have gaps.
class AppendFence {
 public:
  // Whether this write must be refused. A write that starts at or below the refused index, or cuts the log
  // there, or trims all that was refused, is let through and lifts the fence once it is durable.
  bool refuses(const OwnedWrite& write) const { return verdict(write) == Verdict::kHole; }
  void refused(const OwnedWrite& write) {
    for (const chr_storage_step& step : write.steps()) {
      if (step.type != CHR_STORAGE_APPEND || step.n == 0) continue;
      refused_from_ = std::min(refused_from_, step.entries[0].header.index);
      refused_to_ = std::max(refused_to_, step.entries[step.n - 1].header.index);
      return;
    }
  }
  void applied(const OwnedWrite& write) {
    if (verdict(write) != Verdict::kLifts) return;
    refused_from_ = kNone;
    refused_to_ = 0;
  }
  bool is_up() const { return refused_from_ != kNone; }

 private:
  static constexpr uint64_t kNone = UINT64_MAX;
  enum class Verdict { kNeutral, kLifts, kHole };

  Verdict verdict(const OwnedWrite& write) const {
    if (refused_from_ == kNone) return Verdict::kNeutral;
    for (const chr_storage_step& step : write.steps()) {
      if (step.type == CHR_STORAGE_DROP) return Verdict::kLifts;
      if (step.type == CHR_STORAGE_TRUNCATE && step.index <= refused_from_) return Verdict::kLifts;
      if (step.type == CHR_STORAGE_TRIM && step.index > refused_to_) return Verdict::kLifts;
      if (step.type != CHR_STORAGE_APPEND || step.n == 0) continue;
      return step.entries[0].header.index > refused_from_ ? Verdict::kHole : Verdict::kLifts;
    }
    return Verdict::kNeutral;
  }

  uint64_t refused_from_ = kNone;
  uint64_t refused_to_ = 0;  // the last entry that was refused
};

// The fences of the groups in one batch, whose writes become durable together or not at all. Each write is
// judged by what those before it in the batch do: one that lifts a fence lifts it for what comes behind it,
// and a refusal behind that puts it up again. Outside of the batch this counts once the batch is durable:
// then it is to be published. Where all of it was refused instead, so are its appends, see refused().
class BatchFences {
 public:
  // The group's fence within the batch; durable is the one outside of it.
  AppendFence& of(uint64_t group, const AppendFence& durable) {
    return fences_.try_emplace(group, durable).first->second;
  }
  // keep(group, fence)
  template <class Keep>
  void publish(Keep&& keep) const {
    for (const auto& [group, fence] : fences_) keep(group, fence);
  }

 private:
  std::unordered_map<uint64_t, AppendFence> fences_;
};

}  // namespace chronik
