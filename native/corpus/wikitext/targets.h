// Finds what the target of a link leads to. Most targets are the title of an article, except for
// the first letter. JavaScript decides about the others, which take names of namespaces, other
// wikis or Unicode's normal forms (lib/corpus/wikitext/links.ts).
#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "corpus/wikitext/characters.h"
#include "corpus/wikitext/frames.h"
#include "corpus/wikitext/pieces.h"

namespace leia::corpus::wikitext {

class LinkTargets {
 public:
  // Longer targets name nothing: titles have at most 255 bytes, which percent signs make three
  // times as long and character references eight times; a section may follow. UTF-16 units.
  static constexpr size_t kMostUnits = 4000;
  static constexpr size_t kMostBytes = 3 * kMostUnits;

  // Tells what a target is by the first letter of the result: 'a' for an article, whose title
  // follows, and if the target as it is written is not what a link shows, a line with that; 't' for
  // text, which follows; 'h' if it is hidden; 'p' if every plain target with the same prefix, up to
  // the colon, is hidden too.
  using Ask = std::function<std::string(std::string_view target)>;

  // `capitals`: pairs of code points, a letter and its capital, for letters that titles do not
  // begin with.
  LinkTargets(const Characters& characters, std::span<const uint32_t> capitals, Ask ask);

  // `kept`, which the pieces keep, is the target without the label; character references may be
  // decoded or not.
  Target resolve(Name kept, Pieces& pieces);

 private:
  // Prefixes of categories, files and other languages. A wiki has few, and their number is bounded,
  // so that wikitext cannot fill the memory.
  static constexpr size_t kMostPrefixes = 32;

  bool is_plain(std::string_view target) const;
  bool is_hidden(std::string_view target) const;
  void hide(std::string_view prefix);
  bool hides(std::string_view prefix) const;
  Name with_capital(Name title, Pieces& pieces) const;

  const Characters& characters_;
  std::unordered_map<uint32_t, uint32_t> capitals_;
  std::bitset<0x10000> small_;  // letters of the basic plane that have a capital
  Ask ask_;
  std::vector<std::string> hidden_prefixes_;
};

// What `[[target|]]` shows: the target without namespace, bracketed suffix, or what follows a comma
// (https://www.mediawiki.org/wiki/Help:Links#Pipe_trick). The wiki usually expands it when saving.
std::string_view pipe_trick(std::string_view target, const Characters& characters);

}  // namespace leia::corpus::wikitext
