#include "coordinator/allocations.h"

#include <cstdlib>
#include <new>

namespace {

size_t count = 0;

void* count_and_allocate(size_t size) {
  ++count;
  void* const at = std::malloc(size);
  if (at == nullptr) throw std::bad_alloc();
  return at;
}

}  // namespace

void* operator new(size_t size) { return count_and_allocate(size); }
void* operator new[](size_t size) { return count_and_allocate(size); }
void operator delete(void* at) noexcept { std::free(at); }
void operator delete[](void* at) noexcept { std::free(at); }
void operator delete(void* at, size_t) noexcept { std::free(at); }
void operator delete[](void* at, size_t) noexcept { std::free(at); }

namespace chronik::testing {

size_t allocations() { return count; }

}  // namespace chronik::testing
