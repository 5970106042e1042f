#include "metadata/model/records.h"

#include <algorithm>

#include "metadata/model/digest.h"

namespace chronik::metadata {
namespace {

constexpr size_t kMaxInChunk = 128;

using Chunks = std::vector<std::shared_ptr<Records::Chunk>>;
using Items = std::vector<std::shared_ptr<const Record>>;

// The chunk that a key belongs to: the last one that begins at it or before; the first where all begin later.
template <class C>
auto chunk_of(C& chunks, std::string_view key) {
  const auto after = std::upper_bound(
      chunks.begin(), chunks.end(), key,
      [](std::string_view wanted, const auto& chunk) { return wanted < chunk->records.front()->key; });
  return after == chunks.begin() ? after : std::prev(after);
}

template <class R>
auto record_at(R& records, std::string_view key) {
  return std::lower_bound(records.begin(), records.end(), key,
                          [](const std::shared_ptr<const Record>& record, std::string_view wanted) {
                            return record->key < wanted;
                          });
}

uint64_t digest_of(std::string_view space, const Record& record) {
  return Digest("record").text(space).text(record.key).text(record.value).number(record.version).value();
}

Records::Chunk& edit(std::shared_ptr<Records::Chunk>& chunk, uint64_t generation) {
  if (chunk->generation != generation) {
    chunk = std::make_shared<Records::Chunk>(*chunk);
    chunk->generation = generation;
  }
  return *chunk;
}

void split(Chunks* chunks, Chunks::iterator full, uint64_t generation) {
  auto upper = std::make_shared<Records::Chunk>();
  upper->generation = generation;
  Items& lower = (*full)->records;
  const auto middle = lower.begin() + static_cast<std::ptrdiff_t>(lower.size() / 2);
  upper->records.assign(std::make_move_iterator(middle), std::make_move_iterator(lower.end()));
  lower.erase(middle, lower.end());
  chunks->insert(std::next(full), std::move(upper));
}

}  // namespace

const Record* find_record(const Records::Spaces& spaces, std::string_view space, std::string_view key) {
  const auto found = spaces.find(space);
  if (found == spaces.end()) return nullptr;
  const Items& records = (*chunk_of(found->second->chunks, key))->records;
  const auto record = record_at(records, key);
  return record != records.end() && (*record)->key == key ? record->get() : nullptr;
}

void each_record(const Records::Spaces& spaces, std::string_view space, std::string_view from,
                 const std::function<bool(const Record&)>& fn) {
  const auto found = spaces.find(space);
  if (found == spaces.end()) return;
  const Chunks& chunks = found->second->chunks;
  for (auto chunk = chunk_of(chunks, from); chunk != chunks.end(); ++chunk) {
    const Items& records = (*chunk)->records;
    for (auto record = record_at(records, from); record != records.end(); ++record)
      if (!fn(**record)) return;
  }
}

const Record* Records::find(std::string_view space, std::string_view key) const {
  return find_record(spaces_, space, key);
}

Records::Space& Records::edit(std::string_view space, uint64_t generation) {
  auto found = spaces_.find(space);
  if (found == spaces_.end()) {
    found = spaces_.emplace(space, std::make_shared<Space>()).first;
    found->second->generation = generation;
  } else if (found->second->generation != generation) {
    found->second = std::make_shared<Space>(*found->second);
    found->second->generation = generation;
  }
  return *found->second;
}

void Records::put_record(std::string_view space, Record record, uint64_t generation) {
  Chunks& chunks = edit(space, generation).chunks;
  digest_ += digest_of(space, record);
  auto item = std::make_shared<const Record>(std::move(record));
  if (chunks.empty()) {
    chunks.push_back(std::make_shared<Chunk>());
    chunks.back()->generation = generation;
  }
  const auto chunk = chunks.front()->records.empty() ? chunks.begin() : chunk_of(chunks, item->key);
  Items& records = metadata::edit(*chunk, generation).records;
  const auto at = record_at(records, item->key);
  if (at != records.end() && (*at)->key == item->key) {
    digest_ -= digest_of(space, **at);
    *at = std::move(item);
    return;
  }
  ++size_;
  records.insert(at, std::move(item));
  if (records.size() > kMaxInChunk) split(&chunks, chunk, generation);
}

void Records::erase(std::string_view space, std::string_view key, uint64_t generation) {
  const Record* present = find(space, key);
  if (present == nullptr) return;
  digest_ -= digest_of(space, *present);
  --size_;
  Chunks& chunks = edit(space, generation).chunks;
  const auto chunk = chunk_of(chunks, key);
  Items& records = metadata::edit(*chunk, generation).records;
  records.erase(record_at(records, key));
  if (records.empty()) chunks.erase(chunk);
  if (chunks.empty()) spaces_.erase(spaces_.find(space));
}

}  // namespace chronik::metadata
