#include "kafka-proto/cluster/controller_view.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kCutOffAfterNs = 1'000'000'000;
constexpr uint64_t kFormsWithinNs = 10'000'000'000;
constexpr uint64_t kElectionsNs = 500'000'000;  // how long they may well take once a link is lost

}  // namespace

void ControllerView::controller_changed(int32_t controller) {
  if (controller >= 0) {
    knew_controller_.store(true, std::memory_order_relaxed);
    no_controller_since_ns_.store(0, std::memory_order_relaxed);
  } else if (knew_controller_.load(std::memory_order_relaxed) &&
             no_controller_since_ns_.load(std::memory_order_relaxed) == 0) {
    no_controller_since_ns_.store(host_.now_ns(), std::memory_order_relaxed);
  }
}

void ControllerView::link_lost() {
  leaders_expected_until_ns_.store(host_.now_ns() + kElectionsNs, std::memory_order_relaxed);
}

bool ControllerView::is_cut_off() const {
  const uint64_t since = no_controller_since_ns_.load(std::memory_order_relaxed);
  return since != 0 && host_.now_ns() > since + kCutOffAfterNs;
}

bool ControllerView::has_found_no_cluster() const {
  return !knew_controller_.load(std::memory_order_relaxed) && host_.now_ns() > began_ns_ + kFormsWithinNs;
}

}  // namespace chronik::kafka
