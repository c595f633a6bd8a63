// What is pasted into setup's questions: any bytes are cleaned to a part of themselves, once and for all, and
// judged.
#include <cstdint>

#include "core/util/encoding.h"
#include "core/util/error.h"
#include "daemon/setup/typed.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text = as_text({data, size});
  std::string const clean = setup::clean_value(text);
  B2B_ASSERT(text.find(clean) != std::string_view::npos);
  B2B_ASSERT(setup::clean_value(clean) == clean);
  B2B_ASSERT(setup::clean_secret(text).reveal() == clean);
  std::string const bucket = setup::clean_bucket(text);
  B2B_ASSERT(clean.find(bucket) != std::string::npos);
  // A key that is refused is never in the sentence that says why.
  for (bool const at_b2 : {false, true}) {
    auto const problem = setup::application_key_problem(clean, "0001a2b3c4d5e6f0000000001", at_b2);
    bool const is_a_word = clean.size() >= 20 && clean.find(' ') == std::string::npos;
    B2B_ASSERT(!problem || !is_a_word || problem->find(clean) == std::string::npos);
    auto const id_problem = setup::key_id_problem(clean, at_b2);
    B2B_ASSERT(!id_problem || !is_a_word || id_problem->find(clean) == std::string::npos);
  }
  (void)setup::bucket_problem(bucket);
  return 0;
}
