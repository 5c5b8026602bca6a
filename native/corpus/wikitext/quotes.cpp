#include "corpus/wikitext/quotes.h"

namespace leia::corpus::wikitext {

namespace {

constexpr uint32_t kItalic = 2;
constexpr uint32_t kBold = 3;

// Apostrophes beyond the markup are text: 4 are ' and bold, more than 5 end in bold italics.
uint32_t literal_apostrophes(uint32_t length) {
  if (length == 4) return 1;
  return length > 5 ? length - 5 : 0;
}

uint32_t markup(const QuoteRun& run) {
  return run.length - literal_apostrophes(run.length);
}

// When both kinds are unbalanced, one bold is an apostrophe and italics, as in `l'''amour''`.
// MediaWiki takes the first one after a one-letter word, or else after a longer word, or else after
// a blank.
const QuoteRun* elision(std::span<const QuoteRun> runs) {
  bool bold = false;
  bool italic = false;
  const QuoteRun* best = nullptr;
  const auto rank = [](const QuoteRun& run) {
    if (run.before == Before::kOneLetter) return 2;
    return run.before == Before::kWord ? 1 : 0;
  };
  for (const QuoteRun& run : runs) {
    const uint32_t size = markup(run);
    if (size != kItalic) bold = !bold;
    if (size != kBold) italic = !italic;
    if (size == kBold && (best == nullptr || rank(run) > rank(*best))) best = &run;
  }
  return bold && italic ? best : nullptr;
}

}  // namespace

void resolve_quotes(std::span<QuoteRun> runs) {
  const QuoteRun* elided = elision(runs);
  QuoteRun* italic = nullptr;  // the opening that is still to be closed
  bool italic_is_bold_italic = false;
  bool bold = false;
  const auto close = [&italic](QuoteRun& run, bool shown) {
    if (shown) {
      italic->mark = QuoteRun::kOpening;
      run.mark = QuoteRun::kClosing;
    }
    italic = nullptr;
  };
  for (QuoteRun& run : runs) {
    run.apostrophes = literal_apostrophes(run.length) + (&run == elided ? 1 : 0);
    const uint32_t size = run.length - run.apostrophes;
    if (size == kBold) {
      bold = !bold;
    } else if (size == kItalic) {
      if (italic != nullptr) {
        close(run, true);
      } else {
        italic = &run;
        italic_is_bold_italic = false;
      }
    } else {
      // Five are both at once. Bold italics around the same words (a page's title) get no marks.
      if (italic != nullptr) {
        close(run, !italic_is_bold_italic);
      } else {
        italic = &run;
        italic_is_bold_italic = !bold;
      }
      bold = !bold;
    }
  }
}

}  // namespace leia::corpus::wikitext
