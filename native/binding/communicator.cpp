// Ranks for JavaScript: joining them, and their collectives.
#include "collectives/communicator.h"

#include <chrono>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "binding/js_device.h"
#include "collectives/nccl.h"

namespace leia::binding {

namespace {

// Turns the recorder's times into milliseconds since 1970.
class Clock {
 public:
  double operator()(FlightRecord::Time time) const {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    return Milliseconds(wall_.time_since_epoch() + (time - steady_)).count();
  }

 private:
  std::chrono::system_clock::time_point wall_ = std::chrono::system_clock::now();
  FlightRecord::Time steady_ = std::chrono::steady_clock::now();
};

// What has not happened yet is left out, and what a barrier has not.
Napi::Object to_object(Napi::Env env, const FlightRecord& record, const Clock& clock) {
  const Signature& signature = record.signature;
  Napi::Object result = Napi::Object::New(env);
  result.Set("number", static_cast<double>(signature.number));
  result.Set("kind", name_of(signature.kind));
  if (signature.kind != CollectiveKind::barrier) {
    result.Set("elements", static_cast<double>(signature.elements));
    result.Set("dtype", name_of(static_cast<DType>(signature.dtype)));
  }
  if (signature.kind == CollectiveKind::broadcast) result.Set("root", signature.root);
  result.Set("place", record.place);
  result.Set("state", name_of(record.state));
  const auto set_time = [&](const char* name, FlightRecord::Time time) {
    if (time != FlightRecord::Time{}) result.Set(name, clock(time));
  };
  set_time("queued", record.queued);
  set_time("begun", record.begun);
  set_time("ended", record.ended);
  if (!record.missing) return result;
  Napi::Array missing = Napi::Array::New(env, record.missing->size());
  for (uint32_t i = 0; i < record.missing->size(); ++i) missing.Set(i, (*record.missing)[i]);
  result.Set("missing", missing);
  return result;
}

class JsCommunicator final : public Napi::ObjectWrap<JsCommunicator> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeCommunicator",
                       {InstanceMethod<&JsCommunicator::rank>("rank"),
                        InstanceMethod<&JsCommunicator::ranks>("ranks"),
                        InstanceMethod<&JsCommunicator::description>("description"),
                        InstanceMethod<&JsCommunicator::all_reduce>("allReduce"),
                        InstanceMethod<&JsCommunicator::reduce_scatter>("reduceScatter"),
                        InstanceMethod<&JsCommunicator::all_gather>("allGather"),
                        InstanceMethod<&JsCommunicator::broadcast>("broadcast"),
                        InstanceMethod<&JsCommunicator::barrier>("barrier"),
                        InstanceMethod<&JsCommunicator::records>("records"),
                        InstanceMethod<&JsCommunicator::position>("position"),
                        InstanceMethod<&JsCommunicator::seconds_spent>("secondsSpent"),
                        InstanceMethod<&JsCommunicator::abort>("abort"),
                        InstanceMethod<&JsCommunicator::abandon>("abandon"),
                        InstanceMethod<&JsCommunicator::close>("close")});
  }

  // new NativeCommunicator("mpi", seconds, line), or ("nccl", device, id, rank, ranks)
  explicit JsCommunicator(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info, [&]() -> Napi::Value {
      Arguments arguments(info, "Communicator");
      const std::string kind = arguments.string("kind");
      if (kind == "mpi") {
        const double seconds = arguments.number("seconds");
        communicator_ = open_mpi(seconds, arguments.string("line"));
      } else if (kind == "nccl") {
        const JsDevice* device = JsDevice::from(arguments.value());
        require(device != nullptr, "Communicator: expected a device");
        const std::string id = arguments.string("id");
        const auto rank = static_cast<int>(arguments.integer("rank"));
        const auto ranks = static_cast<int>(arguments.integer("ranks"));
        communicator_ = open_nccl(device->device(), id, rank, ranks);
      } else {
        fail("argument", text("Communicator: unknown kind '", kind, "'"));
      }
      return info.This();
    });
  }

 private:
  Napi::Value rank(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), communicator_->rank());
  }
  Napi::Value ranks(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), communicator_->ranks());
  }
  Napi::Value description(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), communicator_->description());
  }

  Napi::Value enqueue(const Napi::CallbackInfo& info, Collective collective) {
    const std::shared_ptr<Device> device = collective.output.storage->device();
    communicator_->enqueue(device, std::move(collective));
    return info.Env().Undefined();
  }

  // allReduce(tensor, place)
  Napi::Value all_reduce(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      Arguments arguments(info, "all_reduce");
      const Tensor tensor = arguments.tensor("tensor");
      return enqueue(info, {.kind = CollectiveKind::all_reduce,
                            .input = tensor,
                            .output = tensor,
                            .place = arguments.string("place")});
    });
  }
  // reduceScatter(input, output, place)
  Napi::Value reduce_scatter(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      Arguments arguments(info, "reduce_scatter");
      const Tensor input = arguments.tensor("input");
      const Tensor output = arguments.tensor("output");
      return enqueue(info, {.kind = CollectiveKind::reduce_scatter,
                            .input = input,
                            .output = output,
                            .place = arguments.string("place")});
    });
  }
  // allGather(input, output, place)
  Napi::Value all_gather(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      Arguments arguments(info, "all_gather");
      const Tensor input = arguments.tensor("input");
      const Tensor output = arguments.tensor("output");
      return enqueue(info, {.kind = CollectiveKind::all_gather,
                            .input = input,
                            .output = output,
                            .place = arguments.string("place")});
    });
  }
  // broadcast(tensor, root, place)
  Napi::Value broadcast(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      Arguments arguments(info, "broadcast");
      const Tensor tensor = arguments.tensor("tensor");
      const auto root = static_cast<int>(arguments.integer("root"));
      return enqueue(info, {.kind = CollectiveKind::broadcast,
                            .input = tensor,
                            .output = tensor,
                            .root = root,
                            .place = arguments.string("place")});
    });
  }
  // barrier(device, place)
  Napi::Value barrier(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      Arguments arguments(info, "barrier");
      const JsDevice* device = JsDevice::from(arguments.value());
      require(device != nullptr, "barrier: expected a device");
      communicator_->enqueue(device->device(),
                             {.kind = CollectiveKind::barrier, .place = arguments.string("place")});
      return info.Env().Undefined();
    });
  }
  // records(): the last collectives, the oldest first.
  Napi::Value records(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      const std::vector<FlightRecord> records = communicator_->recorder().records();
      const Clock clock;
      Napi::Array result = Napi::Array::New(info.Env(), records.size());
      for (uint32_t i = 0; i < records.size(); ++i) {
        result.Set(i, to_object(info.Env(), records[i], clock));
      }
      return result;
    });
  }
  // position(): {begun, current}, the number of collectives that were begun and the record of the
  // one in which this rank is, if it is in one.
  Napi::Value position(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      const FlightRecorder& recorder = communicator_->recorder();
      Napi::Object result = Napi::Object::New(info.Env());
      if (const auto current = recorder.current()) {
        result.Set("current", to_object(info.Env(), *current, Clock()));
      }
      result.Set("begun", static_cast<double>(recorder.begun()));
      return result;
    });
  }
  // secondsSpent(): the time in which a collective was going on.
  Napi::Value seconds_spent(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      return Napi::Number::New(info.Env(), communicator_->recorder().spent().count());
    });
  }
  // abort(reason)
  Napi::Value abort(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      Arguments arguments(info, "abort");
      communicator_->abort(arguments.string("reason"));
      return info.Env().Undefined();
    });
  }
  // abandon(): the same for the end of the process.
  Napi::Value abandon(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      communicator_->abandon();
      return info.Env().Undefined();
    });
  }
  Napi::Value close(const Napi::CallbackInfo& info) {
    return guarded(info, [&] {
      communicator_->close();
      return info.Env().Undefined();
    });
  }

  std::shared_ptr<Communicator> communicator_;
};

}  // namespace

void register_communicator(Napi::Env env, Napi::Object exports) {
  exports.Set("NativeCommunicator", JsCommunicator::define(env));
  // mpiDescription(): the MPI that ranks on CPUs would use. Throws "unavailable".
  add_function(exports, "mpiDescription", [](Arguments& arguments) -> Napi::Value {
    return Napi::String::New(arguments.env(), mpi_description());
  });
  // ncclDescription(): the NCCL that ranks on GPUs would use. Throws "unavailable".
  add_function(exports, "ncclDescription", [](Arguments& arguments) -> Napi::Value {
    return Napi::String::New(arguments.env(), nccl_description());
  });
  // ncclId(): what ranks on GPUs find each other by.
  add_function(exports, "ncclId", [](Arguments& arguments) -> Napi::Value {
    return Napi::String::New(arguments.env(), make_nccl_id());
  });
  // deviceCount(): of GPUs that this process sees. Throws "unavailable" if there is none.
  add_function(exports, "deviceCount", [](Arguments& arguments) -> Napi::Value {
    if (cuda_support.count == nullptr) {
      fail("unavailable", "GPUs are not part of this build, which was made without nvcc");
    }
    return Napi::Number::New(arguments.env(), cuda_support.count());
  });
  // peerAccess(): for each GPU, the numbers of those whose memory it reaches. Throws "unavailable"
  // if there is none.
  add_function(exports, "peerAccess", [](Arguments& arguments) -> Napi::Value {
    if (nccl_support.can_access_peer == nullptr) {
      fail("unavailable", "GPUs are not part of this build, which was made without nvcc");
    }
    const int count = cuda_support.count();
    Napi::Array result = Napi::Array::New(arguments.env(), static_cast<size_t>(count));
    for (int ordinal = 0; ordinal < count; ++ordinal) {
      Napi::Array peers = Napi::Array::New(arguments.env());
      for (int peer = 0; peer < count; ++peer) {
        if (peer == ordinal || !nccl_support.can_access_peer(ordinal, peer)) continue;
        peers.Set(peers.Length(), peer);
      }
      result.Set(static_cast<uint32_t>(ordinal), peers);
    }
    return result;
  });
  // sliceOf(elements, rank, ranks): [begin, end) of a rank's slice.
  add_function(exports, "sliceOf", [](Arguments& arguments) -> Napi::Value {
    const int64_t elements = arguments.integer("elements");
    const auto rank = static_cast<int>(arguments.integer("rank"));
    const auto ranks = static_cast<int>(arguments.integer("ranks"));
    require(elements >= 0 && rank >= 0 && rank < ranks, "sliceOf: rank ", rank, " of ", ranks,
            " and ", elements, " elements, expected a rank below their number");
    const Slice slice = slice_of(elements, rank, ranks);
    Napi::Array result = Napi::Array::New(arguments.env(), 2);
    result.Set(uint32_t{0}, static_cast<double>(slice.begin));
    result.Set(uint32_t{1}, static_cast<double>(slice.end));
    return result;
  });
}

}  // namespace leia::binding
