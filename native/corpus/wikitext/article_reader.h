// Turns the wikitext of a page into an article: plain text, and its links by code points.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corpus/wikitext/characters.h"
#include "corpus/wikitext/paragraphs.h"
#include "corpus/wikitext/reader.h"
#include "corpus/wikitext/targets.h"
#include "corpus/wikitext/templates.h"

namespace leia::corpus::wikitext {

// A range of an article's code points that leads to another.
struct ArticleLink {
  uint32_t start;
  uint32_t end;
  std::string_view target;
  // The title of the English page, if a template says it.
  std::string_view english;
};

// What of a page becomes text is in part a matter of choice.
struct ReadingOptions {
  Lists lists = Lists::kKeep;
  Decoding decoding = Decoding::kOnce;
  Scripts scripts = Scripts::kPlain;
  // What is known of templates; without any, all are dropped without a trace.
  std::vector<TemplateDefinition> templates;
  LanguageForms language = {};
  bool template_links = false;
  // See Hollows.
  std::vector<uint32_t> brackets;
  Kept kept = {};
  std::vector<std::string> thumbnails;  // see Reader
};

class ArticleReader {
 public:
  // Longer texts are not read: offsets are of 32 bits.
  static constexpr size_t kMostBytes = size_t{1} << 28;

  // See Characters and LinkTargets.
  ArticleReader(std::span<const uint8_t> properties, std::span<const uint32_t> capitals,
                const ReadingOptions& options, LinkTargets::Ask ask);
  ArticleReader(const ArticleReader&) = delete;
  ArticleReader& operator=(const ArticleReader&) = delete;

  // Reads a page; its text and links are valid until the next one is read.
  Passage read(std::string_view wikitext);
  std::string_view text() const { return paragraphs_.text(); }
  // In order, without overlaps, not empty, without blanks at their ends.
  const std::vector<ArticleLink>& links() const { return links_; }

 private:
  Characters characters_;
  LanguageForms language_;
  LinkTargets targets_;
  Templates templates_;
  Reader reader_;
  Paragraphs paragraphs_;
  std::vector<ArticleLink> links_;
};

}  // namespace leia::corpus::wikitext
