// Leases of your own: an object that counts its references, and ends with the last.
//
//     struct Block : Leased<Block> {
//       std::vector<uint8_t> bytes;
//     };
//     auto* const block = new Block;  // with one reference, the caller's
//     const chr_slice slice{block->bytes.data(), block->bytes.size(), block->lease()};
//
// The last release, on [any] thread, deletes the object; of a T that new did not make it calls T::end(T*) instead. Where T has
// is_recalled() const, that is asked on any thread, too.
#pragma once

#include <chronik/abi.h>

#include <atomic>

namespace chronik {

template <class T>
class Leased : public chr_buf {
 public:
  Leased(const Leased&) = delete;
  Leased& operator=(const Leased&) = delete;
  chr_buf* lease() { return this; }

 protected:
  Leased() : chr_buf{&kOps} {}
  ~Leased() = default;

 private:
  static Leased* of(chr_buf* buf) { return static_cast<Leased*>(buf); }
  static void CHR_CALL retain(chr_buf* buf) { of(buf)->references_.fetch_add(1, std::memory_order_relaxed); }
  static void CHR_CALL release(chr_buf* buf) {
    if (of(buf)->references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    auto* const last = static_cast<T*>(of(buf));
    if constexpr (requires { T::end(last); })
      T::end(last);
    else
      delete last;
  }
  static int32_t CHR_CALL is_recalled(const chr_buf* buf) {
    return static_cast<const T*>(static_cast<const Leased*>(buf))->is_recalled() ? 1 : 0;
  }
  static constexpr chr_buf_ops make_ops() {
    if constexpr (requires(const T& held) { held.T::is_recalled(); })
      return {retain, release, is_recalled};
    else
      return {retain, release, nullptr};
  }
  static constexpr chr_buf_ops kOps = make_ops();

  std::atomic<uint32_t> references_{1};
};

}  // namespace chronik
