// The bzip2 decoder for JavaScript: one object per file, decoding on threads of its own.
#include "corpus/bzip2.h"

#include <memory>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "binding/instance.h"

namespace leia::binding {

namespace {

using corpus::Bzip2Decoder;

struct State {
  explicit State(int threads) : decoder(threads) {}
  Bzip2Decoder decoder;
  bool busy = false;
};

// Settles a promise with the decoded bytes and whether there are more without further input.
class Decoding : public Napi::AsyncWorker {
 public:
  Decoding(Napi::Env env, std::shared_ptr<State> state, size_t enough)
      : AsyncWorker(env, "leia bzip2"),
        deferred_(Napi::Promise::Deferred::New(env)),
        state_(std::move(state)),
        enough_(enough) {
    state_->busy = true;
  }
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      more_ = state_->decoder.decode(output_, enough_);
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  void OnOK() override {
    state_->busy = false;
    if (error_) {
      deferred_.Reject(to_javascript(Env(), error_).Value());
      return;
    }
    Napi::Object result = Napi::Object::New(Env());
    result.Set("bytes", Napi::Buffer<uint8_t>::Copy(Env(), output_.data(), output_.size()));
    result.Set("more", more_);
    deferred_.Resolve(result);
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<State> state_;
  size_t enough_;
  std::vector<uint8_t> output_;
  bool more_ = false;
  std::exception_ptr error_;
};

class JsBzip2Decoder : public Napi::ObjectWrap<JsBzip2Decoder> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeBzip2Decoder",
                       {InstanceMethod<&JsBzip2Decoder::decode>("decode")});
  }
  // new NativeBzip2Decoder(threads: number)
  explicit JsBzip2Decoder(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info, [&] {
      Arguments arguments(info, "bzip2");
      const int64_t threads = arguments.integer("threads");
      require(threads > 0 && threads <= 1024, "bzip2: expected 1 to 1024 threads, got ", threads);
      state_ = std::make_shared<State>(static_cast<int>(threads));
      return info.Env().Undefined();
    });
  }

 private:
  // decode(bytes: Uint8Array, last: boolean, enough: number)
  Napi::Value decode(const Napi::CallbackInfo& info) {
    try {
      Arguments arguments(info, "bzip2");
      const Napi::Value bytes = arguments.value();
      const bool last = arguments.boolean("last");
      const int64_t enough = arguments.integer("enough");
      const bool fits =
          bytes.IsTypedArray() && bytes.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
      require(fits, "bzip2: expected the bytes as a Uint8Array");
      require(enough > 0, "bzip2: expected a positive size, got ", enough);
      if (state_->busy) fail("usage", "bzip2: decode() was called before the last call was done");
      const auto array = bytes.As<Napi::Uint8Array>();
      state_->decoder.feed(array.Data(), array.ByteLength(), last);
      auto* worker = new Decoding(info.Env(), state_, static_cast<size_t>(enough));
      const Napi::Promise promise = worker->promise();
      worker->Queue();
      return promise;
    } catch (const Napi::Error&) {
      throw;
    } catch (const std::exception& error) {
      throw to_javascript(info.Env(), error);
    }
  }

  std::shared_ptr<State> state_;
};

}  // namespace

void register_bzip2(Napi::Env env, Napi::Object exports) {
  exports.Set("NativeBzip2Decoder", JsBzip2Decoder::define(env));
}

}  // namespace leia::binding
