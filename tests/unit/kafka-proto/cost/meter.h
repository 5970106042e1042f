// What a piece of work costs, counted and not timed: the steps of the code that is compiled with
// -fsanitize-coverage=trace-pc (one for each basic block that runs), and the program's allocations.
#pragma once

#include <cstdint>

namespace chronik::kafka::testing {

struct Cost {
  uint64_t steps = 0;
  uint64_t allocations = 0;
  uint64_t memory = 0;    // at its peak, beyond what was there before
  uint64_t answered = 0;  // bytes; not the meter's business
};

namespace meter {
// Ends the program, which says `what`, once the work took so many steps: nobody waits for what is quadratic.
void start(uint64_t most_steps, const char* what);
Cost stop();
}  // namespace meter

}  // namespace chronik::kafka::testing
