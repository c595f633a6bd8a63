#include "core/snapshot/manifest_parser.h"

#include <array>
#include <optional>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include "core/snapshot/manifest_fields.h"

namespace b2b::manifest {
namespace {

namespace json = boost::json;
using ErrorCode = boost::system::error_code;

enum class Member { version, timestamp, header, files, others, skipped, digest, unknown };

struct MemberName {
  std::string_view name;
  Member member;
};
constexpr std::array<MemberName, 7> member_names{{{"version", Member::version},
                                                  {"timestamp", Member::timestamp},
                                                  {"b2backupd", Member::header},
                                                  {"files", Member::files},
                                                  {"others", Member::others},
                                                  {"skipped", Member::skipped},
                                                  {"digest", Member::digest}}};

Member member_of(std::string_view name) {
  for (auto const& known : member_names)
    if (known.name == name) return known.member;
  return Member::unknown;
}

// Where in the manifest the parser stands. An item (header or entry) is put together on a value stack; what
// we do not know is counted out by its depth.
enum class Place { outside, root, files, others, skipped, item, ignored, done };

// The handler of Boost.JSON's event parser: its members have the names and types that
// boost::json::basic_parser calls.
struct Handler {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = max_string_bytes;
  static constexpr std::size_t max_string_size = max_string_bytes;

  Handler(SnapshotId const& snapshot, Events& receiver) : id(snapshot), events(receiver) {}

  SnapshotId const& id;
  Events& events;
  Place place = Place::outside;
  Place item_list = Place::root;  // where the item is: root (the header), files, others or skipped
  Member member = Member::unknown;
  std::array<bool, member_names.size()> seen{};
  std::size_t depth = 0;  // open containers of the item or ignored value
  std::size_t item_bytes = 0;
  std::string key;   // the name of the current root member or file
  std::string text;  // a string of the root, as far as it was read
  json::value_stack stack;
  std::optional<Error> failure;

  bool end_with(ErrorCode& code, Error error) {
    failure = std::move(error);
    code = boost::system::errc::make_error_code(boost::system::errc::operation_canceled);
    return false;
  }
  bool damaged(ErrorCode& code, std::string_view what) { return end_with(code, corrupt(id, what)); }
  bool tell(ErrorCode& code, Result<void> result) {
    return result ? true : end_with(code, std::move(result).error());
  }

  // Items.
  bool weigh(ErrorCode& code, std::size_t bytes) {
    item_bytes += bytes + 32;  // about what a value takes in memory beside its text
    return item_bytes <= max_item_bytes || damaged(code, "an entry is larger than 4 MB");
  }
  bool begin_item(ErrorCode& code, bool is_object, Place list) {
    if (!is_object) return damaged(code, "an entry is not an object");
    place = Place::item;
    item_list = list;
    depth = 1;
    item_bytes = 0;
    stack.reset();
    return true;
  }
  bool end_item(ErrorCode& code) {
    json::value item = stack.release();
    place = item_list;
    switch (item_list) {
      case Place::root:
        return tell(code, events.header(std::move(item.get_object())));
      case Place::files:
        return tell(code, events.file(key, item.get_object()));
      case Place::others:
        return tell(code, events.other(item.get_object()));
      default:
        return tell(code, events.skipped(item.get_object()));
    }
  }

  // Containers.
  bool begin(ErrorCode& code, bool is_object) {
    switch (place) {
      case Place::outside:
        place = Place::root;
        return is_object || damaged(code, "it is not a JSON object");
      case Place::root:
        return begin_member(code, is_object);
      case Place::files:
      case Place::others:
      case Place::skipped:
        return begin_item(code, is_object, place);
      case Place::item:
        ++depth;
        return weigh(code, 0);
      case Place::ignored:
        ++depth;
        return true;
      case Place::done:
        break;
    }
    return damaged(code, "something follows its end");
  }
  bool begin_member(ErrorCode& code, bool is_object) {
    switch (member) {
      case Member::header:
        return begin_item(code, is_object, Place::root);
      case Member::files:
        place = Place::files;
        if (!is_object) return damaged(code, "\"files\" is not an object");
        return tell(code, events.files_begin());
      case Member::others:
        place = Place::others;
        return !is_object || damaged(code, "\"others\" is not a list");
      case Member::skipped:
        place = Place::skipped;
        return !is_object || damaged(code, "\"skipped\" is not a list");
      case Member::unknown:
        place = Place::ignored;
        depth = 1;
        return true;
      default:
        return wrong_type(code);
    }
  }
  bool end(ErrorCode& code, bool is_object, std::size_t count) {
    switch (place) {
      case Place::item:
        if (is_object)
          stack.push_object(count);
        else
          stack.push_array(count);
        return --depth > 0 || end_item(code);
      case Place::ignored:
        if (--depth == 0) place = Place::root;
        return true;
      case Place::root:
        place = Place::done;
        return true;
      default:
        place = Place::root;
        return true;
    }
  }

  // Scalars.
  bool wrong_type(ErrorCode& code) { return damaged(code, "\"" + key + "\" is of the wrong type"); }
  // True when a scalar may stand here at all; `in_item` tells whether it belongs on the stack.
  bool scalar(ErrorCode& code, bool& in_item) {
    in_item = place == Place::item;
    if (in_item) return weigh(code, 0);
    if (place == Place::ignored || (place == Place::root && member == Member::unknown)) return true;
    if (place == Place::root) return wrong_type(code);
    return damaged(code, place == Place::outside ? "it is not a JSON object" : "an entry is not an object");
  }
  bool version(ErrorCode& code, std::int64_t number) { return tell(code, events.version(number)); }
  bool is_root_member(Member which) const { return place == Place::root && member == which; }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode& code) { return begin(code, true); }
  bool on_object_end(std::size_t count, ErrorCode& code) { return end(code, true, count); }
  bool on_array_begin(ErrorCode& code) { return begin(code, false); }
  bool on_array_end(std::size_t count, ErrorCode& code) { return end(code, false, count); }

  bool on_key_part(json::string_view part, std::size_t total, ErrorCode& code) {
    if (place == Place::item) {
      stack.push_chars(part);
      return weigh(code, part.size());
    }
    if (place == Place::ignored) return true;
    if (total == part.size()) key.clear();
    key.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t total, ErrorCode& code) {
    if (place == Place::item) {
      stack.push_key(part);
      return weigh(code, part.size());
    }
    if (!on_key_part(part, total, code)) return false;
    if (place != Place::root) return true;
    member = member_of(key);
    if (member == Member::unknown) return true;
    bool& again = seen[static_cast<std::size_t>(member)];
    if (again) return damaged(code, "\"" + key + "\" is there twice");
    again = true;
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t total, ErrorCode& code) {
    if (place == Place::item) {
      stack.push_chars(part);
      return weigh(code, part.size());
    }
    if (is_root_member(Member::timestamp) || is_root_member(Member::digest)) {
      if (total == part.size()) text.clear();
      text.append(part.data(), part.size());
      return true;
    }
    bool in_item = false;
    return scalar(code, in_item);
  }
  bool on_string(json::string_view part, std::size_t total, ErrorCode& code) {
    if (place == Place::item) {
      stack.push_string(part);
      return weigh(code, part.size());
    }
    if (!on_string_part(part, total, code)) return false;
    if (is_root_member(Member::timestamp)) return tell(code, events.timestamp(text));
    if (is_root_member(Member::digest)) return tell(code, events.digest());
    return true;
  }
  bool on_number_part(json::string_view, ErrorCode&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, ErrorCode& code) {
    if (is_root_member(Member::version)) return version(code, number);
    bool in_item = false;
    if (!scalar(code, in_item)) return false;
    if (in_item) stack.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, ErrorCode& code) {
    if (is_root_member(Member::version)) return version(code, std::numeric_limits<std::int64_t>::max());
    bool in_item = false;
    if (!scalar(code, in_item)) return false;
    if (in_item) stack.push_uint64(number);
    return true;
  }
  bool on_double(double number, json::string_view, ErrorCode& code) {
    bool in_item = false;
    if (!scalar(code, in_item)) return false;
    if (in_item) stack.push_double(number);
    return true;
  }
  bool on_bool(bool value, ErrorCode& code) {
    bool in_item = false;
    if (!scalar(code, in_item)) return false;
    if (in_item) stack.push_bool(value);
    return true;
  }
  bool on_null(ErrorCode& code) {
    bool in_item = false;
    if (!scalar(code, in_item)) return false;
    if (in_item) stack.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, ErrorCode&) { return true; }
  bool on_comment(json::string_view, ErrorCode&) { return true; }
};

json::parse_options options() {
  json::parse_options out;
  out.max_depth = 32;
  return out;
}

}  // namespace

struct Parser::Impl {
  Impl(SnapshotId const& id, Events& events) : parser(options(), id, events) {}
  json::basic_parser<Handler> parser;
  std::uint64_t fed = 0;

  Result<void> write(std::string_view bytes, bool more) {
    ErrorCode code;
    std::size_t used = 0;
    try {
      used = parser.write_some(more, bytes.data(), bytes.size(), code);
    } catch (std::exception const& error) {  // out of memory inside Boost.JSON
      return make_error(Condition::internal, std::string("cannot read a manifest: ") + error.what());
    }
    Handler& handler = parser.handler();
    if (handler.failure) return *handler.failure;
    if (code)
      return corrupt(handler.id, code.message() + " (JSON, at byte " + std::to_string(fed + used) + ")");
    if (used < bytes.size())
      return corrupt(handler.id, "something follows its end, at byte " + std::to_string(fed + used));
    fed += used;
    return {};
  }
};

Parser::Parser(SnapshotId const& id, Events& events) : impl_(std::make_unique<Impl>(id, events)) {}
Parser::~Parser() = default;

Result<void> Parser::feed(std::string_view bytes) {
  return impl_->write(bytes, true);
}

Result<void> Parser::finish() {
  B2B_TRY(impl_->write({}, false));
  Handler const& handler = impl_->parser.handler();
  if (!handler.seen[static_cast<std::size_t>(Member::version)])
    return corrupt(handler.id, "\"version\" is missing");
  if (!handler.seen[static_cast<std::size_t>(Member::files)])
    return corrupt(handler.id, "\"files\" is missing");
  return {};
}

}  // namespace b2b::manifest
