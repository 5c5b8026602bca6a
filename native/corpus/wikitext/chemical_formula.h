// Formulas of chemistry as templates have them.
#pragma once

#include <string>

#include "corpus/wikitext/template_functions.h"

namespace leia::corpus::wikitext {

// {{chem|H|2|O}}, {{chem2|H2O}}: digits behind a letter or a bracket count atoms. A charge is a
// part of its own, {{chem|SO|4|2-}}, stands in brackets, {{chem2|SO4(2-)}}, or is a sign at the end
// (https://en.wikipedia.org/wiki/Template:Chem2).
std::string chemical_formula(const TemplateValues& values, const TemplateSurroundings& around);

}  // namespace leia::corpus::wikitext
