// Calls of another plugin's service, with a callback where the C tables have a token and an out parameter. The
// typed clients are made of it (consensus.hpp, metadata.hpp, storage.hpp); use it for services of your own.
#pragma once

#include <chronik/host.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace chronik {

inline Status to_status(chr_status code, std::string_view message = {}) {
  if (code >= 0) return {};
  return std::unexpected(Error{static_cast<Code>(code), std::string(message)});
}
inline Status to_status(const chr_done& done) { return to_status(done.code, from_abi(done.message)); }
// The other way round: CHR_OK, or the code of the error.
template <class T>
chr_status code_of(const Result<T>& result) {
  return result ? CHR_OK : static_cast<chr_status>(result.error().code);
}

// Makes a call that is over when it returns: invoke(chr_error* error) -> chr_status, the function of the table.
template <class Invoke>
Status call_now(Invoke&& invoke) {
  chr_error error = make_abi_error();
  const chr_status status = invoke(&error);
  return to_status(status, error.message);
}

// Makes one asynchronous call on a shard. done(Result<T>) runs exactly once, on this shard: before the call
// returns where the answer is there already, later otherwise. What the call fills is kept until then.
//
//     invoke(Out* out, uint64_t token, chr_error* error) -> chr_status    the function of the table
//     convert(Out& out, const chr_done& done) -> T                        what is told of it when it is OK
template <class T, class Out, class F, class Invoke, class Convert>
void call(const Host& host, Out out, F done, Invoke&& invoke, Convert convert) {
  struct State {
    Out out;
    F done;
    Convert convert;

    void finish(const chr_done& answer) {
      if (answer.code < 0) {
        done(Result<T>(std::unexpected(to_status(answer).error())));
      } else if constexpr (std::is_void_v<T>) {
        done(Result<T>());
      } else {
        done(Result<T>(convert(out, answer)));
      }
    }
  };
  // Shared, as the answer may come, and its callback end, before the call returns.
  auto state = std::make_shared<State>(State{std::move(out), std::move(done), std::move(convert)});
  chr_error error = make_abi_error();
  const chr_status status = host.async([&](uint64_t token) { return invoke(&state->out, token, &error); },
                                       [state](const chr_done& answer) { state->finish(answer); });
  if (status == CHR_PENDING) return;
  chr_done answer{};
  answer.code = status;
  answer.message = to_abi(error.message);
  state->finish(answer);
}

// The same where nothing comes back but whether it went well: invoke(token, error), done(Status).
template <class F, class Invoke>
void call(const Host& host, F done, Invoke&& invoke) {
  struct Nothing {};
  call<void>(
      host, Nothing{}, std::move(done),
      [&](Nothing*, uint64_t token, chr_error* error) { return invoke(token, error); },
      [](Nothing&, const chr_done&) {});
}

}  // namespace chronik
