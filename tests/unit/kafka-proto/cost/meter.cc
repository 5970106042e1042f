#include "cost/meter.h"

#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

// One thread only: the tests' hosts run everything on the caller's.
bool counting = false;
uint64_t steps = 0, most_steps = 0, allocations = 0;
int64_t held = 0, peak = 0;
const char* what = "";

void give_up() {
  std::printf("[  FAILED  ] %s: more than %llu steps\n", what, static_cast<unsigned long long>(most_steps));
  std::fflush(stdout);
  std::_Exit(1);
}

void* take(size_t size) {
  void* const at = std::malloc(size);
  if (at == nullptr) throw std::bad_alloc();
  if (counting) {
    ++allocations;
    held += static_cast<int64_t>(malloc_usable_size(at));
    if (held > peak) peak = held;
  }
  return at;
}

void give(void* at) {
  if (counting && at != nullptr) held -= static_cast<int64_t>(malloc_usable_size(at));
  std::free(at);
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc();  // NOLINT
extern "C" void __sanitizer_cov_trace_pc() {
  if (counting && ++steps > most_steps) give_up();
}

void* operator new(size_t size) { return take(size); }
void* operator new[](size_t size) { return take(size); }
void operator delete(void* at) noexcept { give(at); }
void operator delete[](void* at) noexcept { give(at); }
void operator delete(void* at, size_t) noexcept { give(at); }
void operator delete[](void* at, size_t) noexcept { give(at); }

namespace chronik::kafka::testing::meter {

void start(uint64_t most, const char* name) {
  most_steps = most;
  what = name;
  steps = allocations = 0;
  held = peak = 0;
  counting = true;
}

Cost stop() {
  counting = false;
  return {steps, allocations, static_cast<uint64_t>(peak), 0};
}

}  // namespace chronik::kafka::testing::meter
