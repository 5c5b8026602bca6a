#include "corpus/page_scan.h"

#include <algorithm>

namespace leia::corpus {

namespace {

struct Reference {
  std::string_view written;
  char sign;
};

// The most frequent ones first.
constexpr std::array<Reference, 6> kReferences = {{
    {"&lt;", '<'},
    {"&gt;", '>'},
    {"&quot;", '"'},
    {"&amp;", '&'},
    {"&#039;", '\''},
    {"&apos;", '\''},
}};

// The reference that a text begins with, or null.
const Reference* reference_at(std::string_view text) {
  for (const Reference& reference : kReferences) {
    if (text.starts_with(reference.written)) return &reference;
  }
  return nullptr;
}

// Whether all bytes are allowed in XML and none is a carriage return.
bool is_usual(std::string_view xml) {
  // Without branches, so that many bytes are looked at together.
  const auto* bytes = reinterpret_cast<const uint8_t*>(xml.data());
  uint8_t unusual = 0;
  for (size_t i = 0; i < xml.size(); ++i) {
    const bool control = (bytes[i] < 0x20) & (bytes[i] != '\t') & (bytes[i] != '\n');
    unusual = static_cast<uint8_t>(unusual | control);
  }
  // U+FFFE and U+FFFF
  for (size_t i = 0; i + 2 < xml.size(); ++i) {
    const bool none = (bytes[i] == 0xef) & (bytes[i + 1] == 0xbf) & (bytes[i + 2] >= 0xbe);
    unusual = static_cast<uint8_t>(unusual | none);
  }
  return unusual == 0;
}

// Whether a text has no references but the common ones. Wikimedia writes every `>` as one, too.
bool is_usual_text(std::string_view text) {
  if (text.find('>') != std::string_view::npos) return false;
  for (size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    if (reference_at(text.substr(at)) == nullptr) return false;
  }
  return true;
}

// Resolves the common references of a text in its place and returns its new length.
size_t resolve_references(std::span<char> text) {
  std::string_view rest(text.data(), text.size());
  char* to = text.data();
  while (true) {
    const size_t plain = std::min(rest.find('&'), rest.size());
    if (to != rest.data()) std::copy_n(rest.data(), plain, to);
    to += plain;
    rest.remove_prefix(plain);
    if (rest.empty()) return static_cast<size_t>(to - text.data());
    const Reference& reference = *reference_at(rest);
    *to++ = reference.sign;
    rest.remove_prefix(reference.written.size());
  }
}

bool is_letter(char sign) {
  const char small = static_cast<char>(sign | 0x20);
  return small >= 'a' && small <= 'z';
}

class Scanner {
 public:
  explicit Scanner(std::string_view xml) : xml_(xml) {}

  // False if the piece is not of the usual shape.
  bool scan() {
    while (true) {
      const size_t open = std::min(xml_.find('<', at_), xml_.size());
      const std::string_view text = xml_.substr(at_, open - at_);
      if (!is_usual_text(text)) return false;
      if (open == xml_.size()) {
        return path_.empty() && text.find_first_not_of(" \t\n") == std::string_view::npos;
      }
      if (field_ != nullptr) *field_ = part_of(text);
      at_ = open + 1;
      const bool closing = at_ < xml_.size() && xml_[at_] == '/';
      if (!(closing ? end_tag() : start_tag())) return false;
    }
  }

  std::vector<ScannedPage>& pages() { return pages_; }

 private:
  PagePart part_of(std::string_view part) const {
    return {static_cast<int32_t>(part.data() - xml_.data()), static_cast<int32_t>(part.size())};
  }

  // The rest of `</name>`.
  bool end_tag() {
    const size_t close = xml_.find('>', at_);
    if (close == std::string_view::npos || path_.empty()) return false;
    if (xml_.substr(at_ + 1, close - at_ - 1) != path_.back()) return false;
    path_.pop_back();
    field_ = nullptr;
    at_ = close + 1;
    if (path_.empty() && page_ != nullptr) {
      page_->end = static_cast<int32_t>(at_);
      page_ = nullptr;
    }
    return true;
  }

  // The rest of `<name attribute="value" />`.
  bool start_tag() {
    if (field_ != nullptr) return false;  // a field has no elements in it
    const std::string_view name =
        word(is_letter, [](char sign) { return is_letter(sign) || (sign >= '0' && sign <= '9'); });
    if (name.empty()) return false;
    const bool of_page = page_ != nullptr && path_.size() == 1;
    const bool of_revision = page_ != nullptr && path_.size() == 2 && path_[1] == "revision";
    if (path_.empty() && name == "page") page_ = &pages_.emplace_back();
    const bool redirect = of_page && name == "redirect";
    const bool text = of_revision && name == "text";
    if (redirect) {
      page_->redirects = 1;
      (*page_)[PageField::kRedirectTitle] = {};
    }
    if (text) {
      page_->deleted = 0;
      (*page_)[PageField::kBytes] = {};
    }
    if (!attributes(redirect, text)) return false;
    field_ = of_page ? page_field(name) : of_revision ? revision_field(name) : nullptr;
    return end_start_tag(name);
  }

  // The rest of a start tag behind its attributes.
  bool end_start_tag(std::string_view name) {
    if (xml_.substr(at_).starts_with('>')) {
      at_ += 1;
      path_.push_back(name);
      return true;
    }
    const size_t blank = xml_.substr(at_).starts_with(' ') ? 1 : 0;
    if (!xml_.substr(at_ + blank).starts_with("/>") || (path_.empty() && name == "page")) {
      return false;
    }
    at_ += blank + 2;
    if (field_ != nullptr) *field_ = {static_cast<int32_t>(at_), 0};
    field_ = nullptr;
    return true;
  }

  // The longest word from here on; empty if its first sign is wrong.
  template <class First, class Next>
  std::string_view word(First is_first, Next is_next) {
    const size_t start = at_;
    if (at_ == xml_.size() || !is_first(xml_[at_])) return {};
    while (at_ < xml_.size() && is_next(xml_[at_])) ++at_;
    return xml_.substr(start, at_ - start);
  }

  // ` name="value"`, as many as there are.
  bool attributes(bool of_redirect, bool of_text) {
    std::vector<std::string_view>& names = names_;
    names.clear();
    while (at_ + 1 < xml_.size() && xml_[at_] == ' ' && xml_[at_ + 1] != '/') {
      ++at_;
      const auto in_name = [](char sign) { return is_letter(sign) || sign == ':'; };
      const std::string_view name = word(in_name, in_name);
      if (name.empty() || !xml_.substr(at_).starts_with("=\"")) return false;
      at_ += 2;
      const size_t end = xml_.find_first_of("\"<>\n\t", at_);
      if (end == std::string_view::npos || xml_[end] != '"') return false;
      const std::string_view value = xml_.substr(at_, end - at_);
      if (!is_usual_text(value)) return false;
      if (std::find(names.begin(), names.end(), name) != names.end()) return false;
      names.push_back(name);
      at_ = end + 1;
      if (of_redirect && name == "title") (*page_)[PageField::kRedirectTitle] = part_of(value);
      if (of_text && name == "bytes") (*page_)[PageField::kBytes] = part_of(value);
      if (of_text && name == "deleted") page_->deleted = 1;
    }
    return true;
  }

  PagePart* page_field(std::string_view name) {
    if (name == "title") return &(*page_)[PageField::kTitle];
    if (name == "ns") return &(*page_)[PageField::kNamespace];
    return name == "id" ? &(*page_)[PageField::kId] : nullptr;
  }

  PagePart* revision_field(std::string_view name) {
    if (name == "id") return &(*page_)[PageField::kRevision];
    if (name == "timestamp") return &(*page_)[PageField::kTime];
    if (name == "model") return &(*page_)[PageField::kModel];
    return name == "text" ? &(*page_)[PageField::kText] : nullptr;
  }

  const std::string_view xml_;
  size_t at_ = 0;
  std::vector<ScannedPage> pages_;
  std::vector<std::string_view> path_;   // names of the open elements
  std::vector<std::string_view> names_;  // of one element's attributes
  // The page that is open, and which of its fields the innermost element is; null if none is.
  ScannedPage* page_ = nullptr;
  PagePart* field_ = nullptr;
};

}  // namespace

std::optional<std::vector<ScannedPage>> scan_pages(std::span<char> xml) {
  const std::string_view text(xml.data(), xml.size());
  Scanner scanner(text);
  if (!is_usual(text) || !scanner.scan()) return std::nullopt;
  for (ScannedPage& page : scanner.pages()) {
    for (PagePart& part : page.fields) {
      if (part.size <= 0) continue;
      const auto start = static_cast<size_t>(part.start);
      const auto size = static_cast<size_t>(part.size);
      part.size = static_cast<int32_t>(resolve_references(xml.subspan(start, size)));
    }
  }
  return std::move(scanner.pages());
}

}  // namespace leia::corpus
