// The images that the kit tries: what a power loss leaves of the host's files.
#include "trace.hpp"

#include <gtest/gtest.h>

#include <set>

namespace chronik::conformance {
namespace {

using enum Survivors;

std::set<std::string> contents(const Trace& trace, Survivors survivors, const std::string& name) {
  std::set<std::string> seen;
  std::mt19937_64 random(1);
  for (int i = 0; i < 200; ++i) {
    const Image image = trace.image(trace.events().size(), survivors, random);
    const auto found = image.find(name);
    seen.insert(found == image.end() ? "no file" : found->second);
  }
  return seen;
}
std::set<std::string> contents(const Trace& trace, Survivors survivors) {
  return contents(trace, survivors, "a");
}

TEST(Trace, OfWhatIsInFlightAnySectorsAreThere) {
  Trace trace(Image{{"a", ""}});
  const std::string x(512, 'x'), y(512, 'y'), none(512, '\0');
  trace.begun("a", 0, x);
  const size_t second = trace.begun("a", 512, y);
  EXPECT_EQ(contents(trace, kNone), (std::set<std::string>{""}));
  EXPECT_EQ(contents(trace, kAll), (std::set<std::string>{x + y}));
  EXPECT_EQ(contents(trace, kSomeSectors),
            (std::set<std::string>{"", none, none + none, x, x + none, none + y, x + y}));
  trace.ended(second);
  trace.synced_one(second);
  EXPECT_EQ(contents(trace, kNone), (std::set<std::string>{none + y})) << "with the size that it needs";
  EXPECT_EQ(contents(trace, kSomeSectors), (std::set<std::string>{none + y, x + y}));
}

TEST(Trace, ASyncCoversWhatHadEndedWhenItBegan) {
  Trace trace(Image{{"a", ""}});
  const size_t first = trace.begun("a", 0, "1");
  const size_t second = trace.begun("a", 1, "2");
  trace.ended(first);
  const size_t began = trace.events().size();
  trace.ended(second);
  trace.synced("a", began);
  EXPECT_EQ(contents(trace, kNone), (std::set<std::string>{"1"}));
  trace.synced("a", trace.events().size());
  EXPECT_EQ(contents(trace, kNone), (std::set<std::string>{"12"}));
}

TEST(Trace, WhatADurableCutTookDoesNotComeBack) {
  Trace trace(Image{{"a", ""}});
  trace.ended(trace.begun("a", 0, std::string(1024, 'x')));
  trace.cut("a", 512);
  const size_t write = trace.begun("a", 512, "y");
  trace.ended(write);
  trace.synced_one(write);
  for (const std::string& content : contents(trace, kSomeSectors)) {
    EXPECT_EQ(content.size(), 513u);
    EXPECT_EQ(content.back(), 'y');
  }
}

TEST(Trace, NamesAreAsOfTheirLastSyncWithAnyPartOfWhatCameAfter) {
  Trace trace(Image{{"a", "old"}});
  const std::string file = trace.made("b");
  const size_t write = trace.begun(file, 0, "new");
  trace.ended(write);
  trace.synced_one(write);
  trace.renamed("b", "a");
  EXPECT_EQ(contents(trace, kNone, "a"), (std::set<std::string>{"old"}));
  EXPECT_EQ(contents(trace, kNone, "b"), (std::set<std::string>{"no file"}));
  EXPECT_EQ(contents(trace, kAll, "a"), (std::set<std::string>{"new"}));
  EXPECT_EQ(contents(trace, kSomeSectors, "a"), (std::set<std::string>{"old", "new"}));
  EXPECT_EQ(contents(trace, kSomeSectors, "b"), (std::set<std::string>{"new", "no file"}));
  trace.synced_names();
  EXPECT_EQ(contents(trace, kNone, "a"), (std::set<std::string>{"new"}));
  trace.removed("a");
  EXPECT_EQ(contents(trace, kSomeSectors, "a"), (std::set<std::string>{"new", "no file"}));
}

TEST(Trace, AProcessThatIsGoneHasNothingInFlight) {
  Trace trace(Image{{"a", ""}});
  trace.begun("a", 0, "x");
  trace.end_all();
  trace.synced("a", trace.events().size());
  EXPECT_EQ(contents(trace, kNone), (std::set<std::string>{"x"}));
}

}  // namespace
}  // namespace chronik::conformance
