// Passages as lines of JSON for JavaScript: a whole line in one call, since calls cost more than
// titles.
#include "corpus/json_line.h"

#include <memory>
#include <string_view>

#include "binding/arguments.h"
#include "binding/instance.h"

namespace leia::binding {

namespace {

using corpus::JsonLine;

// Numbers of a link in the list: start, end, length of its target, length of its name.
constexpr size_t kLinkNumbers = 4;
// Instead of the length of a name.
constexpr int32_t kNullName = -1;
constexpr int32_t kNoName = -2;
// Memory that one call after the other uses, not initialised; what is more than kMost is given back
// by the next call.
template <class T>
class Room {
 public:
  T* of(size_t size) {
    if (size > size_ || size_ > kMost) {
      values_ = std::make_unique_for_overwrite<T[]>(size);
      size_ = size;
    }
    return values_.get();
  }

 private:
  static constexpr size_t kMost = size_t{4} << 20;  // more is given back
  std::unique_ptr<T[]> values_;
  size_t size_ = 0;
};

std::u16string_view read_string(const Napi::Value& value, const char* name, Room<char16_t>& room) {
  require(value.IsString(), "passageLine: expected ", name, " as a string");
  size_t length = 0;
  napi_get_value_string_utf16(value.Env(), value, nullptr, 0, &length);
  char16_t* units = room.of(length + 1);  // a zero follows
  napi_get_value_string_utf16(value.Env(), value, units, length + 1, &length);
  return {units, length};
}

// passageLine(title, more, text, links: Int32Array, strings): see lib/leia/dataset-records.ts.
Napi::Value passage_line(Arguments& arguments) {
  thread_local Room<char16_t> title_room, text_room, strings_room;
  thread_local Room<uint8_t> line_room;
  const auto title = read_string(arguments.value(), "the title", title_room);
  const std::string more = arguments.string("the further members");
  const auto text = read_string(arguments.value(), "the text", text_room);
  const Napi::Value list = arguments.value();
  const bool fits =
      list.IsTypedArray() && list.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array;
  require(fits, "passageLine: expected the links as an Int32Array");
  const auto links = list.As<Napi::Int32Array>();
  const int32_t* numbers = links.Data();
  const size_t count = links.ElementLength() / kLinkNumbers;
  std::u16string_view rest = read_string(arguments.value(), "the strings", strings_room);

  const size_t units = title.size() + more.size() + text.size() + rest.size();
  uint8_t* line = line_room.of(JsonLine::most_bytes(units, count));
  JsonLine json(line);
  const auto next = [&rest](int32_t length) {
    const auto size = static_cast<size_t>(length);
    require(length >= 0 && size <= rest.size(),
            "passageLine: the lengths of the strings are wrong");
    const std::u16string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  };
  json.begin(title, more, text);
  for (size_t i = 0; i < count; ++i, numbers += kLinkNumbers) {
    json.link(static_cast<uint32_t>(numbers[0]), static_cast<uint32_t>(numbers[1]),
              next(numbers[2]));
    if (numbers[3] == kNullName) {
      json.null_name();
    } else if (numbers[3] != kNoName) {
      json.name(next(numbers[3]));
    }
  }
  json.finish();
  const auto size = static_cast<size_t>(json.end() - line);
  return Napi::Buffer<uint8_t>::Copy(arguments.env(), line, size);
}

}  // namespace

void register_json_line(Napi::Env, Napi::Object exports) {
  add_function(exports, "passageLine", passage_line);
}

}  // namespace leia::binding
