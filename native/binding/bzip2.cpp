// The bzip2 decoder for JavaScript: one object per file, decoding on threads of its own.
#include "corpus/bzip2.h"

#include <memory>
#include <utility>

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

// Settles a promise with the number of decoded bytes.
class Decoding : public Napi::AsyncWorker {
 public:
  Decoding(Napi::Env env, std::shared_ptr<State> state, Napi::Uint8Array output)
      : AsyncWorker(env, "leia bzip2"),
        deferred_(Napi::Promise::Deferred::New(env)),
        state_(std::move(state)),
        array_(Napi::Persistent(output)),
        output_(output.Data()),
        size_(output.ByteLength()) {
    state_->busy = true;
  }
  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      written_ = state_->decoder.decode(output_, size_);
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
    deferred_.Resolve(Napi::Number::New(Env(), static_cast<double>(written_)));
  }

 private:
  Napi::Promise::Deferred deferred_;
  std::shared_ptr<State> state_;
  Napi::Reference<Napi::Uint8Array> array_;  // so that the memory stays
  uint8_t* const output_;
  const size_t size_;
  size_t written_ = 0;
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
  // decode(bytes: Uint8Array, last: boolean, output: Uint8Array)
  Napi::Value decode(const Napi::CallbackInfo& info) {
    try {
      Arguments arguments(info, "bzip2");
      Napi::Uint8Array bytes = arguments.bytes("the input");
      const bool last = arguments.boolean("last");
      Napi::Uint8Array output = arguments.bytes("the output");
      require(output.ByteLength() > 0, "bzip2: expected room for output");
      if (state_->busy) fail("usage", "bzip2: decode() was called before the last call was done");
      state_->decoder.feed(bytes.Data(), bytes.ByteLength(), last);
      auto* worker = new Decoding(info.Env(), state_, output);
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
