// Few: an array whose first elements stand in it, so that a row with a handful of ids allocates nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace chronik::kafka {

template <class T, uint32_t N = 4>
class Few {
 public:
  using value_type = T;
  using iterator = T*;
  using const_iterator = const T*;

  Few() = default;
  Few(std::initializer_list<T> values) {
    for (const T& value : values) push_back(value);
  }
  Few(const Few& other) {
    for (const T& value : other) push_back(value);
  }
  Few(Few&& other) noexcept
      : size_(std::exchange(other.size_, 0)),
        room_(std::exchange(other.room_, N)),
        here_(other.here_),
        more_(std::move(other.more_)) {}
  Few& operator=(Few other) noexcept {
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
    std::swap(here_, other.here_);
    std::swap(more_, other.more_);
    return *this;
  }
  ~Few() = default;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* begin() { return more_ == nullptr ? here_.data() : more_.get(); }
  T* end() { return begin() + size_; }
  const T* begin() const { return more_ == nullptr ? here_.data() : more_.get(); }
  const T* end() const { return begin() + size_; }
  T& operator[](size_t i) { return begin()[i]; }
  const T& operator[](size_t i) const { return begin()[i]; }

  void push_back(T value) {
    if (size_ == room_) grow(2 * room_);
    begin()[size_++] = value;
  }
  void clear() { size_ = 0; }
  void resize(size_t n) {
    const auto size = static_cast<uint32_t>(n);
    if (size > room_) grow(size);
    std::fill(begin() + std::min(size_, size), begin() + size, T());
    size_ = size;
  }

  bool operator==(const Few& other) const { return std::ranges::equal(*this, other); }
  bool operator==(const std::vector<T>& other) const { return std::ranges::equal(*this, other); }

 private:
  void grow(uint32_t room) {
    std::unique_ptr<T[]> more(new T[room]);
    std::copy(begin(), end(), more.get());
    more_ = std::move(more);
    room_ = room;
  }

  uint32_t size_ = 0;
  uint32_t room_ = N;
  std::array<T, N> here_{};
  std::unique_ptr<T[]> more_;  // all of them, where they are more than stand here
};

}  // namespace chronik::kafka
