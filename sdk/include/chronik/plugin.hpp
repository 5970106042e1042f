// Writing a plugin in C++: derive from Plugin, name it with CHRONIK_PLUGIN, and make the tables of its
// services with thunk. Every function made here is noexcept at the edge: an exception becomes an error
// status, never crosses the ABI.
//
//     class Fixed final : public chronik::Plugin {
//      public:
//       static constexpr std::string_view kId = "retry-fixed", kVersion = "1.0.0";
//       static std::span<const chr_config_key> schema();
//       explicit Fixed(chronik::Host host);                       // no I/O; throws or fails in start()
//       const void* service(std::string_view id, void** instance) override;
//       chr_status next_delay(const chr_retry* retry, uint64_t* delay_ns);
//     };
//     constexpr chr_retry_policy_v1 kTable = {sizeof kTable, 1, chronik::thunk<&Fixed::next_delay>};
//     CHRONIK_PLUGIN(Fixed)
#pragma once

#include <chronik/plugin.h>
#include <chronik/host.hpp>

#include <exception>
#include <span>

namespace chronik {

// Whether a start or stop is done, or completes its token later.
enum class Progress : chr_status { kDone = CHR_OK, kPending = CHR_PENDING };

// An instance. The functions are those of chr_plugin_v1, where their rules stand.
class Plugin {
 public:
  virtual ~Plugin() = default;
  // The table of a provided service and the first argument of its functions; nullptr: unknown.
  virtual const void* service(std::string_view id, void** instance) = 0;
  virtual Result<Progress> start(uint64_t /*token*/) { return Progress::kDone; }
  virtual Result<Progress> stop(uint64_t /*token*/) { return Progress::kDone; }
  // What the schema cannot say; hidden by a static function of the same name where a plugin needs it.
  static Status validate(std::string_view /*json*/) { return {}; }
};

// Runs fn, which returns a chr_status, and turns an exception into CHR_E_FAILED with its message.
template <class F>
chr_status guarded(chr_error* error, F&& fn) noexcept {
  try {
    return fn();
  } catch (const std::exception& e) {
    return report(error, CHR_E_FAILED, e.what());
  } catch (...) {
    return report(error, CHR_E_FAILED, "an exception of unknown type reached the edge of the plugin");
  }
}

namespace detail {

// The chr_error among the arguments of a call, or nullptr.
template <class... Args>
chr_error* error_among(Args... args) noexcept {
  chr_error* found = nullptr;
  [[maybe_unused]] const auto look = [&](auto arg) {
    if constexpr (std::is_same_v<decltype(arg), chr_error*>) found = arg;
  };
  (look(args), ...);
  return found;
}

template <auto Method>
struct Thunk;

template <class T, class R, class... Args, R (T::*Method)(Args...)>
struct Thunk<Method> {
  static R CHR_CALL call(void* self, Args... args) noexcept {
    if constexpr (std::is_same_v<R, chr_status>) {
      return guarded(error_among(args...), [&] { return (static_cast<T*>(self)->*Method)(args...); });
    } else {
      try {
        return (static_cast<T*>(self)->*Method)(args...);
      } catch (...) {
        return R();
      }
    }
  }
};

template <class P>
struct Table {
  static P* cast(chr_plugin* self) { return reinterpret_cast<P*>(self); }

  static const chr_config_key* CHR_CALL config_schema(uint32_t* n) noexcept {
    const std::span<const chr_config_key> keys = P::schema();
    *n = static_cast<uint32_t>(keys.size());
    return keys.data();
  }
  static chr_status CHR_CALL validate(chr_str json, chr_error* error) noexcept {
    return guarded(error, [&] { return settle(P::validate(from_abi(json)), error); });
  }
  static chr_status CHR_CALL create(const chr_host_v1* host, chr_str, chr_plugin** out,
                                    chr_error* error) noexcept {
    return guarded(error, [&] {
      *out = reinterpret_cast<chr_plugin*>(new P(Host(host)));
      return CHR_OK;
    });
  }
  static const void* CHR_CALL service(chr_plugin* self, const char* id, void** instance) noexcept {
    return cast(self)->service(id, instance);
  }
  static chr_status CHR_CALL start(chr_plugin* self, uint64_t token, chr_error* error) noexcept {
    return guarded(error, [&] { return settle(cast(self)->start(token), error); });
  }
  static chr_status CHR_CALL stop(chr_plugin* self, uint64_t token, chr_error* error) noexcept {
    return guarded(error, [&] { return settle(cast(self)->stop(token), error); });
  }
  static void CHR_CALL destroy(chr_plugin* self) noexcept { delete cast(self); }

  static chr_status settle(const Status& status, chr_error* error) {
    return status ? CHR_OK : report(error, status.error());
  }
  static chr_status settle(const Result<Progress>& progress, chr_error* error) {
    return progress ? static_cast<chr_status>(*progress) : report(error, progress.error());
  }

  static const chr_plugin_v1* entry(const chr_offer* offer, chr_error* error) noexcept {
    static constexpr chr_plugin_v1 table = {sizeof(chr_plugin_v1),
                                            CHR_ABI_MINOR,
                                            {P::kId.data(), P::kId.size()},
                                            {P::kVersion.data(), P::kVersion.size()},
                                            config_schema,
                                            validate,
                                            create,
                                            service,
                                            start,
                                            stop,
                                            destroy};
    if (offer->abi_major != CHR_ABI_MAJOR) {
      report(error, CHR_E_UNSUPPORTED, "built for ABI major 1");
      return nullptr;
    }
    if (offer->abi_minor < CHR_ABI_MINOR) {
      report(error, CHR_E_UNSUPPORTED, "built for a newer ABI minor than this host speaks");
      return nullptr;
    }
    return &table;
  }
};

}  // namespace detail

// A C function for a service table that calls a member function of the instance: self first, exceptions
// become CHR_E_FAILED with their message (or an empty value).
template <auto Method>
inline constexpr auto thunk = &detail::Thunk<Method>::call;

#define CHRONIK_PLUGIN(Type)                                                                        \
  extern "C" CHRONIK_EXPORT const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer, \
                                                                            chr_error* error) {     \
    return ::chronik::detail::Table<Type>::entry(offer, error);                                     \
  }

// Writes a schema as a constexpr array of these.
constexpr chr_str abi_text(std::string_view text) { return {text.data(), text.size()}; }
constexpr chr_config_key config_key(std::string_view name, int32_t type, std::string_view default_value,
                                    std::string_view doc, int64_t min = 0, int64_t max = 0,
                                    std::string_view choices = {}) {
  return {abi_text(name), type, 0u, abi_text(default_value), min, max, abi_text(choices), abi_text(doc)};
}

}  // namespace chronik
