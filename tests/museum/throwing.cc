// Throws in start(): once where the SDK's wrapper catches it (GUARDED), once straight across the ABI; or in a
// callback.
#include <chronik/plugin.hpp>
#include <stdexcept>

namespace {

class Throwing final : public chronik::Plugin {
 public:
  static constexpr std::string_view kId = MUSEUM_ID;
  static constexpr std::string_view kVersion = "1.0.0";
  static std::span<const chr_config_key> schema() { return {}; }
  explicit Throwing(chronik::Host host) : host_(host) {}
  const void* service(std::string_view /*id*/, void** /*instance*/) override { return nullptr; }
  chronik::Result<chronik::Progress> start(uint64_t /*token*/) override {
#if defined(IN_CALLBACK)
    host_.blocking([] { throw std::runtime_error("the lamp fell"); });
    return chronik::Progress::kDone;
#endif
    throw std::runtime_error("the lamp fell");
  }

 private:
  [[maybe_unused]] chronik::Host host_;
};

}  // namespace

#if defined(GUARDED)
CHRONIK_PLUGIN(Throwing)
#else
extern "C" CHRONIK_EXPORT const chr_plugin_v1* CHR_CALL chronik_plugin_v1(const chr_offer* offer,
                                                                          chr_error* error) {
  static const chr_plugin_v1 table = [&] {
    chr_plugin_v1 copy = *chronik::detail::Table<Throwing>::entry(offer, error);
    copy.start = [](chr_plugin* self, uint64_t token, chr_error*) -> chr_status {
      (void)reinterpret_cast<Throwing*>(self)->start(token);
      return CHR_OK;
    };
    return copy;
  }();
  return &table;
}
#endif
