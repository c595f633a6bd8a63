#include "core/store/s3/answers.h"

#include "tests/support/catch.h"

namespace b2b::s3 {

TEST_CASE("a page of a list: objects and prefixes come merged and decoded") {
  auto const page = parse_list_page(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
      "<Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>t+%41&amp;</NextContinuationToken>"
      "<Contents><Key>c+d%2Be</Key><LastModified>2026-02-19T12:00:00.123Z</"
      "LastModified><ETag>&quot;00ff&quot;</ETag>"
      "<Size>12</Size><Owner><ID>x</ID></Owner></Contents><CommonPrefixes><Prefix>a%20b/</Prefix></"
      "CommonPrefixes>"
      "<EncodingType>url</EncodingType></ListBucketResult>");
  REQUIRE(page);
  REQUIRE(page->entries.size() == 2);
  CHECK(page->entries[0].is_prefix);
  CHECK(page->entries[0].object.key == "a b/");
  CHECK(page->entries[1].object.key == "c d+e");
  CHECK(page->entries[1].object.etag == "00ff");
  CHECK(page->entries[1].object.size == 12);
  CHECK(format_iso8601(page->entries[1].object.modified) == "2026-02-19T12:00:00.123Z");
  CHECK(page->truncated);
  CHECK(page->continuation_token == "t+%41&");
}

TEST_CASE("names that were not encoded are left alone") {
  auto const page =
      parse_list_page("<ListBucketResult><Contents><Key>c+d%2Be</Key></Contents></ListBucketResult>");
  REQUIRE(page);
  CHECK(page->entries.at(0).object.key == "c+d%2Be");
}

TEST_CASE("a list that is not one, or cannot go on, is an error") {
  for (auto const* bad :
       {"", "<Error><Code>X</Code></Error>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size></Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><LastModified>yesterday</LastModified></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key></Contents></"
        "ListBucketResult>",
        "<html><body>hotel login</body></html>"}) {
    INFO(bad);
    auto const page = parse_list_page(bad);
    REQUIRE_FALSE(page);
    CHECK(page.error().condition == Condition::corrupt);
    CHECK(page.error().retryable);
  }
}

TEST_CASE("versions and hide markers") {
  auto const page = parse_versions_page(
      "<ListVersionsResult><IsTruncated>false</IsTruncated>"
      "<DeleteMarker><Key>k</Key><VersionId>3</VersionId><IsLatest>true</"
      "IsLatest><LastModified>2026-02-19T12:00:00.000Z</LastModified></DeleteMarker>"
      "<Version><Key>k</Key><VersionId>2</VersionId><IsLatest>false</IsLatest><Size>7</Size></Version></"
      "ListVersionsResult>");
  REQUIRE(page);
  REQUIRE(page->versions.size() == 2);
  CHECK(page->versions[0].hide_marker);
  CHECK(page->versions[0].latest);
  CHECK(page->versions[1].size == 7);
  CHECK(page->versions[1].version_id == "2");
  CHECK_FALSE(page->versions[1].latest);
}

TEST_CASE("the marker of the next page of versions, encoded, unencoded or missing") {
  std::string const version =
      "<Version><Key>a%2B%2541</Key><VersionId>9</VersionId></Version>";  // the key is "a+%41"
  auto const page = [&](std::string const& marker) {
    return parse_versions_page(
        "<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>" + version +
        marker + "</ListVersionsResult>");
  };
  CHECK(page("<NextKeyMarker>a%2B%2541</NextKeyMarker><NextVersionIdMarker>9</NextVersionIdMarker>")
            ->next_key_marker == "a+%41");
  CHECK(page("<NextKeyMarker>a+%41</NextKeyMarker><NextVersionIdMarker>9</NextVersionIdMarker>")
            ->next_key_marker == "a+%41");
  CHECK(page("<NextKeyMarker>a%2B%2542</NextKeyMarker>")->next_key_marker == "a+%42");
  auto const missing = page("");
  REQUIRE(missing);
  CHECK(missing->next_key_marker == "a+%41");
  CHECK(missing->next_version_id_marker == "9");
}

TEST_CASE("uploads and parts") {
  auto const uploads = parse_uploads_page(
      "<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u</"
      "UploadId><Initiated>2026-02-19T12:00:00.000Z</Initiated>"
      "</Upload></ListMultipartUploadsResult>");
  REQUIRE(uploads);
  CHECK(uploads->uploads.at(0).upload_id == "u");
  CHECK_FALSE(parse_uploads_page(
      "<ListMultipartUploadsResult><Upload><Key>k</Key></Upload></ListMultipartUploadsResult>"));
  auto const parts = parse_parts_page(
      "<ListPartsResult><Part><PartNumber>2</PartNumber><ETag>\"x\"</ETag><Size>5</Size></Part></"
      "ListPartsResult>");
  REQUIRE(parts);
  CHECK(parts->parts.at(0).number == 2);
  CHECK(parts->parts.at(0).etag == "x");
  CHECK_FALSE(parse_parts_page("<ListPartsResult><Part><PartNumber>0</PartNumber></Part></ListPartsResult>"));
  CHECK_FALSE(
      parse_parts_page("<ListPartsResult><Part><PartNumber>10001</PartNumber></Part></ListPartsResult>"));
}

TEST_CASE("errors, results and delete results") {
  auto const error =
      parse_error("<Error><Code>NoSuchKey</Code><Message>gone</Message><RequestId>r</RequestId></Error>");
  REQUIRE(error);
  CHECK(error->code == "NoSuchKey");
  CHECK(error->message == "gone");
  CHECK(error->request_id == "r");
  CHECK_FALSE(parse_error("<html></html>"));
  CHECK_FALSE(parse_error("<Error></Error>"));
  CHECK(
      parse_upload_id("<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
          .value() == "u");
  CHECK_FALSE(parse_upload_id("<InitiateMultipartUploadResult/>"));
  CHECK(parse_result_etag("<CopyObjectResult><ETag>&quot;e&quot;</ETag></CopyObjectResult>").value() == "e");
  CHECK(parse_result_etag("\n\n<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>")
            .value()
            .empty());
  CHECK_FALSE(parse_result_etag("<Error><Code>InternalError</Code></Error>"));
  auto const problems = parse_delete_result(
      "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b&amp;</Key><VersionId>1</"
      "VersionId><Code>AccessDenied</Code>"
      "<Message>no</Message></Error></DeleteResult>");
  REQUIRE(problems);
  REQUIRE(problems->size() == 1);
  CHECK(problems->at(0).key == "b&");
  CHECK(problems->at(0).code == "AccessDenied");
}

}  // namespace b2b::s3
