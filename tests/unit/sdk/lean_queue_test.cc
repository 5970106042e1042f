#include <chronik/lean_queue.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

namespace chronik {
namespace {

TEST(LeanQueue, DoesWhatADequeDoes) {
  std::mt19937 random(7);
  LeanQueue<int> queue;
  std::deque<int> model;
  for (int i = 0; i < 200'000; ++i) {
    // Now and then it grows for long, and is taken off the front of.
    const bool grows = i / 1'000 % 2 == 0;
    switch (random() % (grows ? 6 : 12)) {
      case 0:
        queue.push_front(i);
        model.push_front(i);
        break;
      case 1:
        queue.erase_if([&](int each) { return each % 64 == i % 64; });
        std::erase_if(model, [&](int each) { return each % 64 == i % 64; });
        break;
      case 2:
      case 3:
      case 4:
      case 5:
        queue.push_back(i);
        model.push_back(i);
        break;
      case 6: {
        const size_t n = model.size() - random() % (model.size() + 1) / 8;
        queue.shorten(n);
        model.resize(n);
        break;
      }
      case 7:
        if (model.empty()) break;
        queue.pop_back();
        model.pop_back();
        break;
      case 8: {
        if (model.empty()) break;
        const size_t at = random() % model.size();
        queue.erase(at);
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      }
      default: {
        const size_t n = std::min<size_t>(model.size(), random() % 8);
        queue.pop_front(n);
        model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(n));
      }
    }
    ASSERT_EQ(queue.size(), model.size());
    ASSERT_TRUE(std::ranges::equal(queue, model));
    if (model.empty()) continue;
    ASSERT_EQ(queue.front(), model.front());
    ASSERT_EQ(queue.back(), model.back());
  }
}

TEST(LeanQueue, LetsGoOfWhatIsTakenOff) {
  LeanQueue<std::shared_ptr<int>> queue;
  const auto item = std::make_shared<int>(1);
  for (int i = 0; i < 10; ++i) queue.push_back(item);
  queue.pop_front(4);
  EXPECT_EQ(item.use_count(), 7);
  queue.clear();
  EXPECT_EQ(item.use_count(), 1);
}

}  // namespace
}  // namespace chronik
