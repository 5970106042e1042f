// What a socket's ends are called.
#pragma once

#include <string>

namespace chronik::host {

// "127.0.0.1:53124" or "[::1]:53124"; "unknown" when the peer is gone already.
std::string peer_name(int fd);
std::string local_name(int fd);

}  // namespace chronik::host
