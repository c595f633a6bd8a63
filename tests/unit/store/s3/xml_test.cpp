#include "core/store/s3/xml.h"

#include "tests/support/catch.h"

namespace b2b::s3 {
namespace {

using Event = XmlReader::Event;

// "<a>" for a start, "a=text" for an end, "!" for malformed.
std::string trace(std::string_view document) {
  XmlReader reader(document);
  std::string out;
  for (;;) {
    switch (reader.next()) {
      case Event::start:
        out += "<" + std::string(reader.name()) + ">";
        break;
      case Event::end:
        out += std::string(reader.name()) + "=" + reader.text() + ";";
        break;
      case Event::document_end:
        return out;
      case Event::malformed:
        return out + "!";
    }
  }
}

bool malformed(std::string_view document) {
  return trace(document).ends_with("!");
}

}  // namespace

TEST_CASE("elements and their text") {
  CHECK(trace("<a><b>x</b><c/>y</a>") == "<a><b>b=x;<c>c=;a=y;");
  CHECK(trace("\xEF\xBB\xBF \n<?xml version=\"1.0\"?><!-- hi --><s:a xmlns:s=\"u\" k='>'> t </s:a>\n") ==
        "<a>a= t ;");
  CHECK(trace("<a><!-- <b> -->1<?pi x?>2</a>") == "<a>a=12;");
}

TEST_CASE("entities and CDATA") {
  CHECK(trace("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1F600;&#xfc;</a>") ==
        "<a>a=<>&\"'A\xF0\x9F\x98\x80\xC3\xBC;");
  CHECK(trace("<a>x<![CDATA[<&amp;>]]>y</a>") == "<a>a=x<&amp;>y;");
  for (auto const* bad : {"<a>&nbsp;</a>", "<a>&</a>", "<a>&#0;</a>", "<a>&#xD800;</a>", "<a>&#x110000;</a>",
                          "<a>&#;</a>", "<a>&#12x;</a>", "<a>&lt</a>", "<a>&#99999999999;</a>"}) {
    INFO(bad);
    CHECK(malformed(bad));
  }
}

TEST_CASE("malformed documents are refused") {
  for (auto const* bad : {"", "   ", "text", "<a>", "<a></b>", "<a></a><b/>", "</a>", "<a", "<a b='", "<>",
                          "<a><![CDATA[x</a>", "<!-- x", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
                          "<a></a>tail", "<![CDATA[x]]><a/>", "<a <b/></a>", "<a></a", "< a/>"}) {
    INFO(bad);
    CHECK(malformed(bad));
  }
  std::string deep;
  for (std::size_t i = 0; i <= XmlReader::max_depth; ++i)
    deep += "<d>";
  CHECK(malformed(deep));
}

TEST_CASE("a malformed document stays malformed") {
  XmlReader reader("<a></b>");
  CHECK(reader.next() == Event::start);
  CHECK(reader.next() == Event::malformed);
  CHECK(reader.next() == Event::malformed);
}

TEST_CASE("text is escaped, or refused where XML cannot carry it") {
  CHECK(xml_escape("a<b>&\"c\xC3\xBC").value() == "a&lt;b&gt;&amp;\"c\xC3\xBC");
  CHECK(xml_escape("\t\r\n").value() == "&#9;&#13;&#10;");
  CHECK_FALSE(xml_escape(std::string_view("a\0b", 3)));
  CHECK_FALSE(xml_escape("\x01"));
  CHECK_FALSE(xml_escape("\xFF"));
  CHECK_FALSE(xml_escape("\xEF\xBF\xBF"));
}

}  // namespace b2b::s3
