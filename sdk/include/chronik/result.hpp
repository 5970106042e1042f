// Result<T>: how C++ code of chronik reports what can go wrong. Header-only; never crosses the ABI as such.
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <expected>
#include <string>
#include <utility>

namespace chronik {

// The status codes of the ABI (chronik/abi.h), one for one.
enum class Code : int32_t {
  kFailed = CHR_E_FAILED,
  kInvalidArgument = CHR_E_INVALID_ARGUMENT,
  kNotFound = CHR_E_NOT_FOUND,
  kExists = CHR_E_EXISTS,
  kNotLeader = CHR_E_NOT_LEADER,
  kFenced = CHR_E_FENCED,
  kTimeout = CHR_E_TIMEOUT,
  kCorrupt = CHR_E_CORRUPT,
  kIo = CHR_E_IO,
  kNoSpace = CHR_E_NO_SPACE,
  kUnavailable = CHR_E_UNAVAILABLE,
  kOverloaded = CHR_E_OVERLOADED,
  kUnsupported = CHR_E_UNSUPPORTED,
  kShuttingDown = CHR_E_SHUTTING_DOWN,
  kCancelled = CHR_E_CANCELLED,
  kOutOfRange = CHR_E_OUT_OF_RANGE,
  kConflict = CHR_E_CONFLICT,
};

struct Error {
  Code code = Code::kFailed;
  std::string message;  // lower case, with the value and the limit, no trailing dot
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}

#define CHRONIK_CONCAT_(a, b) a##b
#define CHRONIK_CONCAT(a, b) CHRONIK_CONCAT_(a, b)

// CHRONIK_TRY(auto x, f()): binds the value of f(), or returns its error from the enclosing function.
#define CHRONIK_TRY(declaration, ...) \
  CHRONIK_TRY_(CHRONIK_CONCAT(chronik_try_, __LINE__), declaration, __VA_ARGS__)
#define CHRONIK_TRY_(temporary, declaration, ...)                       \
  auto temporary = (__VA_ARGS__);                                       \
  if (!temporary) return std::unexpected(std::move(temporary).error()); \
  declaration = std::move(*temporary)

// CHRONIK_CHECK(f()): like CHRONIK_TRY for a Status.
#define CHRONIK_CHECK(...)                                       \
  do {                                                           \
    if (auto chronik_status = (__VA_ARGS__); !chronik_status)    \
      return std::unexpected(std::move(chronik_status).error()); \
  } while (false)

}  // namespace chronik
