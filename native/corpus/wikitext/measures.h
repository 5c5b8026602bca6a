// Measures as {{convert}} shows them: "10 kilometres (6.2 mi)". Values are rounded as its page says
// (https://en.wikipedia.org/wiki/Template:Convert#Rounding): about as precise as what was given,
// two digits at least.
#pragma once

#include <string>

#include "corpus/wikitext/language_forms.h"
#include "corpus/wikitext/template_functions.h"

namespace leia::corpus::wikitext {

// A measure and what it is in other units, or an empty string if they are not known. `abbreviated`:
// with the symbols of the units, whatever the arguments say.
std::string converted_measure(const TemplateValues& values, bool abbreviated,
                              const LanguageForms& language);

// The number in decimal digits with so many behind the point; of two that are equally near, the
// greater, where printf takes the even one. It is not negative.
std::string to_fixed(double number, int digits);

}  // namespace leia::corpus::wikitext
