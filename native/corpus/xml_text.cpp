#include "corpus/xml_text.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace leia::corpus {

namespace {

struct Reference {
  std::string_view written;
  char sign;
};

// In the order of how often they come up.
constexpr std::array<Reference, 6> kReferences = {{
    {"&lt;", '<'},
    {"&gt;", '>'},
    {"&quot;", '"'},
    {"&amp;", '&'},
    {"&#039;", '\''},
    {"&apos;", '\''},
}};

}  // namespace

bool is_usual_xml(std::string_view xml) {
  // Without branches, so that many bytes are looked at together.
  const auto* bytes = reinterpret_cast<const uint8_t*>(xml.data());
  unsigned unusual = 0;
  for (size_t i = 0; i < xml.size(); ++i) {
    unusual |= unsigned{bytes[i] < 0x20} & unsigned{bytes[i] != '\t'} & unsigned{bytes[i] != '\n'};
  }
  // U+FFFE and U+FFFF
  for (size_t i = 0; i + 2 < xml.size(); ++i) {
    unusual |= unsigned{bytes[i] == 0xef} & unsigned{bytes[i + 1] == 0xbf} &
               unsigned{bytes[i + 2] >= 0xbe};
  }
  return unusual == 0;
}

std::optional<size_t> resolve_references(std::string_view written, char* output) {
  if (written.find('>') != std::string_view::npos) return std::nullopt;
  char* to = output;
  while (true) {
    const size_t plain = std::min(written.find('&'), written.size());
    to = std::copy_n(written.data(), plain, to);
    written.remove_prefix(plain);
    if (written.empty()) return static_cast<size_t>(to - output);
    const auto* reference = std::find_if(kReferences.begin(), kReferences.end(), [&](auto& one) {
      return written.starts_with(one.written);
    });
    if (reference == kReferences.end()) return std::nullopt;
    *to++ = reference->sign;
    written.remove_prefix(reference->written.size());
  }
}

}  // namespace leia::corpus
