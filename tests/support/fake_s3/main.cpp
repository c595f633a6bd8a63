// b2b_fake_s3: the fake S3 server as a program, for end-to-end tests and benchmarks. Runs until SIGTERM or
// SIGINT.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "tests/support/fake_s3/certificate.h"
#include "tests/support/fake_s3/server.h"

namespace {

constexpr char const* usage =
    "usage: b2b_fake_s3 [options]\n"
    "  --port N                 0 or left out: any free port\n"
    "  --port-file FILE         the port is written there once the server listens\n"
    "  --tls CERT KEY           PEM files\n"
    "  --make-certificate DIR   makes a certificate for 127.0.0.1 and uses it; its authority is "
    "DIR/server-authority.pem\n"
    "  --bucket NAME --region NAME --key-id ID --application-key KEY\n"
    "  --no-list-buckets        the key lacks that capability: a missing object answers 403\n"
    "  --no-delete-files        the key lacks that capability: it hides and overwrites, and deletes nothing\n"
    "  --trust-bodies           does not compare SHA-256 and MD5 (saves the server's CPU in benchmarks)\n"
    "  --min-part-bytes N       of multipart uploads; 5000000 unless told otherwise\n"
    "  --latency-ms N           before each answer\n"
    "  --faults FILE            a JSON array, as in POST /__control\n";

int fail(std::string const& why) {
  std::cerr << "b2b_fake_s3: " << why << "\n" << usage;
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  b2b::test::FakeServerOptions options;
  std::string port_file;
  std::string faults_file;
  unsigned latency_ms = 0;
  for (int i = 1; i < argc; ++i) {
    std::string const name = argv[i];
    auto const value = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string(); };
    if (name == "--port")
      options.port = static_cast<std::uint16_t>(std::strtoul(value().c_str(), nullptr, 10));
    else if (name == "--port-file")
      port_file = value();
    else if (name == "--tls")
      options.certificate_file = value(), options.private_key_file = value();
    else if (name == "--make-certificate") {
      auto const files = b2b::test::make_certificate(value(), "server", {});
      options.certificate_file = files.certificate;
      options.private_key_file = files.private_key;
    } else if (name == "--bucket")
      options.s3.bucket = value();
    else if (name == "--region")
      options.s3.region = value();
    else if (name == "--key-id")
      options.s3.key_id = value();
    else if (name == "--application-key")
      options.s3.application_key = value();
    else if (name == "--no-list-buckets")
      options.s3.list_buckets = false;
    else if (name == "--no-delete-files")
      options.s3.delete_files = false;
    else if (name == "--trust-bodies")
      options.s3.check_bodies = false;
    else if (name == "--min-part-bytes")
      options.s3.min_part_bytes = std::strtoull(value().c_str(), nullptr, 10);
    else if (name == "--latency-ms")
      latency_ms = static_cast<unsigned>(std::strtoul(value().c_str(), nullptr, 10));
    else if (name == "--faults")
      faults_file = value();
    else
      return fail("unknown option " + name);
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);  // inherited by the server's threads
  std::signal(SIGPIPE, SIG_IGN);
  try {
    b2b::test::FakeServer server(options);
    server.set_latency_ms(latency_ms);
    if (!faults_file.empty()) {
      std::ifstream in(faults_file);
      std::string problem;
      auto const faults =
          b2b::test::parse_faults(std::string(std::istreambuf_iterator<char>(in), {}), problem);
      if (!faults) return fail(faults_file + ": " + problem);
      for (auto const& fault : *faults)
        server.faults().add(fault);
    }
    std::cout << server.url() << std::endl;
    if (!port_file.empty()) {
      std::ofstream(port_file + ".new") << server.port() << "\n";
      std::rename((port_file + ".new").c_str(), port_file.c_str());  // appears whole
    }
    int signal = 0;
    sigwait(&signals, &signal);
    std::cout << server.stats_json() << std::endl;
  } catch (std::exception const& error) {
    std::cerr << "b2b_fake_s3: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
