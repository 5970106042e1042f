// A queue that takes next to no memory while it is empty: for what each of thousands of partitions has several of. A std::deque
// takes 600 bytes as soon as it is there.
//
// References and iterators hold until the next call that changes the queue. Used by one thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace chronik {

template <class T>
class LeanQueue {
 public:
  bool empty() const { return size() == 0; }
  size_t size() const { return items_.size() - first_; }
  T& operator[](size_t i) { return items_[first_ + i]; }
  const T& operator[](size_t i) const { return items_[first_ + i]; }
  T& front() { return items_[first_]; }
  const T& front() const { return items_[first_]; }
  T& back() { return items_.back(); }
  const T& back() const { return items_.back(); }
  auto begin() { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }
  auto begin() const { return items_.begin() + static_cast<std::ptrdiff_t>(first_); }
  auto end() { return items_.end(); }
  auto end() const { return items_.end(); }
  std::span<const T> all() const { return std::span(items_).subspan(first_); }

  void push_back(T item) { items_.push_back(std::move(item)); }
  // In a time that grows with the queue, unless some were taken off the front before.
  void push_front(T item) {
    if (first_ == 0)
      items_.insert(items_.begin(), std::move(item));
    else
      items_[--first_] = std::move(item);
  }
  void pop_front(size_t n = 1) {
    for (size_t i = first_; i < first_ + n; ++i) items_[i] = T();
    first_ += n;
    if (first_ > kMaxGap && first_ > items_.size() / 2 && !empty())
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(std::exchange(first_, 0)));
    settle();
  }
  void pop_back() { shorten(size() - 1); }
  // Keeps the first n.
  void shorten(size_t n) {
    items_.erase(begin() + static_cast<std::ptrdiff_t>(n), end());
    settle();
  }
  void erase(size_t i) {
    items_.erase(begin() + static_cast<std::ptrdiff_t>(i));
    settle();
  }
  // Those for which test(item) holds, which is asked once for each, in order.
  template <class Test>
  void erase_if(Test test) {
    items_.erase(std::remove_if(begin(), end(), std::move(test)), end());
    settle();
  }
  void clear() { shorten(0); }

 private:
  static constexpr size_t kMaxGap = 64;
  static constexpr size_t kKeptBytes = 64;  // for the next ones, so that one at a time costs no allocation

  void settle() {
    if (!empty()) return;
    first_ = 0;
    items_.clear();
    if (items_.capacity() * sizeof(T) > kKeptBytes) items_ = std::vector<T>();
  }

  std::vector<T> items_;
  size_t first_ = 0;  // those before it were taken off
};

}  // namespace chronik
