#include "store_gauge.h"

StoreGauge::StoreGauge(const chronik::Host& host)
    : host_(host),
      interval_ns_(static_cast<uint64_t>(host.config_int("gauge_interval"))),
      used_(host.gauge("my_plugin_store_used_ratio", "Share of the storage that is in use.")) {}

void StoreGauge::start() {
  const chronik::Result<chronik::Storage> storage = chronik::Storage::acquire(host_);
  if (!storage) return;  // the manifest says that the service is optional
  storage_ = *storage;
  host_.post(0, &StoreGauge::look, this);
}

bool StoreGauge::stop(uint64_t token) {
  if (!storage_) return true;
  host_.post(0, [this, token] {
    host_.cancel_timer(timer_);
    host_.complete(token, CHR_OK);
  });
  return false;
}

void StoreGauge::look(void* self) {
  auto& gauge = *static_cast<StoreGauge*>(self);
  const chronik::Result<chr_storage_usage> usage = gauge.storage_.usage();
  if (usage && usage->capacity_bytes != 0)
    gauge.host_.set(gauge.used_,
                    static_cast<double>(usage->used_bytes) / static_cast<double>(usage->capacity_bytes));
  gauge.timer_ = gauge.host_.timer(gauge.interval_ns_, &StoreGauge::look, self);
}
