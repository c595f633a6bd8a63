// Parameters of jobs are bodies of API calls. Whatever is accepted keeps what the jobs rely on; whatever is not is a mistake
// of usage that names the job.
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>

#include "core/util/encoding.h"
#include "daemon/jobs/parameters.h"

namespace {

template <class T>
void check_error(b2b::Result<T> const& result, std::string_view job) {
  if (result) return;
  B2B_ASSERT(result.error().condition == b2b::Condition::usage);
  B2B_ASSERT(result.error().message.starts_with(job));
  B2B_ASSERT(result.error().text() == b2b::printable(result.error().text()));
}

void check_text(std::string const& text) {
  B2B_ASSERT(text.find('\0') == std::string::npos && text.size() <= b2b::jobs::ParameterReader::text_max_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  using namespace b2b::jobs;
  boost::system::error_code failed;
  boost::json::value const value = boost::json::parse(b2b::as_text({data, size}), failed);
  if (failed || !value.is_object()) return 0;
  boost::json::object const& given = value.get_object();
  check_error(push_parameters(given), "push");
  check_error(snapshots_parameters(given), "snapshots");
  check_error(prune_parameters(given), "prune");
  check_error(copy_parameters(given), "copy");
  auto const pin = pin_parameters(given);
  check_error(pin, "pin");
  if (pin) {
    B2B_ASSERT(!pin->snapshot.empty());
    check_text(pin->snapshot);
  }
  check_error(repair_parameters(given), "repair");
  auto const forget = forget_parameters(given);
  check_error(forget, "forget");
  if (forget) B2B_ASSERT(!forget->paths.empty());
  auto const verify = verify_parameters(given);
  check_error(verify, "verify");
  if (verify) check_text(verify->snapshot);
  auto const ls = ls_parameters(given);
  check_error(ls, "ls");
  if (ls) B2B_ASSERT(!ls->snapshot.empty());
  auto const cat = cat_parameters(given);
  check_error(cat, "cat");
  if (cat) {
    B2B_ASSERT(!cat->snapshot.empty() && !cat->path.empty());
    B2B_ASSERT(ls.has_value());  // takes the same
    check_text(cat->path);
  }
  auto const diff = diff_parameters(given);
  check_error(diff, "diff");
  if (diff) B2B_ASSERT(!diff->first.empty());
  auto const restore = restore_parameters(given);
  check_error(restore, "restore");
  if (restore) {
    B2B_ASSERT(!restore->snapshot.empty());
    B2B_ASSERT(restore->target.empty() || restore->target.front() == '/');
    check_text(restore->target);
    B2B_ASSERT(restore->paths.size() <= ParameterReader::texts_max);
    for (std::string const& path : restore->paths) check_text(path);
    B2B_ASSERT(restore->yes == false || given.contains("yes"));  // nobody is taken to have agreed
    B2B_ASSERT(restore->safety || given.contains("safety"));
  }
  return 0;
}
