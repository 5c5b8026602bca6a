// The reader of wikitext for JavaScript: an object for each wiki and thread. JavaScript is asked
// what the less simple links lead to.
#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "corpus/json_line.h"
#include "corpus/wikitext/article_reader.h"
#include "corpus/wikitext/entities.h"

namespace leia::binding {

namespace {

using corpus::JsonLine;
using corpus::wikitext::ArticleLink;
using corpus::wikitext::ArticleReader;
using corpus::wikitext::Characters;
using corpus::wikitext::Decoding;
using corpus::wikitext::LanguageForms;
using corpus::wikitext::Lists;
using corpus::wikitext::Passage;
using corpus::wikitext::ReadingOptions;
using corpus::wikitext::Scripts;
using corpus::wikitext::TemplateDefinition;

// Numbers of a link: start, end, length of its target in UTF-16 units.
constexpr size_t kLinkNumbers = 4;
constexpr size_t kLongestCharacter = 4;  // in bytes

Napi::Value number(Napi::Env env, size_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

// Lines one behind the other, until all are taken.
class Lines {
 public:
  // Where the next line may be written, which has at most `most` bytes.
  uint8_t* room(size_t most) {
    if (size_ + most > capacity_) {
      const size_t capacity = 2 * (size_ + most);
      auto grown = std::make_unique_for_overwrite<uint8_t[]>(capacity);
      std::copy_n(bytes_.get(), size_, grown.get());
      bytes_ = std::move(grown);
      capacity_ = capacity;
    }
    return bytes_.get() + size_;
  }
  void add_until(const uint8_t* end) { size_ = static_cast<size_t>(end - bytes_.get()); }
  size_t size() const { return size_; }
  void take(uint8_t* output) {
    std::copy_n(bytes_.get(), std::exchange(size_, 0), output);
    if (capacity_ <= kMostKept) return;
    bytes_.reset();
    capacity_ = 0;
  }

 private:
  static constexpr size_t kMostKept = size_t{16} << 20;  // more is given back

  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

class JsWikitextReader : public Napi::ObjectWrap<JsWikitextReader> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeWikitextReader",
                       {InstanceMethod<&JsWikitextReader::article>("article"),
                        InstanceMethod<&JsWikitextReader::write_line>("writeLine"),
                        InstanceMethod<&JsWikitextReader::lines_size>("linesSize"),
                        InstanceMethod<&JsWikitextReader::take_lines>("takeLines")});
  }
  // new NativeWikitextReader(properties: Uint8Array, capitals: Uint32Array, options, resolve)
  explicit JsWikitextReader(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info, [&] {
      Arguments arguments(info, "wikitext");
      Napi::Uint8Array properties = arguments.bytes("the properties");
      const Napi::Value list = arguments.value();
      const bool fits =
          list.IsTypedArray() && list.As<Napi::TypedArray>().TypedArrayType() == napi_uint32_array;
      require(fits, "wikitext: expected the capitals as a Uint32Array");
      Napi::Uint32Array capitals = list.As<Napi::Uint32Array>();
      const ReadingOptions options = options_of(arguments.value());
      const Napi::Value resolve = arguments.value();
      require(resolve.IsFunction(), "wikitext: expected a function that resolves targets");
      require(properties.ElementLength() == Characters::kCount, "wikitext: expected properties of ",
              Characters::kCount, " characters, got ", properties.ElementLength());
      resolve_ = Napi::Persistent(resolve.As<Napi::Function>());
      english_ = options.template_links && !options.templates.empty();
      reader_ = std::make_unique<ArticleReader>(
          std::span<const uint8_t>(properties.Data(), properties.ElementLength()),
          std::span<const uint32_t>(capitals.Data(), capitals.ElementLength()), options,
          [this](std::string_view target) { return ask(target); });
      return info.Env().Undefined();
    });
  }

 private:
  // See NativeReadingOptions in lib/corpus/wikitext/native.ts.
  static ReadingOptions options_of(const Napi::Value& value) {
    require(value.IsObject(), "wikitext: expected the options as an object");
    const Napi::Object given = value.As<Napi::Object>();
    const auto flag = [&given](const char* name) { return given.Get(name).ToBoolean().Value(); };
    const std::string scripts = given.Get("scripts").ToString().Utf8Value();
    ReadingOptions options;
    options.lists = flag("keepLists") ? Lists::kKeep : Lists::kDrop;
    options.decoding = flag("decodeTwice") ? Decoding::kTwice : Decoding::kOnce;
    if (scripts == "unicode") {
      options.scripts = Scripts::kUnicode;
    } else if (scripts == "signs") {
      options.scripts = Scripts::kSigns;
    } else {
      require(scripts == "plain", "wikitext: expected scripts to be plain, unicode or signs, got ",
              scripts);
    }
    options.template_links = flag("templateLinks");
    each(given.Get("brackets"), [&](const Napi::Value& point) {
      options.brackets.push_back(point.ToNumber().Uint32Value());
    });
    options.kept = {flag("keepHeadings"), flag("keepCaptions"), flag("keepTables"),
                    flag("keepFormulas")};
    each(given.Get("thumbnails"), [&](const Napi::Value& name) {
      if (options.kept.captions) options.thumbnails.push_back(name.ToString().Utf8Value());
    });
    each(given.Get("templates"), [&](const Napi::Value& entry) {
      require(entry.IsObject(), "wikitext: expected a template as an object");
      const Napi::Object known = entry.As<Napi::Object>();
      TemplateDefinition definition;
      each(known.Get("names"), [&](const Napi::Value& name) {
        definition.names.push_back(name.ToString().Utf8Value());
      });
      definition.shown = known.Get("shown").ToString().Utf8Value();
      options.templates.push_back(std::move(definition));
    });
    options.language = forms_of(given.Get("language"));
    return options;
  }

  // See LanguageForms in lib/corpus/wikitext/native.ts.
  static LanguageForms forms_of(const Napi::Value& value) {
    require(value.IsObject(), "wikitext: expected the forms of the language as an object");
    const Napi::Object given = value.As<Napi::Object>();
    const auto count = [&given](const char* name) {
      return given.Get(name).ToNumber().Uint32Value();
    };
    const auto texts = [&given](const char* name, size_t size) {
      std::vector<std::string> list;
      each(given.Get(name),
           [&](const Napi::Value& one) { list.push_back(one.ToString().Utf8Value()); });
      require(list.size() == size, "wikitext: expected ", size, " ", name, ", got ", list.size());
      return list;
    };
    LanguageForms forms;
    forms.english = given.Get("english").ToBoolean().Value();
    forms.group = given.Get("group").ToString().Utf8Value();
    forms.point = given.Get("point").ToString().Utf8Value();
    forms.last = count("last");
    forms.others = count("others");
    forms.least = count("least");
    require(forms.last > 0 && forms.others > 0, "wikitext: expected groups of digits, got none");
    forms.months = texts("months", LanguageForms::kMonths);
    forms.days = texts("days", LanguageForms::kMonths);
    forms.date_digits = texts("dateDigits", LanguageForms::kDigits);
    forms.years_ahead = count("yearsAhead");
    each(given.Get("labels"), [&](const Napi::Value& entry) {
      require(entry.IsObject(), "wikitext: expected a label as an object");
      const Napi::Object label = entry.As<Napi::Object>();
      forms.labels[label.Get("code").ToString().Utf8Value()] =
          label.Get("label").ToString().Utf8Value();
    });
    return forms;
  }

  template <class Take>
  static void each(const Napi::Value& list, Take take) {
    require(list.IsArray(), "wikitext: expected lists as arrays");
    const Napi::Array array = list.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) take(array.Get(i));
  }

  std::string ask(std::string_view target) {
    const Napi::HandleScope scope(Env());
    const auto written = Napi::String::New(Env(), target.data(), target.size());
    const Napi::Value answer = resolve_.Call({written});
    require(answer.IsString(), "wikitext: expected a string of what resolves targets");
    return utf8(answer);
  }

  // The UTF-8 of a string; a short one is asked for once, without its length.
  static std::string utf8(const Napi::Value& text) {
    std::array<char, 256> buffer;
    size_t size = 0;
    const napi_status status =
        napi_get_value_string_utf8(text.Env(), text, buffer.data(), buffer.size(), &size);
    // A longer one is cut before the character that does not fit.
    const bool whole = status == napi_ok && size + kLongestCharacter < buffer.size();
    return whole ? std::string(buffer.data(), size) : text.As<Napi::String>().Utf8Value();
  }

  Passage read(Arguments& arguments) {
    // While it resolves a target, a reader cannot read another page.
    if (busy_) fail("usage", "wikitext: a page was read while another is");
    Napi::Uint8Array bytes = arguments.bytes("the wikitext");
    require(bytes.ByteLength() < ArticleReader::kMostBytes, "wikitext: a page of ",
            bytes.ByteLength(), " bytes is too long");
    const Busy busy(busy_);
    return reader_->read({reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()});
  }

  // Makes a string of UTF-8, five times as fast as V8 does it by itself. ASCII takes a byte a sign,
  // as the strings of JavaScript's own code do, which makes comparing it with them fast.
  Napi::Value string(std::string_view utf8) {
    if (std::ranges::all_of(utf8, [](char byte) { return static_cast<uint8_t>(byte) < 0x80; })) {
      napi_value ascii = nullptr;
      const napi_status status = napi_create_string_latin1(Env(), utf8.data(), utf8.size(), &ascii);
      require(status == napi_ok, "wikitext: a string of ", utf8.size(), " bytes cannot be made");
      return {Env(), ascii};
    }
    corpus::wikitext::to_utf16(utf8, units_);
    return Napi::String::New(Env(), units_);
  }

  // article(wikitext: Uint8Array): see lib/corpus/wikitext/native.ts.
  Napi::Value article(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      Arguments arguments(info, "wikitext");
      const Passage passage = read(arguments);
      const Napi::Env env = info.Env();
      const auto& links = reader_->links();
      Napi::Int32Array numbers = Napi::Int32Array::New(env, kLinkNumbers * links.size());
      std::string targets;
      int32_t* next = numbers.Data();
      for (const ArticleLink& link : links) {
        *next++ = static_cast<int32_t>(link.start);
        *next++ = static_cast<int32_t>(link.end);
        for (const std::string_view name : {link.target, link.english}) {
          *next++ = static_cast<int32_t>(corpus::wikitext::utf16_length(name));
          targets += name;
        }
      }
      Napi::Object result = Napi::Object::New(env);
      result.Set("text", string(reader_->text()));
      result.Set("anchors", numbers);
      result.Set("targets", string(targets));
      result.Set("unclosed", number(env, passage.unclosed));
      result.Set("steps", number(env, passage.steps));
      return result;
    });
  }

  // writeLine(wikitext: Uint8Array, title: string, more: string)
  Napi::Value write_line(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      Arguments arguments(info, "wikitext");
      const Passage passage = read(arguments);
      const Napi::Value name = arguments.value();
      require(name.IsString(), "wikitext: expected the title as a string");
      const std::string more = arguments.string("the further members");
      if (reader_->text().empty()) return number(info.Env(), passage.unclosed);
      const std::u16string title = name.As<Napi::String>().Utf16Value();
      size_t units = title.size() + more.size() + reader_->text().size();
      for (const ArticleLink& link : reader_->links()) {
        units += link.target.size() + link.english.size();
      }
      JsonLine json(lines_.room(JsonLine::most_bytes(units, reader_->links().size())));
      json.begin(title, more, reader_->text());
      for (const auto& [start, end, target, english] : reader_->links()) {
        json.link(start, end, target);
        if (english_) json.english(english);
      }
      json.finish();
      lines_.add_until(json.end());
      return number(info.Env(), passage.unclosed);
    });
  }

  // linesSize()
  Napi::Value lines_size(const Napi::CallbackInfo& info) {
    return number(info.Env(), lines_.size());
  }

  // takeLines(lines: Uint8Array)
  Napi::Value take_lines(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      Arguments arguments(info, "wikitext");
      Napi::Uint8Array output = arguments.bytes("the lines");
      require(output.ByteLength() == lines_.size(), "wikitext: expected room for ", lines_.size(),
              " bytes of lines, got ", output.ByteLength());
      lines_.take(output.Data());
      return info.Env().Undefined();
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
  Lines lines_;
  std::u16string units_;
  std::unique_ptr<ArticleReader> reader_;
  bool busy_ = false;
  // Whether links may have an English title. Then each has the member, so that readers which take
  // the form of all lines from the first ones can read the last one too.
  bool english_ = false;
};

// decodeEntities(text: string): its character references replaced.
Napi::Value decode_entities(Arguments& arguments) {
  const std::string text = arguments.string("the text");
  return Napi::String::New(arguments.env(),
                           corpus::wikitext::decode_entities(text, Decoding::kTwice));
}

}  // namespace

void register_wikitext(Napi::Env env, Napi::Object exports) {
  exports.Set("NativeWikitextReader", JsWikitextReader::define(env));
  add_function(exports, "decodeEntities", decode_entities);
}

}  // namespace leia::binding
