// Decodes files of bzip2 with several threads, each file whole, damaged in many places and given up
// in the middle, and compares the bytes with those of one thread. Node is not built for
// ThreadSanitizer, so this program stands alone:
//
//     g++ -std=c++20 -g -O1 -fsanitize=thread -Inative test/native/bzip2_threads.cpp \
//       native/corpus/*.cpp -o bzip2_threads && ./bzip2_threads 2 5 -- a.xml.bz2 …
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "corpus/bzip2.h"

namespace {

using Bytes = std::vector<uint8_t>;

struct Outcome {
  Bytes bytes;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

// The bytes before the first error, and the error; stops after `most` bytes.
Outcome decode(const Bytes& file, int threads, size_t most) {
  constexpr size_t kFeed = size_t{1} << 20;
  leia::corpus::Bzip2Decoder decoder(threads);
  Outcome outcome;
  try {
    for (size_t at = 0; at < file.size(); at += kFeed) {
      const size_t size = std::min(kFeed, file.size() - at);
      decoder.feed(file.data() + at, size, at + size == file.size());
      for (bool more = true; more;) {
        Bytes piece(size_t{1} << 18);
        const size_t written = decoder.decode(piece.data(), piece.size());
        more = written == piece.size();
        outcome.bytes.insert(outcome.bytes.end(), piece.begin(), piece.begin() + written);
        if (outcome.bytes.size() >= most) return outcome;
      }
    }
  } catch (const std::exception& error) {
    outcome.error = error.what();
  }
  return outcome;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<int> threads;
  int at = 1;
  for (; at < count && std::string(arguments[at]) != "--"; ++at) {
    threads.push_back(std::atoi(arguments[at]));
  }
  int runs = 0;
  int different = 0;
  for (++at; at < count; ++at) {
    std::ifstream stream(arguments[at], std::ios::binary);
    const Bytes whole{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    std::mt19937 random(1);
    for (int damage = 0; damage < 12; ++damage) {
      Bytes file = whole;
      for (int i = 0; i < damage % 4; ++i) file[random() % file.size()] ^= 1 << (random() % 8);
      if (damage >= 8) file.resize(random() % file.size());
      const size_t most = damage % 3 == 2 ? random() % (4 * whole.size()) : SIZE_MAX;
      const Outcome expected = decode(file, 1, most);
      for (const int n : threads) {
        ++runs;
        if (decode(file, n, most) == expected) continue;
        ++different;
        std::printf("%s, damage %d: %d threads differ\n", arguments[at], damage, n);
      }
    }
  }
  std::printf("%d runs, %d with other bytes or errors than one thread\n", runs, different);
  return different == 0 && runs > 0 ? 0 : 1;
}
