// Finds the pages in a piece of a dump. Wikimedia writes them all in one shape, so looking for the
// next bracket is enough. That is several times faster than a parser for all XML, which reads any
// other piece.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace leia::corpus {

// What a page may say of itself: elements, and attributes of <redirect> and of <text>.
enum class PageField : uint8_t {
  kTitle,
  kNamespace,
  kId,
  kModel,
  kText,
  kRedirectTitle,
  kBytes,
  kRevision,
  kTime
};
constexpr size_t kPageFields = 9;

// A part of the piece.
struct PagePart {
  static constexpr int32_t kAbsent = -1;

  int32_t start = 0;
  int32_t size = kAbsent;
};

// All that is found of one page.
struct ScannedPage {
  std::array<PagePart, kPageFields> fields;
  int32_t redirects = 0;  // whether it has a <redirect>
  int32_t deleted = 0;    // whether its text was deleted
  int32_t end = 0;        // of the page in the piece

  PagePart& operator[](PageField field) { return fields[static_cast<size_t>(field)]; }
};

// Finds the pages in valid UTF-8 of less than 2 GiB, and resolves the references in their fields
// where they stand. Nothing is found, and nothing changed, if the piece is not of the usual shape.
std::optional<std::vector<ScannedPage>> scan_pages(std::span<char> xml);

}  // namespace leia::corpus
