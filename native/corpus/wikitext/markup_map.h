// Finds where in a page markup may begin, for many bytes together, before the page is read: text
// between markup is short, and looking for its end byte by byte costs more than reading it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace leia::corpus::wikitext {

class MarkupMap {
 public:
  // How many bytes are looked at from a place in the page.
  static constexpr size_t kSeen = 18;

  // Looks through a page. At least kSeen bytes must follow it that begin no markup.
  void begin(std::string_view page);

  // The first place from `at` on where markup may begin: any of `<[]{}|&` and line breaks, two
  // apostrophes, two underscores, two wide underscores, or `-{`. The end of the page if there is
  // none.
  const char* next(const char* at) const;

 private:
  std::string_view page_;
  std::vector<uint64_t> bits_;  // one bit for each byte of the page
};

}  // namespace leia::corpus::wikitext
