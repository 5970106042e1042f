// A row that grows behind and shrinks at both ends, which takes no memory while it is empty.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace chronik::storage_log {

template <class T>
class FrontQueue {
 public:
  bool empty() const { return size() == 0; }
  size_t size() const { return items_.size() - begin_; }
  T& operator[](size_t i) { return items_[begin_ + i]; }
  const T& operator[](size_t i) const { return items_[begin_ + i]; }
  const T& front() const { return items_[begin_]; }
  const T& back() const { return items_.back(); }
  std::span<const T> all() const { return std::span(items_).subspan(begin_); }

  void push_back(T item) { items_.push_back(std::move(item)); }
  void pop_front(size_t n) {
    for (size_t i = begin_; i < begin_ + n; ++i) items_[i] = T();
    begin_ += n;
    if (begin_ == items_.size()) {
      items_ = std::vector<T>();
      begin_ = 0;
    } else if (begin_ > kKept && begin_ > items_.size() / 2) {
      items_.erase(items_.begin(), items_.begin() + static_cast<ptrdiff_t>(begin_));
      begin_ = 0;
    }
  }
  // Keeps the first n.
  void shorten(size_t n) {
    items_.resize(begin_ + n);
    if (n == 0) pop_front(0);
  }

 private:
  static constexpr size_t kKept = 64;
  std::vector<T> items_;
  size_t begin_ = 0;
};

}  // namespace chronik::storage_log
