#include "storage-log/commits.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kFrameBytes = 1u << 20;  // a frame that has so much is closed

}  // namespace

std::unique_ptr<Commits::Frame> Commits::make_frame() {
  return std::make_unique<Frame>(host_, journal_.block(), ++last_number_);
}

Status Commits::reserve(uint64_t bytes) {
  if (frame_size(bytes, 1, journal_.block()) > journal_.max_frame()) {
    return fail(Code::kInvalidArgument, "a write takes " + std::to_string(bytes) +
                                            " bytes in the journal, and one of its files has " +
                                            std::to_string(journal_.max_frame()) +
                                            ": raise storage.journal_file_bytes");
  }
  const uint64_t limit = std::min(kFrameBytes, journal_.max_frame() / 2);
  if (gathered_.empty()) gathered_.push_back(make_frame());
  Frame* frame = gathered_.back().get();
  if (!frame->buffer.is_empty() && frame->buffer.payload_bytes() + bytes > limit)
    frame = gathered_.emplace_back(make_frame()).get();
  if (frame->buffer.reserve(bytes, frame->groups.size() + 1)) return {};
  return fail(Code::kOverloaded, "the host has no memory for a write");
}

void Commits::add(const GroupChange& change, uint64_t bytes, Effect effect) {
  Frame& frame = *gathered_.back();
  write_change(change, frame.buffer.extend(bytes));
  if (std::exchange(effect.group->lane.listed_in, frame.number) != frame.number)
    frame.groups.push_back(change.group);
  frame.effects.push_back(std::move(effect));
}

std::optional<Journal::Frame> Commits::begin(std::unique_ptr<Frame> frame) {
  const std::optional<Journal::Frame> placed = journal_.begin(frame->buffer, frame->groups);
  if (!placed) {
    gathered_.push_front(std::move(frame));
    return std::nullopt;
  }
  frame->sequence = placed->sequence;
  frame->began_ns = host_.now_ns();
  written_.push_back(std::move(frame));
  return placed;
}

std::vector<Journal::Frame> Commits::take_ready() {
  std::vector<Journal::Frame> ready;
  while (!gathered_.empty() && !gathered_.front()->buffer.is_empty() && journal_.has_slot()) {
    std::unique_ptr<Frame> next = std::move(gathered_.front());
    gathered_.pop_front();
    const std::optional<Journal::Frame> placed = begin(std::move(next));
    if (!placed) break;
    ready.push_back(*placed);
  }
  return ready;
}

std::optional<Journal::Frame> Commits::take_mark() {
  std::unique_ptr<Frame> frame = make_frame();
  if (!frame->buffer.reserve(0, 0)) return std::nullopt;
  const std::optional<Journal::Frame> placed = begin(std::move(frame));
  if (!placed) gathered_.pop_front();
  return placed;
}

std::vector<std::unique_ptr<Commits::Frame>> Commits::finished(uint64_t sequence) {
  const uint64_t durable = journal_.finished(sequence);
  std::vector<std::unique_ptr<Frame>> out;
  while (!written_.empty() && written_.front()->sequence <= durable) {
    out.push_back(std::move(written_.front()));
    written_.pop_front();
  }
  return out;
}

bool Commits::is_idle() const {
  return written_.empty() && (gathered_.empty() || gathered_.front()->buffer.is_empty());
}

bool Commits::is_stuck() const {
  return !gathered_.empty() && !gathered_.front()->buffer.is_empty() && journal_.has_slot();
}

std::vector<std::unique_ptr<Commits::Frame>> Commits::take_all() {
  std::vector<std::unique_ptr<Frame>> out(std::make_move_iterator(written_.begin()),
                                          std::make_move_iterator(written_.end()));
  written_.clear();
  for (std::unique_ptr<Frame>& frame : take_gathered()) out.push_back(std::move(frame));
  return out;
}

std::vector<std::unique_ptr<Commits::Frame>> Commits::take_gathered() {
  std::vector<std::unique_ptr<Frame>> out(std::make_move_iterator(gathered_.begin()),
                                          std::make_move_iterator(gathered_.end()));
  gathered_.clear();
  return out;
}

}  // namespace chronik::storage_log
