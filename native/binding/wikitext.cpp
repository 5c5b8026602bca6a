// The reader of wikitext for JavaScript: an object for each wiki and thread. JavaScript is asked
// what the less simple links lead to.
#include <memory>
#include <string>
#include <string_view>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "binding/room.h"
#include "corpus/json_line.h"
#include "corpus/wikitext/article_reader.h"
#include "corpus/wikitext/entities.h"

namespace leia::binding {

namespace {

using corpus::JsonLine;
using corpus::wikitext::Anchor;
using corpus::wikitext::ArticleReader;
using corpus::wikitext::Characters;
using corpus::wikitext::Lists;
using corpus::wikitext::Passage;

// Numbers of an anchor: start, end, length of its target in UTF-16 units.
constexpr size_t kAnchorNumbers = 3;

Napi::Value number(Napi::Env env, size_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

class JsWikitextReader : public Napi::ObjectWrap<JsWikitextReader> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeWikitextReader",
                       {InstanceMethod<&JsWikitextReader::article>("article"),
                        InstanceMethod<&JsWikitextReader::line>("line")});
  }
  // new NativeWikitextReader(properties: Uint8Array, capitals: Uint32Array, keepLists, resolve)
  explicit JsWikitextReader(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info, [&] {
      Arguments arguments(info, "wikitext");
      Napi::Uint8Array properties = arguments.bytes("the properties");
      const Napi::Value list = arguments.value();
      const bool fits =
          list.IsTypedArray() && list.As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array;
      require(fits, "wikitext: expected the capitals as a Uint32Array");
      Napi::Uint32Array capitals = list.As<Napi::Uint32Array>();
      const bool keep = arguments.boolean("keepLists");
      const Napi::Value resolve = arguments.value();
      require(resolve.IsFunction(), "wikitext: expected a function that resolves targets");
      require(properties.ElementLength() == Characters::kCount, "wikitext: expected properties of ",
              Characters::kCount, " characters, got ", properties.ElementLength());
      resolve_ = Napi::Persistent(resolve.As<Napi::Function>());
      reader_ = std::make_unique<ArticleReader>(
          std::span<const uint8_t>(properties.Data(), properties.ElementLength()),
          std::span<const uint32_t>(capitals.Data(), capitals.ElementLength()),
          keep ? Lists::kKeep : Lists::kDrop,
          [this](std::string_view target) { return ask(target); });
      return info.Env().Undefined();
    });
  }

 private:
  std::string ask(std::string_view target) {
    const Napi::HandleScope scope(Env());
    const auto written = Napi::String::New(Env(), target.data(), target.size());
    const Napi::Value answer = resolve_.Call({written});
    require(answer.IsString(), "wikitext: expected a string of what resolves targets");
    return answer.As<Napi::String>().Utf8Value();
  }

  Passage read(Arguments& arguments) {
    // One that resolves a target cannot read a page meanwhile.
    if (busy_) fail("usage", "wikitext: a page was read while another is");
    Napi::Uint8Array bytes = arguments.bytes("the wikitext");
    require(bytes.ByteLength() < ArticleReader::kMostBytes, "wikitext: a page of ",
            bytes.ByteLength(), " bytes is too long");
    const Busy busy(busy_);
    return reader_->read({reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()});
  }

  // article(wikitext: Uint8Array): see lib/core/addon.ts.
  Napi::Value article(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      Arguments arguments(info, "wikitext");
      const Passage passage = read(arguments);
      const Napi::Env env = info.Env();
      const auto& anchors = reader_->anchors();
      Napi::Int32Array numbers = Napi::Int32Array::New(env, kAnchorNumbers * anchors.size());
      std::string targets;
      int32_t* next = numbers.Data();
      for (const Anchor& anchor : anchors) {
        *next++ = static_cast<int32_t>(anchor.start);
        *next++ = static_cast<int32_t>(anchor.end);
        *next++ = static_cast<int32_t>(corpus::wikitext::utf16_length(anchor.target));
        targets += anchor.target;
      }
      const std::string_view text = reader_->text();
      Napi::Object result = Napi::Object::New(env);
      result.Set("text", Napi::String::New(env, text.data(), text.size()));
      result.Set("anchors", numbers);
      result.Set("targets", Napi::String::New(env, targets));
      result.Set("unclosed", number(env, passage.unclosed));
      result.Set("steps", number(env, passage.steps));
      return result;
    });
  }

  // line(wikitext: Uint8Array, title: string)
  Napi::Value line(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      thread_local Room<uint8_t> room;
      Arguments arguments(info, "wikitext");
      read(arguments);
      const std::u16string title = arguments.value().ToString().Utf16Value();
      size_t units = title.size() + reader_->text().size();
      for (const Anchor& anchor : reader_->anchors()) units += anchor.target.size();
      uint8_t* start = room.of(JsonLine::most_bytes(units, reader_->anchors().size()));
      JsonLine json(start);
      json.begin(title, reader_->text());
      for (const auto& [first, after, target] : reader_->anchors()) {
        json.anchor(first, after, target);
      }
      json.finish();
      const auto size = static_cast<size_t>(json.end() - start);
      return Napi::Buffer<uint8_t>::Copy(info.Env(), start, size);
    });
  }

  // Set while a page is read.
  class Busy {
   public:
    explicit Busy(bool& busy) : busy_(busy) { busy_ = true; }
    ~Busy() { busy_ = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    bool& busy_;
  };

  Napi::FunctionReference resolve_;
  std::unique_ptr<ArticleReader> reader_;
  bool busy_ = false;
};

// decodeEntities(text: string): its character references replaced.
Napi::Value decode_entities(Arguments& arguments) {
  const std::string text = arguments.string("the text");
  return Napi::String::New(arguments.env(), corpus::wikitext::decode_entities(text));
}

}  // namespace

void register_wikitext(Napi::Env env, Napi::Object exports) {
  exports.Set("NativeWikitextReader", JsWikitextReader::define(env));
  add_function(exports, "decodeEntities", decode_entities);
}

}  // namespace leia::binding
