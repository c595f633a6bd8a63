#include "tests/support/fake_s3/process.h"

#include <array>
#include <fstream>
#include <stdexcept>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/paths.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace b2b::test {
namespace {

std::string ask(std::uint16_t port, std::string const& request) {
  namespace net = boost::asio;
  net::io_context loop;
  net::ip::tcp::socket socket(loop);
  socket.connect({net::ip::address_v4::loopback(), port});
  net::write(socket, net::buffer(request));
  std::string answer;
  boost::system::error_code end_of_file;
  net::read(socket, net::dynamic_buffer(answer), end_of_file);
  if (!answer.starts_with("HTTP/1.1 200")) throw std::runtime_error("fake S3 server: " + answer);
  return answer.substr(answer.find("\r\n\r\n") + 4);
}

}  // namespace

FakeServerProcess::FakeServerProcess(std::string const& scratch, std::vector<std::string> const& arguments) {
  std::string const port_file = scratch + "/fake-s3-port";
  unlink(port_file.c_str());
  std::vector<std::string> words = {binary_directory() + "/bin/b2b_fake_s3", "--port-file", port_file};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  if (posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ) != 0)
    throw std::runtime_error("cannot start " + words[0]);
  for (int i = 0; i < 1000; ++i) {
    unsigned port = 0;
    if (std::ifstream(port_file) >> port) {
      port_ = static_cast<std::uint16_t>(port);
      return;
    }
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error(words[0] + " ended at once");
    }
    poll(nullptr, 0, 10);  // for another process there is nothing to wait on
  }
  stop();
  throw std::runtime_error(words[0] + " does not listen");
}

FakeServerProcess::~FakeServerProcess() {
  stop();
}

void FakeServerProcess::stop() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
}

void FakeServerProcess::control(std::string const& json) const {
  ask(port_, "POST /__control HTTP/1.1\r\nHost: fake\r\nConnection: close\r\nContent-Length: " +
                 std::to_string(json.size()) + "\r\n\r\n" + json);
}

std::string FakeServerProcess::stats() const {
  return ask(port_, "GET /__control/stats HTTP/1.1\r\nHost: fake\r\nConnection: close\r\n\r\n");
}

}  // namespace b2b::test
