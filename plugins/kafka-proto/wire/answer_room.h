// AnswerRoom: what an answer takes while it is made, and the most that it may. Texts: those that are made for it.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chronik::kafka {

// Counts rows and texts in memory; the bytes on the wire have the same bound (Call::answer). Where an answer
// passes it, what is made goes nowhere: the last row begins anew each time, and the connection ends instead
// of the answer. So a handler looks whether it was passed before it changes something, and before it goes
// back to a row that it left for others to wait for. Touched on the connection's shard.
class AnswerRoom {
 public:
  static constexpr uint64_t kMaxBytes = uint64_t{64} << 20;

  void take_bytes(uint64_t bytes) { taken_ += bytes; }
  bool passed() const { return taken_ > kMaxBytes; }

  template <class Row>
  Row& row(std::vector<Row>& rows) {
    take_bytes(sizeof(Row));
    if (passed() && !rows.empty()) return rows.back() = Row();
    return rows.emplace_back();
  }

 private:
  uint64_t taken_ = 0;
};

// Owns texts that an answer points to, until it is encoded. They count in the room of
// the answer that is given.
class Texts {
 public:
  Texts() = default;
  explicit Texts(AnswerRoom& room) : room_(&room) {}
  std::string_view keep(std::string text) {
    if (room_ != nullptr) room_->take_bytes(sizeof(std::string) + text.size());
    if (room_ != nullptr && room_->passed()) texts_.clear();  // nobody reads them any more
    return texts_.emplace_back(std::move(text));
  }

 private:
  AnswerRoom* room_ = nullptr;
  std::deque<std::string> texts_;
};

}  // namespace chronik::kafka
