#include "host/loader/instances.h"

#include <fmt/format.h>

#include <algorithm>
#include <chronik/host.hpp>
#include <chronik/status_text.hpp>

#include "host/loader/service_tables.h"

namespace chronik::host {
namespace {

constexpr std::string_view kEscaped = "let an exception out, which no plugin may do";

// Runs code of a plugin; an exception that breaks out of it becomes an error.
template <class F>
chr_status contained(chr_error* error, F&& fn) {
  try {
    return fn();
  } catch (...) {
    return report(error, CHR_E_FAILED, kEscaped);
  }
}

Error describe_failure(const LoadedPlugin& plugin, std::string_view step, const Error& error) {
  std::string reason = error.message;
  if (reason.empty())
    reason =
        fmt::format("{}, and the plugin gave no reason", status_text(static_cast<chr_status>(error.code)));
  return {error.code, fmt::format("{} failed to {}: {}", plugin.id(), step, reason)};
}

}  // namespace

Instances::Instances(const PluginSet& set) : set_(set), entries_(set.size()) {}

Status Instances::create(size_t i, const chr_host_v1* host, std::string_view json) {
  Entry& entry = entries_[i];
  const LoadedPlugin& plugin = set_[i];
  chr_error error = make_abi_error();
  chr_plugin* instance = nullptr;
  const chr_status status =
      contained(&error, [&] { return plugin.table().create(host, to_abi(json), &instance, &error); });
  if (status != CHR_OK) {
    error.message[sizeof error.message - 1] = '\0';
    const Code code = status < 0 ? static_cast<Code>(status) : Code::kFailed;
    return std::unexpected(describe_failure(plugin, "be created", {code, error.message}));
  }
  if (instance == nullptr) {
    return fail(Code::kFailed,
                fmt::format("{} failed to be created: it returned OK but no instance", plugin.id()));
  }
  entry = {instance, State::kCreated};
  return {};
}

Status Instances::check_services(size_t i, Missing missing) const {
  for (const std::string& service : set_[i].manifest().provides) {
    void* instance = nullptr;
    const void* const table = table_of(i, service, &instance);
    if (table != nullptr) {
      CHRONIK_CHECK(check_service_table(service, table));
    } else if (missing == Missing::kRefused) {
      return fail(
          Code::kInvalidArgument,
          fmt::format("its service() returned NULL for {}, which its manifest says it provides", service));
    }
  }
  return {};
}

chr_status Instances::start(size_t i, uint64_t token, chr_error* error) {
  Entry& entry = entries_[i];
  entry.state = State::kStarting;
  const chr_status status =
      contained(error, [&] { return set_[i].table().start(entry.instance, token, error); });
  if (status != CHR_PENDING) started(i, status);
  return status;
}

void Instances::started(size_t i, chr_status status) {
  // After a failed start the plugin still has to be stopped, so it stays in kStarting until then.
  if (status >= 0) entries_[i].state = State::kRunning;
}

chr_status Instances::stop(size_t i, uint64_t token, chr_error* error) {
  Entry& entry = entries_[i];
  entry.state = State::kStopping;
  const chr_status status =
      contained(error, [&] { return set_[i].table().stop(entry.instance, token, error); });
  if (status != CHR_PENDING) stopped(i);
  return status;
}

void Instances::stopped(size_t i) { entries_[i].state = State::kStopped; }

void Instances::destroy(size_t i) {
  Entry& entry = entries_[i];
  if (entry.instance == nullptr) return;
  chr_error error = make_abi_error();
  contained(&error, [&] {
    set_[i].table().destroy(entry.instance);
    return CHR_OK;
  });
  entry = {nullptr, State::kDestroyed};
}

const void* Instances::service_of(size_t provider, std::string_view service, void** instance) {
  const Entry& entry = entries_[provider];
  if (entry.instance == nullptr || entry.state != State::kRunning) return nullptr;
  return table_of(provider, service, instance);
}

const void* Instances::table_of(size_t provider, std::string_view service, void** instance) const {
  const std::string id(service);
  const void* table = nullptr;
  chr_error error = make_abi_error();
  contained(&error, [&] {
    table = set_[provider].table().service(entries_[provider].instance, id.c_str(), instance);
    return CHR_OK;
  });
  return table;
}

const void* Instances::acquire(size_t i, std::string_view service, void** instance) {
  const Manifest& manifest = set_[i].manifest();
  const auto lists = [&](const std::vector<std::string>& ids) {
    return std::ranges::any_of(ids, [&](const std::string& id) { return meets(service, id); });
  };
  if (!lists(manifest.requires_) && !lists(manifest.optional)) return nullptr;
  return find_service(service, instance);
}

const void* Instances::find_service(std::string_view service, void** instance) {
  const auto provider = set_.provider(service);
  return provider ? service_of(*provider, service, instance) : nullptr;
}

const void* Instances::service_at(size_t i, std::string_view service, void** instance) const {
  return entries_[i].instance == nullptr ? nullptr : table_of(i, service, instance);
}

Status Instances::start_all(const Await& await) {
  for (size_t i = 0; i < size(); ++i) {
    if (entries_[i].state != State::kCreated) continue;
    Status status = await(i, [&](uint64_t token, chr_error* error) { return start(i, token, error); });
    if (status) status = check_services(i, Missing::kRefused);
    if (status) {
      started(i, CHR_OK);
      continue;
    }
    const Error failure = describe_failure(set_[i], "start", status.error());
    (void)stop_all(await);  // the first failure is the one to report
    return std::unexpected(failure);
  }
  return {};
}

Status Instances::stop_all(const Await& await) {
  Status first;
  for (size_t i = size(); i-- > 0;) {
    const State state = entries_[i].state;
    if (state != State::kRunning && state != State::kStarting) continue;
    const Status status = await(i, [&](uint64_t token, chr_error* error) { return stop(i, token, error); });
    stopped(i);
    if (!status && first) first = std::unexpected(describe_failure(set_[i], "stop", status.error()));
  }
  return first;
}

void Instances::destroy_all() {
  for (size_t i = size(); i-- > 0;) destroy(i);
}

}  // namespace chronik::host
