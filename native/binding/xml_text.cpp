// The text of XML for JavaScript, as bytes in memory that the caller keeps.
#include "corpus/xml_text.h"

#include "binding/arguments.h"
#include "binding/instance.h"

namespace leia::binding {

namespace {

std::string_view view(Napi::Uint8Array& bytes) {
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}

// isUsualXml(xml: Uint8Array): see lib/core/addon.ts.
Napi::Value is_usual_xml(Arguments& arguments) {
  Napi::Uint8Array xml = arguments.bytes("the XML");
  return Napi::Boolean::New(arguments.env(), corpus::is_usual_xml(view(xml)));
}

// xmlText(xml: Uint8Array, start, end, output: Uint8Array)
Napi::Value xml_text(Arguments& arguments) {
  Napi::Uint8Array xml = arguments.bytes("the XML");
  const int64_t start = arguments.integer("start");
  const int64_t end = arguments.integer("end");
  Napi::Uint8Array output = arguments.bytes("the output");
  const auto size = static_cast<int64_t>(xml.ByteLength());
  require(0 <= start && start <= end && end <= size, "xmlText: expected a range in ", size,
          " bytes, got ", start, " to ", end);
  const auto length = static_cast<size_t>(end - start);
  require(output.ByteLength() >= length, "xmlText: expected room for ", length, " bytes, got ",
          output.ByteLength());
  const auto written = corpus::resolve_references(
      view(xml).substr(static_cast<size_t>(start), length), reinterpret_cast<char*>(output.Data()));
  return Napi::Number::New(arguments.env(), written ? static_cast<double>(*written) : -1);
}

}  // namespace

void register_xml_text(Napi::Env, Napi::Object exports) {
  add_function(exports, "isUsualXml", is_usual_xml);
  add_function(exports, "xmlText", xml_text);
}

}  // namespace leia::binding
