// A plugin that uses every host service a little, so that the simulator can be tested
// without chronik's own plugins.
#include "sim/unit/probe.h"

#include <chronik/link.h>
#include <chronik/net.h>
#include <chronik/files.hpp>
#include <chronik/plugin.hpp>

#include <cstring>
#include <map>
#include <string>

namespace {

using namespace chronik;

class Probe final : public Plugin {
 public:
  static constexpr std::string_view kId = "sim-probe", kVersion = "1.0.0";
  static std::span<const chr_config_key> schema() {
    static constexpr chr_config_key kKeys[] = {
        config_key("beat", CHR_CONFIG_DURATION, "\"100ms\"", "Time between two beats."),
        config_key("listen", CHR_CONFIG_ADDRESS, "\"node-0:9092\"", "Where clients connect."),
        config_key("reserve", CHR_CONFIG_INT, "0", "Bytes that the log grows by at the start.", 0, 1 << 20),
    };
    return kKeys;
  }
  explicit Probe(Host host) : host_(host) {}

  const void* service(std::string_view id, void** instance) override;
  Result<Progress> start(uint64_t token) override {
    net_ = host_.find<chr_net_v1>(CHR_NET_ID);
    link_ = host_.find<chr_link_v1>(CHR_LINK_ID);
    static constexpr chr_channel_v1 kChannel = {sizeof kChannel, 1, thunk<&Probe::on_frame>,
                                                thunk<&Probe::on_link>};
    chr_error error = make_abi_error();
    link_->open(host_.self(), to_abi("probe"), &kChannel, this, &channel_, &error);
    uint16_t port = 0;
    void* self = nullptr;
    const auto* protocol = static_cast<const chr_protocol_v1*>(service(CHR_PROTOCOL_ID, &self));
    net_->listen(host_.self(), to_abi(host_.config_string("listen")), protocol, this, &port, &error);
    host_.blocking([this, token] {
      const Files files = *Files::of(host_);
      log_ = *files.open("log", CHR_FILE_CREATE);
      if (!files.sync_names()) host_.fatal("cannot sync names");
      end_ = log_.info().size;
      recovered_.resize(end_);
      if (!log_.read(0, recovered_.data(), end_)) host_.fatal("cannot read");
      const auto reserve = static_cast<uint64_t>(host_.config_int("reserve"));
      if (const Status grown = reserve == 0 ? Status() : log_.resize(end_ + reserve); !grown)
        return host_.complete(token, grown);
      host_.post(0, [this, token] {
        beat(this);
        host_.complete(token, CHR_OK);
      });
    });
    return Progress::kPending;
  }

  chr_status append(chr_str text, uint64_t token) {
    host_.blocking([this, copy = std::string(from_abi(text)), token] {
      const Status written = log_.write(end_, copy.data(), copy.size());
      end_ += copy.size();
      host_.complete(token, written ? log_.sync() : written);
    });
    return CHR_PENDING;
  }
  chr_status twice(uint64_t token) {
    host_.complete(token, CHR_OK);
    host_.complete(token, CHR_OK);
    return CHR_PENDING;
  }
  chr_status send(int32_t to, uint64_t number) {
    const chr_slice slice = {reinterpret_cast<const uint8_t*>(&number), sizeof number, nullptr};
    return link_->send(host_.self(), channel_, to, CHR_LANE_CONTROL, &slice, 1);
  }
  uint64_t frames(uint32_t* ordered, uint64_t* up) {
    *ordered = ordered_ ? 1 : 0;
    *up = up_;
    return frames_;
  }
  chr_str recovered() { return to_abi(recovered_); }

  // ---- an echo protocol: four bytes of length, then text ----
  struct Session {
    Probe* probe;
    chr_conn* conn;
  };
  chr_status accept(chr_conn* conn, const chr_conn_info*, void** session) {
    *session = new Session{this, conn};
    return CHR_OK;
  }
  static uint64_t CHR_CALL data(void* session, chr_slice bytes, uint64_t* need) {
    auto* const self = static_cast<Session*>(session);
    uint32_t n = 0;
    if (bytes.n < sizeof n) {
      *need = sizeof n;
      return 0;
    }
    std::memcpy(&n, bytes.p, sizeof n);
    if (bytes.n < sizeof n + n) {
      *need = sizeof n + n;
      return 0;
    }
    const chr_slice echo = {bytes.p, sizeof n + n, bytes.lease};
    self->probe->net_->write(self->probe->host_.self(), self->conn, &echo, 1);
    return sizeof n + n;
  }
  static void CHR_CALL drained(void*) {}
  static void CHR_CALL closed(void* session, chr_status) { delete static_cast<Session*>(session); }

 private:
  void on_frame(int32_t, chr_slice bytes) {
    uint64_t number = 0;
    std::memcpy(&number, bytes.p, sizeof number);
    if (number < newest_) ordered_ = false;
    newest_ = number;
    ++frames_;
  }
  void on_link(int32_t peer, uint32_t up) { up ? up_ |= 1ull << peer : up_ &= ~(1ull << peer); }
  static void CHR_CALL beat(void* context) {
    auto* const self = static_cast<Probe*>(context);
    self->host_.info("beat");
    self->host_.timer(static_cast<uint64_t>(self->host_.config_int("beat")), &Probe::beat, self);
  }

  Host host_;
  File log_;
  uint64_t end_ = 0;
  const chr_net_v1* net_ = nullptr;
  const chr_link_v1* link_ = nullptr;
  uint32_t channel_ = 0;
  std::string recovered_;
  uint64_t frames_ = 0, newest_ = 0, up_ = 0;
  bool ordered_ = true;
};

const void* Probe::service(std::string_view id, void** instance) {
  static constexpr chr_probe_v1 kProbe = {sizeof kProbe,           1,
                                          thunk<&Probe::append>,   thunk<&Probe::twice>,
                                          thunk<&Probe::send>,     thunk<&Probe::frames>,
                                          thunk<&Probe::recovered>};
  static constexpr chr_protocol_v1 kProtocol = {
      sizeof kProtocol, 1, thunk<&Probe::accept>, &Probe::data, &Probe::drained, &Probe::closed};
  *instance = this;
  if (id == CHR_PROBE_ID) return &kProbe;
  if (id == CHR_PROTOCOL_ID) return &kProtocol;
  return nullptr;
}

}  // namespace

CHRONIK_PLUGIN(Probe)
