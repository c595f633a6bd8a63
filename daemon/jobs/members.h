// Members of an answer, read without surprises: what is missing or of another type is the empty value. Answers come from
// daemon/jobs, or from a daemon of another version.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace b2b::jobs {

std::string text_of(boost::json::object const& object, std::string_view name);
std::uint64_t number_of(boost::json::object const& object, std::string_view name);
std::string count_of(boost::json::object const& object, std::string_view name);   // the number as text
// "1 file", "3 files"
std::string counted(boost::json::object const& object, std::string_view name, std::string_view one, std::string_view many);
double real_of(boost::json::object const& object, std::string_view name);
bool flag_of(boost::json::object const& object, std::string_view name);
bool has_value(boost::json::object const& object, std::string_view name);         // there, and not null
boost::json::array const& list_of(boost::json::object const& object, std::string_view name);
boost::json::object const& object_of(boost::json::object const& object, std::string_view name);
boost::json::object const& as_object(boost::json::value const& value);
std::string as_text(boost::json::value const& value);

}  // namespace b2b::jobs
