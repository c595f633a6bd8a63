#include "core/util/worker_pool.h"

#include <atomic>
#include <latch>
#include <random>
#include <set>

#include "tests/support/catch.h"

using namespace b2b;

TEST_CASE("a pool runs every task before wait returns") {
  std::atomic<int> done{0};
  WorkerPool pool(4, 3);
  pool.wait();  // with nothing to do
  for (int round = 1; round <= 3; ++round) {
    for (int i = 0; i < 500; ++i) pool.submit([&] { ++done; });
    pool.wait();
    CHECK(done == 500 * round);
  }
}

TEST_CASE("a pool runs what is queued before it goes") {
  std::atomic<int> done{0};
  {
    WorkerPool pool(2, 100);
    for (int i = 0; i < 100; ++i) pool.submit([&] { ++done; });
  }
  CHECK(done == 100);
}

TEST_CASE("tasks run at the same time, on threads of the pool") {
  // Each task waits for all the others: with fewer threads than told this would never end.
  WorkerPool pool(3, 3);
  std::latch all(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (int i = 0; i < 3; ++i)
    pool.submit([&] {
      all.arrive_and_wait();
      std::scoped_lock lock(mutex);
      threads.insert(std::this_thread::get_id());
    });
  pool.wait();
  CHECK(threads.size() == 3);
  CHECK(threads.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("submit blocks while the queue is full") {
  WorkerPool pool(1, 2);
  std::latch started(1);
  std::latch release(1);
  pool.submit([&] {
    started.count_down();
    release.wait();
  });
  started.wait();
  std::atomic<int> submitted{0};
  std::thread producer([&] {
    for (int i = 0; i < 5; ++i) {
      pool.submit([] {});
      ++submitted;
    }
  });
  while (submitted < 2) std::this_thread::yield();
  CHECK(submitted == 2);  // two wait in the queue, the third cannot get in before the first task ends
  release.count_down();
  producer.join();
  pool.wait();
  CHECK(submitted == 5);
}

TEST_CASE("what a task captured is gone when wait returns") {
  auto const shared = std::make_shared<int>(1);
  WorkerPool pool(2, 2);
  for (int i = 0; i < 50; ++i) {
    pool.submit([shared] {});
    pool.wait();
    REQUIRE(shared.use_count() == 1);
  }
}

TEST_CASE("several threads submit and wait") {
  std::atomic<int> done{0};
  WorkerPool pool(3, 2);
  std::vector<std::thread> producers;
  for (int p = 0; p < 4; ++p)
    producers.emplace_back([&] {
      for (int i = 0; i < 200; ++i) pool.submit([&] { ++done; });
      pool.wait();
    });
  for (auto& producer : producers) producer.join();
  pool.wait();
  CHECK(done == 800);
}

TEST_CASE("a budget never lends more than it has") {
  auto const seed = std::random_device{}();
  INFO("seed " << seed);
  constexpr std::uint64_t limit = 100;
  ByteBudget budget(limit);
  std::atomic<std::uint64_t> held{0};
  std::atomic<bool> exceeded{false};
  std::stop_source const stop;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int i = 0; i < 300; ++i) {
        std::uint64_t const bytes = random() % (limit + 1);
        if (!budget.take(bytes, stop.get_token())) exceeded = true;
        if ((held += bytes) > limit) exceeded = true;
        held -= bytes;
        budget.give_back(bytes);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(exceeded);
}

TEST_CASE("a request larger than the budget goes through alone") {
  ByteBudget budget(10);
  std::stop_source const stop;
  REQUIRE(budget.take(4, stop.get_token()));
  std::atomic<bool> big_has_it{false};
  std::thread big([&] {
    big_has_it = budget.take(25, stop.get_token());
  });
  CHECK_FALSE(big_has_it);
  budget.give_back(4);
  big.join();
  CHECK(big_has_it);
  std::atomic<bool> small_has_it{false};
  std::thread small([&] {
    small_has_it = budget.take(1, stop.get_token());
  });
  CHECK_FALSE(small_has_it);
  budget.give_back(25);
  small.join();
  CHECK(small_has_it);
  budget.give_back(1);
}

TEST_CASE("a stop ends the waiting for a budget") {
  ByteBudget budget(10);
  std::stop_source stop;
  REQUIRE(budget.take(10, stop.get_token()));
  bool taken = true;
  std::thread waiter([&] { taken = budget.take(1, stop.get_token()); });
  stop.request_stop();
  waiter.join();
  CHECK_FALSE(taken);
  budget.give_back(10);
  CHECK_FALSE(budget.take(1, stop.get_token()));  // stopped is stopped, even with room
}
