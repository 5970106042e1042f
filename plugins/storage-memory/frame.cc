#include "storage-memory/frame.h"

#include <chronik/crc32c.hpp>

namespace chronik::storage_memory {
namespace {

struct StepHeader {
  uint32_t type, key, value, entries;  // sizes of key and value, number of entries
  uint64_t group, index;
};

uint32_t frame_crc(FrameHeader header, std::span<const uint8_t> payload) {
  header.crc = 0;
  return crc32c::extend(crc32c::extend(0, &header, sizeof header), payload.data(), payload.size());
}

}  // namespace

void FrameWriter::raw(const void* p, uint64_t n) {
  const auto* bytes = static_cast<const uint8_t*>(p);
  bytes_.insert(bytes_.end(), bytes, bytes + n);
}

void FrameWriter::add_step(uint64_t group, const chr_storage_step& step) {
  const uint32_t entries = step.type == CHR_STORAGE_APPEND ? step.n : 0;
  const StepHeader header{
      step.type, static_cast<uint32_t>(step.key.n), static_cast<uint32_t>(step.value.n), entries, group,
      step.index};
  raw(&header, sizeof header);
  raw(step.key.p, step.key.n);
  raw(step.value.p, step.value.n);
  for (const chr_entry& entry : std::span(step.entries, entries)) {
    raw(&entry.header, sizeof entry.header);
    raw(entry.payload.p, entry.payload.n);
  }
}

std::span<const uint8_t> FrameWriter::seal(uint64_t epoch, uint64_t sequence) {
  FrameHeader header{kFrameMagic, static_cast<uint32_t>(bytes_.size() - kFrameHeader), epoch, sequence, 0, 0};
  header.crc = frame_crc(header, std::span(bytes_).subspan(kFrameHeader));
  std::memcpy(bytes_.data(), &header, sizeof header);
  return bytes_;
}

bool frame_is_whole(const FrameHeader& header, std::span<const uint8_t> payload) {
  return header.magic == kFrameMagic && header.size == payload.size() &&
         header.crc == frame_crc(header, payload);
}

Status for_each_step(std::span<const uint8_t> payload,
                     const std::function<Status(uint64_t group, const chr_storage_step& step)>& fn) {
  const auto take_bytes = [&payload](uint64_t n) -> const uint8_t* {
    if (payload.size() < n) return nullptr;
    const uint8_t* at = payload.data();
    payload = payload.subspan(n);
    return at;
  };
  const auto corrupt = [] { return fail(Code::kCorrupt, "a journal frame ends within a step"); };
  std::vector<chr_entry> entries;
  while (!payload.empty()) {
    const uint8_t* at = take_bytes(sizeof(StepHeader));
    if (at == nullptr) return corrupt();
    StepHeader header;
    std::memcpy(&header, at, sizeof header);
    const uint8_t* key = take_bytes(header.key);
    const uint8_t* value = key == nullptr ? nullptr : take_bytes(header.value);
    if (value == nullptr) return corrupt();
    entries.clear();
    for (uint32_t i = 0; i < header.entries; ++i) {
      chr_entry entry{};
      const uint8_t* head = take_bytes(sizeof entry.header);
      if (head == nullptr) return corrupt();
      std::memcpy(&entry.header, head, sizeof entry.header);
      const uint8_t* body = take_bytes(entry.header.bytes);
      if (body == nullptr) return corrupt();
      entry.payload = {body, entry.header.bytes, nullptr};
      entries.push_back(entry);
    }
    chr_storage_step step{header.type,
                          header.entries,
                          header.index,
                          entries.data(),
                          {reinterpret_cast<const char*>(key), header.key},
                          {value, header.value, nullptr}};
    CHRONIK_CHECK(fn(header.group, step));
  }
  return {};
}

}  // namespace chronik::storage_memory
