// What templates show, as far as that is known: a table from lib/corpus/wikitext/template-table.ts
// says which of their arguments stand where in the text. Arguments are pieces that are read
// already, with their links and references, so nothing is read twice.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "corpus/wikitext/pieces.h"
#include "corpus/wikitext/targets.h"
#include "corpus/wikitext/template_functions.h"

namespace leia::corpus::wikitext {

// A template of the table: its names, normalised, and what it shows:
//   text      shown as it is
//   {a|2}     the argument a, or if it is empty the second; one that was shown is not shown again
//   [ … ]     left out if all arguments in it are empty
//   @f        what the function f of template_functions.cpp makes of all arguments, if anything
//   ->        a link, `-> label|1 1 2=3 4=5`: the arguments for its label, those for its target,
//             and pairs of one for a language and one for the title there; `en=3` names the
//             language itself, and `?2=3` means English if argument 2 is missing
struct TemplateDefinition {
  std::vector<std::string> names;
  std::string shown;
};

class Templates {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  // In bytes.
  static constexpr size_t kLongestName = 60;

  // `links`: whether templates make links.
  Templates(std::span<const TemplateDefinition> definitions, bool links,
            TemplateSurroundings surroundings);

  bool empty() const { return definitions_.empty(); }
  // The number of a template by its name as written; the table may have only what stands before a
  // ':'.
  uint32_t find(std::string_view name) const;
  // Where an argument begins in the pieces, behind that of its '|', and in the source.
  struct Place {
    uint32_t piece;
    uint32_t offset;
  };
  // Turns a template's pieces since `start` into what it shows. Its arguments begin at these
  // places. Returns false, and changes nothing, if it shows nothing.
  bool expand(uint32_t number, uint32_t start, std::span<const Place> arguments, Pieces& pieces,
              LinkTargets& targets);

 private:
  struct Part {
    std::string text;
    std::vector<std::string> keys;  // of an argument
    std::vector<Part> parts;        // of a group
  };
  struct Link {
    std::vector<std::string> label;
    std::vector<std::string> target;
    std::vector<std::pair<std::string, std::string>> languages;  // and titles
  };
  struct Definition {
    std::vector<Part> parts;
    TemplateFunction function = nullptr;
    std::vector<Link> links;  // one or none
  };
  struct Argument {
    std::string key;
    Stretch value;
    bool shown = false;
  };

  static std::vector<Part> parse(std::string_view& shown);
  static Definition define(std::string_view shown);
  uint32_t number_of(std::string_view name) const;
  size_t shape(std::string_view name) const;
  void read_arguments(uint32_t start, std::span<const Place> places, const Pieces& pieces);
  Argument* find_argument(std::span<const std::string> keys, const Pieces& pieces);
  bool show(std::span<const Part> parts, const Pieces& pieces);
  bool call(TemplateFunction function, const Pieces& pieces);
  bool link(const Link& link, uint32_t start, Pieces& pieces, LinkTargets& targets);

  const bool links_;
  const TemplateSurroundings surroundings_;
  std::vector<Definition> definitions_;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, uint32_t, Hash, std::equal_to<>> numbers_;
  // Most templates of a page are not in the table, which a bit tells of most of them before their
  // names are written in small letters and looked up.
  std::bitset<size_t{1} << 15> present_;  // by `shape`
  std::vector<Argument> arguments_;
  std::vector<Stretch> shown_;
  std::vector<std::string> joined_;  // values of several pieces
  std::vector<TemplateValues::Value> values_;
  std::string result_;
};

}  // namespace leia::corpus::wikitext
