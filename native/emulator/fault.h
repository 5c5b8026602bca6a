// What the emulator found wrong: thrown on the thread that did it, reported with kernel, block and
// thread.
#pragma once

#include <source_location>
#include <stdexcept>
#include <string>

namespace leia::emulator {

using Where = std::source_location;

class Fault : public std::runtime_error {
 public:
  Fault(const Where& where, const std::string& what) : std::runtime_error(what), where_(where) {}
  const Where& where() const { return where_; }

 private:
  Where where_;
};

}  // namespace leia::emulator
