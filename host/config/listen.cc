// What a node listens on, whoever opens it: an address that is taken twice shows here and not at its start.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "host/config/host_schema.h"
#include "host/config/units.h"

namespace chronik::host {
namespace {

// An address as the system compares it.
struct Place {
  enum class Kind { kV4, kV6, kName };
  Kind kind = Kind::kName;
  std::string host;  // an IP address in network order, a name in lower case
  uint16_t port = 0;

  static Place of(const Address& address) {
    Place place{Kind::kName, address.host, address.port};
    char bytes[sizeof(in6_addr)];
    if (::inet_pton(AF_INET, address.host.c_str(), bytes) == 1) {
      place.kind = Kind::kV4;
      place.host.assign(bytes, sizeof(in_addr));
    } else if (::inet_pton(AF_INET6, address.host.c_str(), bytes) == 1) {
      place.kind = Kind::kV6;
      place.host.assign(bytes, sizeof bytes);
    } else {
      std::ranges::transform(place.host, place.host.begin(),
                             [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    }
    return place;
  }
  bool is_wildcard() const {
    return kind != Kind::kName && host.find_first_not_of('\0') == std::string::npos;
  }
  // Of all of its kind; that of IPv6 takes the ports of IPv4 too.
  bool covers(const Place& other) const {
    return is_wildcard() && (kind == other.kind || (kind == Kind::kV6 && other.kind == Kind::kV4));
  }
  bool collides(const Place& other) const {
    if (port == 0 || port != other.port) return false;
    return (kind == other.kind && host == other.host) || covers(other) || other.covers(*this);
  }
};

struct Listener {
  std::string key;
  std::string text;
  Place place;
  const Setting* setting;      // or
  const ConfiguredPeer* peer;  // the node's own [[peer]]
  size_t item;                 // of the setting, where that is a list

  bool is_given() const { return setting == nullptr || setting->origin != Origin::kDefault; }
};

bool is_listened_on(const Setting& setting) {
  const std::string& name = setting.schema.name;
  return setting.schema.type == KeyType::kAddress && (name == "listen" || name.ends_with(".listen"));
}

std::vector<Listener> listeners(const Settings& settings, const HostConfig& config) {
  std::vector<Listener> found;
  const auto add = [&](std::string key, const std::string& text, const Setting* setting,
                       const ConfiguredPeer* peer, size_t item) {
    if (const auto address = parse_address(text))
      found.push_back({std::move(key), text, Place::of(*address), setting, peer, item});
  };
  for (const ConfiguredPeer& peer : config.peers)
    if (peer.id == config.node_id) add("peer.raft", peer.raft, nullptr, &peer, 0);
  for (const Setting& setting : settings.all()) {
    if (!is_listened_on(setting) || !setting.value) continue;
    for (size_t i = 0; i < setting.value->items.size(); ++i)
      add(setting.full_name, std::get<std::string>(setting.value->items[i]), &setting, nullptr, i);
  }
  return found;
}

std::string collision(const Listener& one, const Listener& other) {
  if (one.key == other.key && one.text == other.text)
    return fmt::format("{}: \"{}\" is given twice; leave one out", one.key, one.text);
  return fmt::format("{}: \"{}\" takes the port of \"{}\" ({}); choose another port", one.key, one.text,
                     other.text, other.key);
}

}  // namespace

void check_listen_addresses(Settings& settings, const HostConfig& config) {
  const std::vector<Listener> all = listeners(settings, config);
  for (auto later = all.begin(); later != all.end(); ++later) {
    const auto first =
        std::find_if(all.begin(), later, [&](const Listener& l) { return l.place.collides(later->place); });
    if (first == later || later->peer != nullptr) continue;  // two peers of one id were told of
    // Where the later one is a default, it is told of the one that was given.
    const Listener& told = later->is_given() ? *later : *first;
    const Listener& other = later->is_given() ? *first : *later;
    std::string message = collision(told, other);
    if (told.setting != nullptr) {
      settings.refuse(*told.setting, std::move(message), {}, told.item);
    } else if (!told.peer->source.empty()) {
      settings.diagnostics().error_from(told.peer->source, std::move(message));
    } else {
      settings.diagnostics().error(told.peer->at, told.peer->end, std::move(message));
    }
  }
}

}  // namespace chronik::host
