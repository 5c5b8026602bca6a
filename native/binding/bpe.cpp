// Byte-pair encoding for JavaScript: an object for each tokenizer and thread.
#include "tokenizer/bpe.h"

#include <algorithm>
#include <memory>
#include <span>

#include "binding/arguments.h"
#include "binding/instance.h"

namespace leia::binding {

namespace {

using tokenizer::Bpe;
using tokenizer::Encoding;
using tokenizer::Merge;
using tokenizer::Token;

// A list of numbers as records of kNumbers numbers each.
template <class Record>
std::span<const Record> records(const Napi::Value& value, const char* name) {
  constexpr size_t kNumbers = sizeof(Record) / sizeof(int32_t);
  const bool fits =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array;
  require(fits, "bpe: expected ", name, " as an Int32Array");
  auto numbers = value.As<Napi::Int32Array>();
  require(numbers.ElementLength() % kNumbers == 0, "bpe: expected ", name, " as ", kNumbers,
          " numbers each, got ", numbers.ElementLength());
  return {reinterpret_cast<const Record*>(numbers.Data()), numbers.ElementLength() / kNumbers};
}

class JsBpe : public Napi::ObjectWrap<JsBpe> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeBpe", {InstanceMethod<&JsBpe::encode>("encode")});
  }
  // new NativeBpe(tokens, merges, bytes: Int32Array)
  explicit JsBpe(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info, [&] {
      bpe_ = std::make_unique<Bpe>(records<Token>(info[0], "the tokens"),
                                   records<Merge>(info[1], "the merges"),
                                   records<int32_t>(info[2], "the bytes"));
      return info.Env().Undefined();
    });
  }

 private:
  // encode(text: string): see lib/tokenizer/bpe-tokenizer.ts.
  Napi::Value encode(const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      const Napi::Value text = info[0];
      require(text.IsString(), "bpe: expected a text as a string");
      const auto& [ids, starts, ends] = bpe_->encode(text.As<Napi::String>().Utf16Value());
      Napi::Int32Array result = Napi::Int32Array::New(info.Env(), 3 * ids.size());
      int32_t* next = result.Data();
      for (const auto* numbers : {&ids, &starts, &ends})
        next = std::ranges::copy(*numbers, next).out;
      return result;
    });
  }

  std::unique_ptr<Bpe> bpe_;
};

}  // namespace

void register_bpe(Napi::Env env, Napi::Object exports) {
  exports.Set("NativeBpe", JsBpe::define(env));
}

}  // namespace leia::binding
