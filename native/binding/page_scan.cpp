// The pages of a piece of a dump for JavaScript, as numbers.
#include "corpus/page_scan.h"

#include <limits>

#include "binding/arguments.h"
#include "binding/instance.h"

namespace leia::binding {

namespace {

using corpus::kPageFields;
using corpus::ScannedPage;

// Of each page: start and size of every field, then what else is known of it.
constexpr size_t kPageNumbers = 2 * kPageFields + 3;

// scanPages(xml: Uint8Array): see lib/corpus/dump/native.ts.
Napi::Value scan_pages(Arguments& arguments) {
  Napi::Uint8Array xml = arguments.bytes("the XML");
  const size_t size = xml.ByteLength();
  require(size <= std::numeric_limits<int32_t>::max(), "scanPages: ", size, " bytes are too many");
  const auto pages = corpus::scan_pages({reinterpret_cast<char*>(xml.Data()), size});
  if (!pages) return arguments.env().Undefined();
  Napi::Int32Array numbers = Napi::Int32Array::New(arguments.env(), kPageNumbers * pages->size());
  int32_t* next = numbers.Data();
  for (const ScannedPage& page : *pages) {
    for (const auto& [start, length] : page.fields) {
      *next++ = start;
      *next++ = length;
    }
    *next++ = page.redirects;
    *next++ = page.deleted;
    *next++ = page.end;
  }
  return numbers;
}

}  // namespace

void register_page_scan(Napi::Env, Napi::Object exports) {
  add_function(exports, "scanPages", scan_pages);
}

}  // namespace leia::binding
