// What one JavaScript environment (the main thread or a worker) keeps of the addon. Each has
// devices, and so streams, of its own: an error in one never skips the work of another.
#pragma once

#include <napi.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/device.h"

namespace leia::binding {

struct Instance {
  Napi::FunctionReference error_class;
  Napi::FunctionReference tensor_class;
  std::map<std::string, std::shared_ptr<Device>> devices;  // by the name they were opened with

  // The device of this name, opened at first use.
  std::shared_ptr<Device> device(const std::string& name);
  // Ends all work, so that nothing calls into an environment that is about to go. Gives each
  // device's first failure that JavaScript never got.
  std::vector<FailurePtr> stop();
};

void register_device(Napi::Env env, Napi::Object exports);
void register_tensor(Napi::Env env, Napi::Object exports);
void register_communicator(Napi::Env env, Napi::Object exports);
void register_operations(Napi::Env env, Napi::Object exports);
void register_bpe(Napi::Env env, Napi::Object exports);
void register_bzip2(Napi::Env env, Napi::Object exports);
void register_json_line(Napi::Env env, Napi::Object exports);
void register_page_scan(Napi::Env env, Napi::Object exports);
void register_wikitext(Napi::Env env, Napi::Object exports);
void register_file_map(Napi::Env env, Napi::Object exports);

}  // namespace leia::binding
