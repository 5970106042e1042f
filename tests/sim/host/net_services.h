// The tables of services that the simulated network provides; the others stand in services.cc.
#pragma once

#include <chronik/link.h>
#include <chronik/net.h>

namespace chronik::sim {

extern const chr_net_v1 kNetTable;
extern const chr_link_v1 kLinkTable;

}  // namespace chronik::sim
