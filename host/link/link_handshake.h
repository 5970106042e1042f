// The handshake of a link: the node that dials says HELLO, the other answers WELCOME or REFUSED. Pure.
//
// A message is a head of 16 bytes, which stays as it is in all versions to come, and a body:
//
//     0 "chronikL"   8 kind   9 lane   10 lowest   12 highest version spoken   14 length of the body
//
// REFUSED has a code (2 bytes) and a text; the others the fields of Greeting and a CRC32C of all before.
#pragma once

#include <chronik/abi.h>
#include <chronik/result.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace chronik::host {

inline constexpr uint16_t kLinkVersion = 1;
inline constexpr uint64_t kGreetingHead = 16;
inline constexpr uint64_t kMaxGreetingBody = 1024;

enum class GreetingKind : uint8_t { kHello = 1, kWelcome = 2, kRefused = 3 };

enum class Refusal : uint16_t {
  kMalformed = 1,
  kVersion = 2,      // no version that both speak
  kCluster = 3,      // it belongs to another cluster
  kWrongNode = 4,    // it meant another node than this one
  kSameId = 5,       // it says it is this node
  kIncarnation = 6,  // another one with its id is known or connected, or it knew another one with this id
  kNotMember = 7,
  kBusy = 8,     // try again: this node dials too, starts, or stops
  kRemoved = 9,  // it left the cluster
};

// HELLO and WELCOME: who speaks, and to whom.
struct Greeting {
  GreetingKind kind = GreetingKind::kHello;
  uint8_t lane = 0;
  int32_t node = 0;
  int32_t meant = 0;             // the node that is spoken to
  uint64_t session = 0;          // chosen by the one that dials; both lanes of a link have the same
  chr_uuid incarnation{};        // of the one who speaks
  chr_uuid meant_incarnation{};  // what is known of the other; zero: nothing
  std::string cluster_id;        // empty: none yet
};

struct Refused {
  Refusal code = Refusal::kMalformed;
  std::string reason;
};

std::string encode(const Greeting& greeting);
std::string encode(const Refused& refused);

// How long the message is whose first kGreetingHead bytes these are. An error: no message of ours.
Result<uint64_t> greeting_size(const uint8_t* head);

// A whole message: a greeting, or in *refused the other side's reason, or an error. An error is answered with
// *refused too, whose code says of which kind it is.
std::optional<Greeting> decode_greeting(std::span<const uint8_t> message, Refused* refused);
bool is_refusal(std::span<const uint8_t> message);

bool is_zero(const chr_uuid& id);
bool is_same(const chr_uuid& a, const chr_uuid& b);

// What this node knows when another one greets it.
struct LinkView {
  int32_t node = 0;
  chr_uuid incarnation{};
  std::string cluster_id;
};
struct PeerView {
  chr_uuid incarnation{};  // known, or zero
  chr_uuid connected{};    // of the link that is up, or zero
  std::string address;     // where that link leads, for messages
};
// Whether to take a link from the one who greets; peer is null when it is none of ours.
std::optional<Refused> judge(const Greeting& greeting, const LinkView& self, const PeerView* peer);

}  // namespace chronik::host
