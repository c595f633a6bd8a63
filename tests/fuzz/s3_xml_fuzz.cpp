// Any bytes as an answer of the store: the parser ends, stays within its depth, and the typed answers keep
// their promises.
#include <cstdint>
#include <string>

#include "core/store/s3/answers.h"
#include "core/store/s3/xml.h"
#include "core/util/encoding.h"

using namespace b2b;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const document = as_text({data, size});
  s3::XmlReader reader(document);
  std::size_t events = 0;
  std::size_t open = 0;
  for (;;) {
    auto const event = reader.next();
    if (event == s3::XmlReader::Event::malformed) break;
    if (event == s3::XmlReader::Event::document_end) {
      B2B_ASSERT(open == 0 && events >= 2);
      break;
    }
    open += event == s3::XmlReader::Event::start ? 1 : static_cast<std::size_t>(-1);
    B2B_ASSERT(open <= s3::XmlReader::max_depth && reader.depth() <= s3::XmlReader::max_depth);
    B2B_ASSERT(++events <= 2 * size);
  }

  if (auto const page = s3::parse_list_page(document)) {
    B2B_ASSERT(!page->truncated || !page->continuation_token.empty());
    for (std::size_t i = 0; i < page->entries.size(); ++i) {
      B2B_ASSERT(!page->entries[i].object.key.empty());
      B2B_ASSERT(i == 0 || page->entries[i - 1].object.key <= page->entries[i].object.key);
    }
  }
  if (auto const page = s3::parse_versions_page(document))
    for (auto const& version : page->versions)
      B2B_ASSERT(!version.key.empty());
  if (auto const page = s3::parse_uploads_page(document))
    for (auto const& upload : page->uploads)
      B2B_ASSERT(!upload.key.empty() && !upload.upload_id.empty());
  if (auto const page = s3::parse_parts_page(document))
    for (auto const& part : page->parts)
      B2B_ASSERT(part.number <= 10'000);
  if (auto const error = s3::parse_error(document)) B2B_ASSERT(!error->code.empty());
  static_cast<void>(s3::parse_delete_result(document).has_value());
  static_cast<void>(s3::parse_result_etag(document).has_value());
  if (auto const id = s3::parse_upload_id(document)) B2B_ASSERT(!id->empty());

  // What can be escaped comes back as it was.
  if (auto const escaped = s3::xml_escape(document)) {
    std::string const wrapped = "<a>" + *escaped + "</a>";
    s3::XmlReader back(wrapped);
    B2B_ASSERT(back.next() == s3::XmlReader::Event::start);
    B2B_ASSERT(back.next() == s3::XmlReader::Event::end);
    B2B_ASSERT(back.text() == document);
  }
  return 0;
}
