// The text that UTF-8 XML stands for, where it is written as Wikimedia writes it; anything else is
// left to a parser of all XML.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace leia::corpus {

// Whether there is nothing that XML does not allow, nor a carriage return.
bool is_usual_xml(std::string_view xml);

// Writes the text with its references resolved to `output`, which has room for as many bytes as
// `written` has, and returns its length; nothing if there is a `>`, or a reference other than the
// common ones.
std::optional<size_t> resolve_references(std::string_view written, char* output);

}  // namespace leia::corpus
