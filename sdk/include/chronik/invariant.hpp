// CHRONIK_INVARIANT(host, condition, text): what must be true here whatever came in. Where it is not, the
// node stops loudly: going on would risk acknowledged records.
//
//     CHRONIK_INVARIANT(host_, in_flight_ > 0, "a write ended that was not begun");
#pragma once

#include <chronik/host.hpp>

#include <string>
#include <string_view>

namespace chronik {

[[gnu::cold, gnu::noinline]] inline void stop_for_invariant(const Host& host, std::string_view condition,
                                                            std::string_view text, std::string_view file,
                                                            int line) {
  std::string message = "Broken invariant: ";
  message.append(text).append(" (").append(condition).append(", ").append(file).append(":");
  message.append(std::to_string(line)).append(")");
  host.fatal(message);
}

}  // namespace chronik

// host: chronik::Host of the plugin instance. text: what is wrong, for whoever reads the last line of the log.
// A server does not come back from it. The simulator does and ends the node afterwards, so that what follows
// the check may run once more.
#define CHRONIK_INVARIANT(host, condition, text)                                      \
  do {                                                                                \
    if (!(condition)) [[unlikely]]                                                    \
      ::chronik::stop_for_invariant(host, #condition, text, __FILE_NAME__, __LINE__); \
  } while (false)
