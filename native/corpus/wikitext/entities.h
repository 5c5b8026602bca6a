// HTML character references. Wikitext knows the 252 names of HTML 4
// (https://www.w3.org/TR/html401/sgml/entities.html) and numbers; any other `&name;` is ordinary
// text, as on the wiki itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leia::corpus::wikitext {

struct Entity {
  uint32_t point;
  size_t size;  // of the reference as it is written, in bytes
};

// How often references are decoded. Decoded once, as on the wiki, `&amp;nbsp;` is `&nbsp;`; twice,
// it is a blank, as in the data of LEIA's authors, whose extraction decodes what WikiExtractor has
// decoded.
enum class Decoding : bool { kOnce, kTwice };

// The reference that `text` begins with, an '&'.
std::optional<Entity> entity_at(std::string_view text, Decoding decoding);

void append_utf8(uint32_t point, std::string& text);

// All character references of a text replaced, in one pass.
std::string decode_entities(std::string_view text, Decoding decoding);

}  // namespace leia::corpus::wikitext
