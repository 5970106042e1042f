// A broken invariant stops the node loudly: going on would risk acknowledged records.
#pragma once

#include <cstdio>
#include <cstdlib>

#define RAFT_INVARIANT(condition)                                                                        \
  do {                                                                                                   \
    if (!(condition)) [[unlikely]] {                                                                     \
      std::fprintf(stderr, "raft: broken invariant %s at %s:%d\n", #condition, __FILE_NAME__, __LINE__); \
      std::abort();                                                                                      \
    }                                                                                                    \
  } while (false)
