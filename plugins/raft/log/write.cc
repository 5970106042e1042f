#include "raft/log/write.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr uint64_t kSmallKeys = 64u << 10;

}  // namespace

void Write::append(const std::vector<Entry>& entries) {
  entries_.reserve(entries.size());
  payloads_.reserve(entries.size());
  for (const Entry& entry : entries) {
    entries_.push_back({entry.header, payloads_.emplace_back(entry.payload).slice()});
    bytes_ += entry.payload.size();
  }
  chr_storage_step* step = add_step(CHR_STORAGE_APPEND);
  step->n = static_cast<uint32_t>(entries_.size());
  step->entries = entries_.data();
}

void Write::put(std::string_view key, std::string value) {
  const chr_str bytes = keep_text(std::move(value));
  put(key, chr_slice{reinterpret_cast<const uint8_t*>(bytes.p), bytes.n, nullptr});
}

void Write::put(std::string_view key, const chr_slice& value) {
  const chr_str name = keep_text(std::string(key));
  chr_storage_step* step = add_step(CHR_STORAGE_PUT);
  step->key = name;
  step->value = value;
}

void Write::remove(std::string_view key) {
  const chr_str name = keep_text(std::string(key));
  add_step(CHR_STORAGE_DELETE)->key = name;
}

bool Write::is_small_keys() const {
  uint64_t bytes = 0;
  return std::ranges::all_of(steps_, [&bytes](const chr_storage_step& step) {
    bytes += step.value.n;
    return (step.type == CHR_STORAGE_PUT || step.type == CHR_STORAGE_DELETE) && bytes <= kSmallKeys;
  });
}

chr_storage_step* Write::add_step(uint32_t type) {
  chr_storage_step step{};
  step.type = type;
  steps_.push_back(step);
  return &steps_.back();
}

chr_str Write::keep_text(std::string text) {
  const std::string& kept = texts_.emplace_front(std::move(text));
  return {kept.data(), kept.size()};
}

LogMeta meta_of(const Raft& raft, int64_t log_start, const Base& base) {
  return {log_start, raft.log().terms(), raft.configs(), base};
}

Write write_of(uint64_t group, const StorageBatch& batch, const Raft& raft, int64_t log_start,
               const Base& base, MetaOnDisk* on_disk) {
  Write write(group);
  if (batch.truncate_from != 0) write.truncate(batch.truncate_from);
  if (!batch.entries.empty()) write.append(batch.entries);
  if (batch.has_hard_state)
    write.put(kVoteKey, encode(StoredVote{batch.hard_state, batch.commit, raft.left()}));
  if (const MetaOnDisk now(raft); now != *on_disk) {
    *on_disk = now;
    write.put(kLogKey, encode(meta_of(raft, log_start, base)));
  }
  return write;
}

}  // namespace chronik::raft
