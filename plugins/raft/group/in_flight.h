// What was handed out and is not back yet, the oldest first. Intrusive: nothing is allocated for it.
#pragma once

namespace chronik::raft {

template <class T>  // derives from InFlight<T>::Link
class InFlight {
 public:
  struct Link {
    T* before = nullptr;
    T* after = nullptr;
  };

  void add(T* item) {
    item->before = newest_;
    (newest_ != nullptr ? newest_->after : oldest_) = item;
    newest_ = item;
  }
  void remove(T* item) {
    (item->before != nullptr ? item->before->after : oldest_) = item->after;
    (item->after != nullptr ? item->after->before : newest_) = item->before;
  }
  const T* oldest() const { return oldest_; }

 private:
  T* oldest_ = nullptr;
  T* newest_ = nullptr;
};

}  // namespace chronik::raft
