// The gauge over the SDK's FakeStorage, in virtual time.
#include "../store_gauge.h"

#include <chronik/testing/fake_storage.hpp>
#include <cstdio>

namespace {

using namespace std::chrono_literals;

constexpr const char* kGauge = "my_plugin_store_used_ratio";

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  ++failures;
}

void put(chronik::testing::FakeHost& host, std::string_view key, std::string_view value) {
  const chronik::Storage storage = *chronik::Storage::acquire(chronik::Host(host.core()));
  chr_storage_step step{};
  step.type = CHR_STORAGE_PUT;
  step.key = chronik::to_abi(key);
  step.value = {reinterpret_cast<const uint8_t*>(value.data()), value.size(), nullptr};
  host.on_shard(0, [&] {
    storage.write(*storage.open_group("g"), {&step, 1}, [](const chronik::Status& durable) {
      expect(durable.has_value(), "the write is durable");
    });
  });
}

void test_gauge() {
  chronik::testing::FakeHost host;
  host.config_int("gauge_interval", 1'000'000'000);
  chronik::testing::FakeStorage storage(&host);
  storage.set_capacity(100);
  StoreGauge gauge{chronik::Host(host.core())};
  gauge.start();
  put(host, "key", std::string(22, 'x'));
  host.advance(1s);
  expect(host.metric(kGauge) == 0.25, "a quarter is in use");
  put(host, "key", std::string(47, 'x'));
  host.advance(1s);
  expect(host.metric(kGauge) == 0.5, "it is looked at again");

  chr_done stopped{};
  stopped.code = CHR_PENDING;
  expect(!gauge.stop(host.begin(&stopped)), "the stop takes a turn of the shard");
  host.run();
  expect(stopped.code == CHR_OK, "it has stopped");
  expect(host.open_timers() == 0, "it looks no more");
}

void test_without_storage() {
  chronik::testing::FakeHost host;
  StoreGauge gauge{chronik::Host(host.core())};
  gauge.start();
  host.run();
  expect(host.open_timers() == 0, "there is nothing to look at");
  expect(gauge.stop(0), "and nothing to stop");
}

}  // namespace

int main() {
  test_gauge();
  test_without_storage();
  return failures == 0 ? 0 : 1;
}
