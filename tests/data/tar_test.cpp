#include "data/tar.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdexcept>
#include <vector>

#include "base/files.h"
#include "data/tar_samples.h"
#include "tests/data/tar_fixture.h"
#include "tests/support/temporary_folder.h"

namespace atelier::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TarReader reader_of(const std::string& tar, uint64_t window = 512) {
  return {tar.size(), window, [&tar](const ByteRange& range) {
            if (range.last >= tar.size()) throw std::logic_error("asked for bytes behind the end");
            return tar.substr(range.first, range.size());
          }};
}

struct Found {
  std::string path, bytes;
  bool operator==(const Found&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Found& found) { return out << found.path << ": " << found.bytes; }

std::vector<Found> members(const std::string& tar, uint64_t window = 512) {
  std::vector<Found> all;
  TarReader reader = reader_of(tar, window);
  while (const auto member = reader.next()) all.push_back({member->path, tar.substr(member->offset, member->size)});
  return all;
}

/// What is wrong with a tar, or nothing.
std::string complaint(const std::string& tar) {
  try {
    members(tar);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

TEST(Tar, HoldsRegularFilesOfAnySize) {
  const std::string large(5000, 'x'), block(512, 'y');
  const std::string tar = tar_member("a/1.jpg", "one") + tar_member("a/empty", "") + tar_member("a/2.jpg", large) +
                          tar_member("b.png", block, '\0') + tar_member("c.png", "see", '7') + kTarEnd;
  for (const uint64_t window : {512, 600, 4096, 1 << 20})
    EXPECT_THAT(members(tar, window),
                ElementsAre(Found{"a/1.jpg", "one"}, Found{"a/empty", ""}, Found{"a/2.jpg", large},
                            Found{"b.png", block}, Found{"c.png", "see"}));
}

TEST(Tar, LeavesOutWhatIsNoFile) {
  const std::string tar = tar_member("folder/", "", '5') + tar_member("old-folder/", "", '\0') +
                          tar_header("soft", octal(0), '2') + tar_member("vendor", "who knows", 'Q') +
                          tar_header("link", octal(100), '1') + tar_member("1.jpg", "one") + kTarEnd;
  EXPECT_THAT(members(tar), ElementsAre(Found{"1.jpg", "one"}));
}

TEST(Tar, TakesLongNamesAndNumbersHoweverTheyAreWritten) {
  const std::string name(300, 'n');
  const std::string binary = {'\x80', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3};
  const std::string tar = tar_member("base", "1", '0', "some/prefix") + tar_member("././@LongLink", name + '\0', 'L') +
                          tar_member("nnn", "2") +
                          tar_member("x", pax_record("path", name + "/" + name) + pax_record("mtime", "1.5"), 'x') +
                          tar_member("nnn", "3") + tar_member("g", pax_record("comment", "of all"), 'g') +
                          tar_member("4", "4") + tar_header("5", binary) + padded("555") +
                          tar_member("x", pax_record("size", "3"), 'x') + tar_header("6", octal(0)) + padded("666") +
                          tar_header("7", "  3 ") + padded("777") + kTarEnd;
  EXPECT_THAT(members(tar), ElementsAre(Found{"some/prefix/base", "1"}, Found{name, "2"}, Found{name + "/" + name, "3"},
                                        Found{"4", "4"}, Found{"5", "555"}, Found{"6", "666"}, Found{"7", "777"}));
}

TEST(Tar, ReadsWhatPythonWrites) {
  const TemporaryFolder folder;
  const std::string program =
      "import io, sys, tarfile\n"
      "out = open(sys.argv[1] + '/expected', 'w')\n"
      "for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):\n"
      "  name = sys.argv[1] + '/%d.tar' % kind\n"
      "  with tarfile.open(name, 'w', format=kind) as tar:\n"
      "    for i in range(60):\n"
      "      long = 'folder%d/' % i * (i % 9) + 'n' * (1 + i % 90)\n"
      "      info = tarfile.TarInfo(long + ('\\u00fc' * (i % 50) if kind != tarfile.USTAR_FORMAT else '') + '.jpg')\n"
      "      info.size = i * 97\n"
      "      info.mtime = 1.5 + i if kind == tarfile.PAX_FORMAT else i\n"
      "      tar.addfile(info, io.BytesIO(bytes(i for _ in range(i * 97))))\n"
      "      if i % 7 == 0:\n"
      "        link = tarfile.TarInfo('link%d' % i); link.type = tarfile.SYMTYPE; link.linkname = 'x' * 150 if kind "
      "else 'x'\n"
      "        tar.addfile(link)\n"
      "        made = tarfile.TarInfo('made%d' % i); made.type = tarfile.DIRTYPE; tar.addfile(made)\n"
      "  for m in tarfile.open(name):\n"
      "    if m.isreg(): print(kind, m.name, m.offset_data, m.size, file=out)\n";
  std::ofstream(folder / "make.py") << program;
  const std::string command = test_python() + " " + (folder / "make.py").string() + " " + folder.path().string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::string found;
  for (const std::string kind : {"0", "1", "2"}) {
    const std::string tar = read_file(folder / (kind + ".tar"));
    TarReader reader = reader_of(tar, 4096);
    while (const auto member = reader.next())
      found +=
          kind + " " + member->path + " " + std::to_string(member->offset) + " " + std::to_string(member->size) + "\n";
  }
  EXPECT_EQ(found, read_file(folder / "expected"));
}

TEST(Tar, EndsWithOneBlockOfZerosOrMore) {
  const std::string member = tar_member("1.jpg", "one");
  for (const size_t zeros : {512, 1024, 10'240, 20'480})
    EXPECT_EQ(members(member + std::string(zeros, '\0')).size(), 1u) << zeros;
  EXPECT_THAT(members(kTarEnd), ElementsAre());
  EXPECT_THAT(complaint(member + kTarEnd + member + kTarEnd),
              StartsWith("at byte 1024: the tar ends, and more follows"));
  EXPECT_THAT(complaint(member + kTarEnd + std::string(2 << 20, '\0')), HasSubstr("bytes follow"));
}

TEST(Tar, NamesTheByteWhereItIsDamaged) {
  const std::string good = tar_member("1.jpg", "one");
  const auto second = [&](const std::string& bytes) { return complaint(good + bytes + kTarEnd); };
  std::string flipped = tar_member("2.jpg", "two");
  flipped[5] ^= 1;
  EXPECT_EQ(second(flipped), "at byte 1024: the header's checksum is wrong; the tar is damaged");
  EXPECT_EQ(complaint("GIF89a" + std::string(1024, 'x')), "at byte 0: the checksum is no octal number");
  EXPECT_EQ(complaint(std::string(512, ' ')), "at byte 0: no tar begins here");
  EXPECT_THAT(complaint("\x1f\x8b" + std::string(1024, '\0')), HasSubstr("gzip; unpack it"));
  EXPECT_THAT(complaint(""), StartsWith("at byte 0: the file ends before the tar does"));
  EXPECT_THAT(complaint(good), StartsWith("at byte 1024: the file ends before the tar does"));
  EXPECT_THAT(second(tar_header("2", octal(5000))), StartsWith("at byte 1024: a member of 5000 bytes, where 1024 are"));
  EXPECT_THAT(second(tar_header("2", std::string(12, '\xff'))), HasSubstr("the size is negative"));
  EXPECT_THAT(second(tar_header("2", "\x80" + std::string(11, '\xff'))), HasSubstr("the size is beyond all measure"));
  EXPECT_THAT(second(tar_header("2", "77777777777 ")), HasSubstr("a member of 8589934591 bytes"));
  EXPECT_THAT(second(tar_header("2", "12x")), HasSubstr("the size is no octal number"));
  EXPECT_THAT(second(tar_member("2", "map", 'S')), HasSubstr("sparse"));
  EXPECT_THAT(second(tar_member("x", pax_record("GNU.sparse.major", "1"), 'x')), HasSubstr("sparse"));
  EXPECT_THAT(second(tar_header("L", octal((1 << 20) + 1), 'L') + std::string(2 << 20, 'n')),
              HasSubstr("a name or a pax header of 1048577 bytes"));
}

TEST(Tar, RefusesPaxHeadersThatAreNone) {
  for (const std::string& records :
       {std::string("9 path=a"), std::string("99 path=a\n"), std::string("0 path=a\n"), std::string("path=a\n"),
        std::string("2 \n"), std::string("18446744073709551616 path=a\n"), std::string("-9 path=a\n"),
        pax_record("size", "-1"), pax_record("size", "1e9"), pax_record("size", ""),
        pax_record("size", "4611686018427387904")}) {
    EXPECT_THAT(complaint(tar_member("x", records, 'x') + tar_member("1", "one") + kTarEnd),
                StartsWith("at byte 0: a pax header"))
        << records;
  }
  EXPECT_THAT(complaint(tar_member("x", pax_record("size", "99999999"), 'x') + tar_member("1", "one") + kTarEnd),
              HasSubstr("a member of 99999999 bytes"));
}

/// A tar of every kind of header, as WebDataset lays it out.
std::string varied_tar() {
  std::string tar = tar_member("././@LongLink", std::string(150, 'k') + ".jpg" + '\0', 'L');
  tar += tar_member("kkk", "a picture") + tar_member("2.jpg", std::string(700, 'p')) + tar_member("2.cls", "7\n");
  tar += tar_member("x", pax_record("path", std::string(200, 'y') + ".png") + pax_record("size", "4"), 'x');
  tar += tar_header("yyy", octal(0)) + padded("pixe") + tar_member("3.json", R"({"label":"bed","caption":null})");
  return tar + tar_member("3.webp", "w") + tar_member("folder/", "", '5') + tar_member("3.txt", "a bed") + kTarEnd;
}

/// Reads `tar` whole; whatever is in it, that ends with a sentence or with rows that lie inside it.
void survive(const std::string& tar, const std::string& what) {
  try {
    TarReader reader = reader_of(tar);
    read_samples(reader, [] {});
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), StartsWith("at byte ")) << what;
  } catch (const std::exception& error) {
    ADD_FAILURE() << what << ": " << error.what();
  }
}

TEST(Tar, CutOffAnywhereIsAnErrorOrTheWholeList) {
  const std::string tar = varied_tar();
  TarReader whole = reader_of(tar);
  const std::string rows = read_samples(whole, [] {}).rows;
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 4);
  for (size_t size = 0; size < tar.size(); ++size) {
    const std::string cut = tar.substr(0, size);
    survive(cut, "cut at " + std::to_string(size));
    const bool has_an_end = size + 512 >= tar.size();
    EXPECT_THAT(complaint(cut), StartsWith(has_an_end ? "" : "at byte ")) << size;
    EXPECT_EQ(complaint(cut).empty(), has_an_end) << size;
  }
}

TEST(Tar, AnyFlippedByteIsSurvived) {
  const std::string tar = varied_tar();
  for (size_t at = 0; at < tar.size(); ++at) {
    for (const int flip : {0x01, 0x40, 0x80, 0xff}) {
      std::string flipped = tar;
      flipped[at] = static_cast<char>(flipped[at] ^ flip);
      survive(flipped, "byte " + std::to_string(at));
    }
  }
}

TEST(Tar, AnyByteOfAHeaderWithItsChecksumMadeRightIsSurvived) {
  const std::string tar = varied_tar();
  for (size_t header = 0; header + 512 < tar.size(); header += 512) {
    for (size_t at = 0; at < 512; at += at < 100 ? 13 : 1) {
      for (const int byte : {0x00, 0x20, 0x35, 0x37, 0x4c, 0x78, 0x80, 0xff}) {
        std::string changed = tar;
        changed[header + at] = static_cast<char>(byte);
        unsigned sum = 8 * ' ';
        for (size_t i = 0; i < 512; ++i)
          if (i < 148 || i >= 156) sum += static_cast<unsigned char>(changed[header + i]);
        std::snprintf(changed.data() + header + 148, 8, "%06o", sum);
        survive(changed, std::to_string(header) + " + " + std::to_string(at));
      }
    }
  }
}

}  // namespace
}  // namespace atelier::test
