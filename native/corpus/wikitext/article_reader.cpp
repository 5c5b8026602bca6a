#include "corpus/wikitext/article_reader.h"

namespace leia::corpus::wikitext {

ArticleReader::ArticleReader(std::span<const uint8_t> properties,
                             std::span<const uint32_t> capitals, const ReadingOptions& options,
                             LinkTargets::Ask ask)
    : characters_(properties),
      language_(options.language),
      targets_(characters_, capitals, std::move(ask)),
      templates_(options.templates, options.template_links,
                 {characters_, language_, options.scripts}),
      reader_(characters_, targets_, templates_, options.decoding, options.scripts, options.kept,
              options.thumbnails),
      paragraphs_(characters_, options.brackets, options.lists, options.kept.headings) {}

Passage ArticleReader::read(std::string_view wikitext) {
  links_.clear();
  const Passage passage = reader_.read(wikitext);
  paragraphs_.make(passage, reader_.pieces());
  const std::string_view text = paragraphs_.text();
  size_t byte = 0;
  size_t point = 0;
  const auto point_at = [&](size_t place) {
    point += count_points(text.substr(byte, place - byte));
    byte = place;
    return static_cast<uint32_t>(point);
  };
  for (const TextLink& link : paragraphs_.links()) {
    const uint32_t start = point_at(link.start);
    const Pieces& pieces = reader_.pieces();
    links_.push_back(
        {start, point_at(link.end), pieces.name(link.target), pieces.name(link.english)});
  }
  return passage;
}

}  // namespace leia::corpus::wikitext
