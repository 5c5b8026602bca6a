// Bold and italics: runs of apostrophes, balanced line by line as MediaWiki does it
// (https://www.mediawiki.org/wiki/Help:Formatting). Bold leaves no trace in plain text; italics,
// which set off titles and foreign words, become double quotation marks, the convention of
// WikiExtractor.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace leia::corpus::wikitext {

// What stands before a run in its line.
enum class Before : uint8_t {
  kBlank,
  kOneLetter,  // a character after a blank
  kWord,       // anything else, or nothing
};

// A run of two or more apostrophes in a line.
struct QuoteRun {
  uint32_t place;
  uint32_t length;
  Before before;
  // What it turns into, before quotation marks next to each other are merged.
  uint32_t apostrophes = 0;  // how many of them are text
  enum Mark : uint8_t { kNone, kOpening, kClosing } mark = kNone;
};

// What the runs of one line turn into. Unbalanced markup ends with the line and leaves no trace.
void resolve_quotes(std::span<QuoteRun> runs);

}  // namespace leia::corpus::wikitext
