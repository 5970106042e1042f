#include "host/observe/health.h"

#include "host/observe/json.h"

namespace chronik::host {

void Health::set(std::string_view component, std::string_view part, int32_t state, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  states_[{std::string(component), std::string(part)}] = {state, std::string(reason)};
}

void Health::forget(std::string_view component) {
  const std::lock_guard lock(mutex_);
  std::erase_if(states_, [&](const auto& entry) { return entry.first.first == component; });
}

void Health::add_probe(Probe probe) {
  const std::lock_guard lock(mutex_);
  probes_.push_back(std::move(probe));
}

bool Health::ready() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [key, state] : states_) {
    if (state.state == CHR_HEALTH_NOT_READY) return false;
  }
  return true;
}

std::string Health::ready_json() const {
  const std::lock_guard lock(mutex_);
  bool is_ready = true;
  std::string reasons;
  for (const auto& [key, state] : states_) {
    if (state.state == CHR_HEALTH_READY) continue;
    is_ready = is_ready && state.state != CHR_HEALTH_NOT_READY;
    if (!reasons.empty()) reasons += ',';
    reasons += "{\"component\":" + json_text(key.first) + ",\"part\":" + json_text(key.second) +
               ",\"state\":\"" + (state.state == CHR_HEALTH_NOT_READY ? "not_ready" : "degraded") +
               "\",\"reason\":" + json_text(state.reason) + "}";
  }
  return std::string("{\"ready\":") + (is_ready ? "true" : "false") + ",\"reasons\":[" + reasons + "]}\n";
}

std::vector<std::string> Health::deaths() const {
  std::vector<Probe> probes;
  {
    const std::lock_guard lock(mutex_);
    probes = probes_;
  }
  std::vector<std::string> deaths;
  for (const Probe& probe : probes) {
    if (std::optional<std::string> death = probe()) deaths.push_back(*std::move(death));
  }
  return deaths;
}

}  // namespace chronik::host
