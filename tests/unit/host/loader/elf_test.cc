#include "host/loader/elf.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iostream>
#include <random>

namespace chronik::host {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSection = ".chronik.manifest";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ElfTest : public ::testing::Test {
 protected:
  ElfTest() : path_(fs::temp_directory_path() / ("chronik-elf-test-" + std::to_string(::getpid()) + ".so")) {}
  ~ElfTest() override { fs::remove(path_); }

  Result<ElfFile> reading(const std::string& bytes) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
    return read_elf(path_, kSection);
  }
  std::string good_ = read(fs::path(CHRONIK_MUSEUM_DIR) / "museum-good.so");
  fs::path path_;
};

TEST_F(ElfTest, ReadsSymbolsAndManifest) {
  const auto elf = reading(good_);
  ASSERT_TRUE(elf) << elf.error().message;
  EXPECT_EQ(elf->exported, std::vector<std::string>{"chronik_plugin_v1"});
  EXPECT_TRUE(std::ranges::binary_search(elf->imported, "calloc"));
  ASSERT_TRUE(elf->section);
  EXPECT_NE(elf->section->find("museum-good"), std::string::npos);
}

TEST_F(ElfTest, OtherFilesAreNamed) {
  EXPECT_EQ(reading("").error().message, "is not a shared object (no ELF file)");
  EXPECT_EQ(reading("#!/bin/sh\n").error().message, "is not a shared object (no ELF file)");
  std::string other = good_;
  other[EI_CLASS] = ELFCLASS32;
  EXPECT_NE(reading(other).error().message.find("is not built for this machine: 32 bit"), std::string::npos);
  other = good_;
  const uint16_t arm = EM_ARM;
  std::memcpy(other.data() + offsetof(Elf64_Ehdr, e_machine), &arm, sizeof arm);
  EXPECT_NE(reading(other).error().message.find("is built for arm; this host is"), std::string::npos);
  other = good_;
  const uint16_t executable = ET_EXEC;
  std::memcpy(other.data() + offsetof(Elf64_Ehdr, e_type), &executable, sizeof executable);
  EXPECT_EQ(reading(other).error().message, "is not a shared object but another kind of ELF");
  EXPECT_EQ(read_elf(fs::temp_directory_path(), kSection).error().message, "is not a regular file");
  EXPECT_EQ(read_elf("/nonexistent/x.so", kSection).error().code, Code::kNotFound);
}

TEST_F(ElfTest, AFileThatEverybodyMayWriteToIsRefused) {
  ASSERT_TRUE(reading(good_));
  fs::permissions(path_, fs::perms::others_write, fs::perm_options::add);
  EXPECT_EQ(read_elf(path_, kSection).error().message, "may be written to by everybody; run: chmod o-w");
}

TEST_F(ElfTest, EveryTruncationIsAnErrorOrReadsTheSame) {
  for (size_t n = 0; n < good_.size(); n += n < 256 ? 1 : 499) {
    EXPECT_FALSE(reading(good_.substr(0, n))) << n << " of " << good_.size() << " bytes";
  }
}

TEST_F(ElfTest, HostileSizesCostNoMemory) {
  Elf64_Ehdr header;
  std::memcpy(&header, good_.data(), sizeof header);
  for (uint16_t i = 0; i < header.e_shnum; ++i) {
    std::string bytes = good_;
    const uint64_t huge = 1ull << 62;
    const size_t at = header.e_shoff + i * sizeof(Elf64_Shdr);
    std::memcpy(bytes.data() + at + offsetof(Elf64_Shdr, sh_size), &huge, sizeof huge);
    (void)reading(bytes);  // an error where the section matters; never 4 EiB of memory
  }
}

TEST_F(ElfTest, RandomDamageNeverCrashes) {
  const unsigned seed = std::random_device()();
  std::cout << "seed " << seed << "\n";
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Elf64_Ehdr header;
  std::memcpy(&header, good_.data(), sizeof header);
  for (int round = 0; round < 200; ++round) {
    std::string bytes = good_;
    for (int flips = 0; flips < 8; ++flips) {
      // Half of the damage goes into the headers, where it hurts.
      const size_t headers = bytes.size() - header.e_shoff;
      const size_t at = random() % 2 == 0 ? header.e_shoff + random() % headers : random() % bytes.size();
      bytes[at] = static_cast<char>(random());
    }
    (void)reading(bytes);
  }
}

}  // namespace
}  // namespace chronik::host
