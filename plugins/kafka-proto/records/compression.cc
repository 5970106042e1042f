#include "kafka-proto/records/compression.h"

#include <fmt/format.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <limits>

namespace chronik::kafka {

namespace {

constexpr size_t kPiece = 64 * 1024;

// A zstd context that served a frame with a large window is given back rather than kept.
constexpr size_t kMaxKeptContext = 8 * 1024 * 1024;

// 2^27 bytes: what zstd reads by default, and the window of its highest level.
constexpr int kMaxZstdWindowLog = 27;

// Snappy never expands more than this: a copy of 64 bytes takes 3.
constexpr size_t kMaxSnappyRatio = 22;

// snappy-java: this magic, a version and the lowest version that reads it, then (length, snappy block) pairs.
constexpr std::array<uint8_t, 8> kXerialMagic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
constexpr size_t kXerialHeader = 16;
constexpr size_t kXerialBlock = 32 * 1024;

constexpr int kLz4DefaultLevel = 9;  // Kafka's number for the fast compressor

std::unexpected<Error> corrupt(const char* codec, const char* what) {
  return fail(Code::kCorrupt, fmt::format("the {} data of a batch cannot be decompressed: {}", codec, what));
}

bool starts_xerial(Bytes bytes) {
  return bytes.size() >= kXerialHeader &&
         std::memcmp(bytes.data(), kXerialMagic.data(), kXerialMagic.size()) == 0;
}

}  // namespace

struct Codecs::Contexts {
  std::vector<uint8_t> piece = std::vector<uint8_t>(kPiece);
  z_stream inflate{};
  bool inflate_ready = false;
  LZ4F_dctx* lz4 = nullptr;
  ZSTD_DCtx* zstd_in = nullptr;
  ZSTD_CCtx* zstd_out = nullptr;

  Contexts() = default;
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  ~Contexts() {
    if (inflate_ready) inflateEnd(&inflate);
    LZ4F_freeDecompressionContext(lz4);
    ZSTD_freeDCtx(zstd_in);
    ZSTD_freeCCtx(zstd_out);
  }
};

namespace {

// Counts what went out against what may.
class Budget {
 public:
  explicit Budget(uint64_t limit) : limit_(limit), left_(limit) {}

  Status take_bytes(size_t n) {
    if (n > left_)
      return fail(Code::kOutOfRange, fmt::format("a batch decompresses to more than {} bytes", limit_));
    left_ -= n;
    return {};
  }

 private:
  uint64_t limit_;
  uint64_t left_;
};

class GzipRun : public Decompression {
 public:
  GzipRun(z_stream& stream, std::vector<uint8_t>& piece, Bytes input, uint64_t max_output)
      : stream_(stream), piece_(piece), budget_(max_output) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<uint8_t*>(input.data()));
    stream_.avail_in = static_cast<uInt>(input.size());
  }

  Result<Bytes> next() override {
    while (!done_) {
      stream_.next_out = reinterpret_cast<Bytef*>(piece_.data());
      stream_.avail_out = static_cast<uInt>(piece_.size());
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      const size_t n = piece_.size() - stream_.avail_out;
      if (status == Z_STREAM_END)
        done_ = !next_member();
      else if (status != Z_OK)
        return corrupt("gzip", stream_.avail_in == 0 ? "it is cut off" : "it is not a gzip stream");
      CHRONIK_CHECK(budget_.take_bytes(n));
      if (n > 0) return Bytes(piece_.data(), n);
    }
    return Bytes();
  }

 private:
  // Members may follow one another; as for Java, what does not start as one ends the stream.
  bool next_member() {
    if (stream_.avail_in < 2 || stream_.next_in[0] != 0x1f || stream_.next_in[1] != 0x8b) return false;
    return inflateReset(&stream_) == Z_OK;
  }

  z_stream& stream_;
  std::vector<uint8_t>& piece_;
  Budget budget_;
  bool done_ = false;
};

class SnappyRun : public Decompression {
 public:
  SnappyRun(std::vector<uint8_t>& piece, Bytes input, uint64_t max_output)
      : piece_(piece), rest_(input), budget_(max_output), framed_(starts_xerial(input)) {
    if (framed_) rest_ = rest_.subspan(kXerialHeader);
  }

  Result<Bytes> next() override {
    while (!rest_.empty()) {
      Bytes block = rest_;
      if (framed_) {
        if (starts_xerial(rest_)) {  // streams may follow one another
          rest_ = rest_.subspan(kXerialHeader);
          continue;
        }
        if (rest_.size() < 4) return corrupt("snappy", "it is cut off");
        const auto length = load_be<uint32_t>(rest_.data());
        if (length > rest_.size() - 4) return corrupt("snappy", "a block is longer than the batch");
        block = rest_.subspan(4, length);
        rest_ = rest_.subspan(4 + length);
      } else {
        rest_ = {};
      }
      CHRONIK_TRY(const Bytes out, decompress(block));
      if (!out.empty()) return out;
    }
    return Bytes();
  }

 private:
  Result<Bytes> decompress(Bytes block) {
    const auto* in = reinterpret_cast<const char*>(block.data());
    size_t size;
    if (!snappy::GetUncompressedLength(in, block.size(), &size))
      return corrupt("snappy", "a block has no length");
    if (size > block.size() * kMaxSnappyRatio)
      return corrupt("snappy", "a block announces more than it can hold");
    CHRONIK_CHECK(budget_.take_bytes(size));
    if (size > piece_.size()) large_.resize(size);
    std::vector<uint8_t>& out = size > piece_.size() ? large_ : piece_;
    if (!snappy::RawUncompress(in, block.size(), reinterpret_cast<char*>(out.data())))
      return corrupt("snappy", "a block is damaged");
    return Bytes(out.data(), size);
  }

  std::vector<uint8_t>& piece_;
  std::vector<uint8_t> large_;  // plain snappy is one block, however long
  Bytes rest_;
  Budget budget_;
  bool framed_;
};

class Lz4Run : public Decompression {
 public:
  Lz4Run(LZ4F_dctx* context, std::vector<uint8_t>& piece, Bytes input, uint64_t max_output)
      : context_(context), piece_(piece), rest_(input), budget_(max_output) {}

  Result<Bytes> next() override {
    while (!done_) {
      size_t out = piece_.size(), in = rest_.size();
      const size_t hint = LZ4F_decompress(context_, piece_.data(), &out, rest_.data(), &in, nullptr);
      if (LZ4F_isError(hint)) return corrupt("lz4", LZ4F_getErrorName(hint));
      rest_ = rest_.subspan(in);
      done_ = hint == 0;  // one frame, as in Java; what follows it is not read
      if (!done_ && in == 0 && out == 0) return corrupt("lz4", "it is cut off");
      CHRONIK_CHECK(budget_.take_bytes(out));
      if (out > 0) return Bytes(piece_.data(), out);
    }
    return Bytes();
  }

 private:
  LZ4F_dctx* context_;
  std::vector<uint8_t>& piece_;
  Bytes rest_;
  Budget budget_;
  bool done_ = false;
};

class ZstdRun : public Decompression {
 public:
  ZstdRun(ZSTD_DCtx* context, std::vector<uint8_t>& piece, Bytes input, uint64_t max_output)
      : context_(context), piece_(piece), in_{input.data(), input.size(), 0}, budget_(max_output) {}

  Result<Bytes> next() override {
    while (in_.pos < in_.size || !frame_done_) {
      ZSTD_outBuffer out{piece_.data(), piece_.size(), 0};
      const size_t in_before = in_.pos;
      const size_t hint = ZSTD_decompressStream(context_, &out, &in_);
      if (ZSTD_isError(hint)) return corrupt("zstd", ZSTD_getErrorName(hint));
      frame_done_ = hint == 0;
      if (!frame_done_ && in_.pos == in_before && out.pos == 0) return corrupt("zstd", "it is cut off");
      CHRONIK_CHECK(budget_.take_bytes(out.pos));
      if (out.pos > 0) return Bytes(piece_.data(), out.pos);
    }
    return Bytes();
  }

 private:
  ZSTD_DCtx* context_;
  std::vector<uint8_t>& piece_;
  ZSTD_inBuffer in_;
  Budget budget_;
  bool frame_done_ = false;
};

// Java reads no blocks that depend on one another, so a batch of them would stop every Java consumer.
bool lz4_blocks_are_independent(Bytes input) {
  constexpr uint8_t kIndependent{0x20};
  return input.size() > 4 && (input[4] & kIndependent) != uint8_t{0};
}

Status compress_gzip(int level, Bytes input, std::vector<uint8_t>& out) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;
  if (deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return fail(Code::kFailed, "gzip cannot start to compress");
  const size_t start = out.size();
  out.resize(start + deflateBound(&stream, input.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<uint8_t*>(input.data()));
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data() + start);
  stream.avail_out = static_cast<uInt>(out.size() - start);
  const int status = deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) return fail(Code::kFailed, "gzip cannot compress");
  return {};
}

void compress_snappy(Bytes input, std::vector<uint8_t>& out) {
  const size_t header = out.size();
  out.resize(header + kXerialHeader);
  std::memcpy(out.data() + header, kXerialMagic.data(), kXerialMagic.size());
  store_be<uint32_t>(out.data() + header + 8, 1);
  store_be<uint32_t>(out.data() + header + 12, 1);
  for (size_t at = 0; at < input.size(); at += kXerialBlock) {
    const size_t n = std::min(kXerialBlock, input.size() - at);
    const size_t start = out.size();
    out.resize(start + 4 + snappy::MaxCompressedLength(n));
    size_t size;
    snappy::RawCompress(reinterpret_cast<const char*>(input.data() + at), n,
                        reinterpret_cast<char*>(out.data() + start + 4), &size);
    store_be(out.data() + start, static_cast<uint32_t>(size));
    out.resize(start + 4 + size);
  }
}

Status compress_lz4(int level, Bytes input, std::vector<uint8_t>& out) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  constexpr int kLowestHighCompression = 3;
  preferences.compressionLevel = level == kLz4DefaultLevel ? 0 : std::max(level, kLowestHighCompression);
  const size_t start = out.size();
  out.resize(start + LZ4F_compressFrameBound(input.size(), &preferences));
  const size_t n =
      LZ4F_compressFrame(out.data() + start, out.size() - start, input.data(), input.size(), &preferences);
  if (LZ4F_isError(n))
    return fail(Code::kFailed, fmt::format("lz4 cannot compress: {}", LZ4F_getErrorName(n)));
  out.resize(start + n);
  return {};
}

Status compress_zstd(ZSTD_CCtx*& context, int level, Bytes input, std::vector<uint8_t>& out) {
  if (context == nullptr) context = ZSTD_createCCtx();
  if (context == nullptr) return fail(Code::kFailed, "zstd cannot start to compress");
  const size_t start = out.size();
  out.resize(start + ZSTD_compressBound(input.size()));
  const size_t n =
      ZSTD_compressCCtx(context, out.data() + start, out.size() - start, input.data(), input.size(), level);
  if (ZSTD_sizeof_CCtx(context) > kMaxKeptContext) {
    ZSTD_freeCCtx(context);
    context = nullptr;
  }
  if (ZSTD_isError(n))
    return fail(Code::kFailed, fmt::format("zstd cannot compress: {}", ZSTD_getErrorName(n)));
  out.resize(start + n);
  return {};
}

}  // namespace

Codecs::Codecs() : contexts_(std::make_unique<Contexts>()) {}
Codecs::~Codecs() = default;

Result<Decompression*> Codecs::start(Compression codec, Bytes input, uint64_t max_output) {
  Contexts& c = *contexts_;
  run_.reset();
  if (input.size() > std::numeric_limits<uInt>::max())
    return corrupt("compressed", "it is longer than 4 GiB");
  switch (codec) {
    case Compression::kGzip:
      if (!c.inflate_ready && inflateInit2(&c.inflate, 15 + 16) != Z_OK)
        return fail(Code::kFailed, "gzip cannot start to decompress");
      if (c.inflate_ready) inflateReset(&c.inflate);
      c.inflate_ready = true;
      run_ = std::make_unique<GzipRun>(c.inflate, c.piece, input, max_output);
      break;
    case Compression::kSnappy:
      run_ = std::make_unique<SnappyRun>(c.piece, input, max_output);
      break;
    case Compression::kLz4:
      if (!lz4_blocks_are_independent(input))
        return corrupt("lz4", "its blocks depend on one another, or it has none");
      if (c.lz4 == nullptr && LZ4F_isError(LZ4F_createDecompressionContext(&c.lz4, LZ4F_VERSION)))
        return fail(Code::kFailed, "lz4 cannot start to decompress");
      LZ4F_resetDecompressionContext(c.lz4);
      run_ = std::make_unique<Lz4Run>(c.lz4, c.piece, input, max_output);
      break;
    case Compression::kZstd:
      if (c.zstd_in != nullptr && ZSTD_sizeof_DCtx(c.zstd_in) > kMaxKeptContext) {
        ZSTD_freeDCtx(c.zstd_in);
        c.zstd_in = nullptr;
      }
      if (c.zstd_in == nullptr) c.zstd_in = ZSTD_createDCtx();
      if (c.zstd_in == nullptr) return fail(Code::kFailed, "zstd cannot start to decompress");
      ZSTD_DCtx_reset(c.zstd_in, ZSTD_reset_session_only);
      ZSTD_DCtx_setParameter(c.zstd_in, ZSTD_d_windowLogMax, kMaxZstdWindowLog);
      run_ = std::make_unique<ZstdRun>(c.zstd_in, c.piece, input, max_output);
      break;
    case Compression::kNone:
      return fail(Code::kInvalidArgument, "there is nothing to decompress");
  }
  return run_.get();
}

Result<std::vector<uint8_t>> Codecs::decompress(Compression codec, Bytes input, uint64_t max_output) {
  if (codec == Compression::kNone) return std::vector<uint8_t>(input.begin(), input.end());
  CHRONIK_TRY(Decompression* const run, start(codec, input, max_output));
  std::vector<uint8_t> out;
  for (;;) {
    CHRONIK_TRY(const Bytes piece, run->next());
    if (piece.empty()) return out;
    out.insert(out.end(), piece.begin(), piece.end());
  }
}

Status Codecs::compress(Compression codec, CompressionLevel level, Bytes input, std::vector<uint8_t>& out) {
  if (input.size() > std::numeric_limits<int32_t>::max())
    return fail(Code::kInvalidArgument, "what is to be compressed is longer than a batch may be");
  switch (codec) {
    case Compression::kNone:
      out.insert(out.end(), input.begin(), input.end());
      return {};
    case Compression::kGzip:
      return compress_gzip(level.value_or(Z_DEFAULT_COMPRESSION), input, out);
    case Compression::kSnappy:
      compress_snappy(input, out);
      return {};
    case Compression::kLz4:
      return compress_lz4(level.value_or(kLz4DefaultLevel), input, out);
    case Compression::kZstd:
      return compress_zstd(contexts_->zstd_out, level.value_or(ZSTD_CLEVEL_DEFAULT), input, out);
  }
  return fail(Code::kInvalidArgument, "no such codec");
}

}  // namespace chronik::kafka
