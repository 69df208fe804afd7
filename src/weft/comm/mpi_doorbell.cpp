#include "weft/comm/mpi_doorbell.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <new>

#include "weft/base/error.hpp"

namespace weft::comm {

static_assert(std::atomic<uint32_t>::is_always_lock_free, "counters are shared by processes");

namespace {

// The first place for a bell in a rank's share of the window. MPI aligns shares for numbers only;
// processes map the window at different pages, so that all of them find the same place.
void* place_in(void* share, size_t alignment, size_t bytes) {
  size_t space = 2 * bytes;
  return std::align(alignment, bytes, share, space);
}

}  // namespace

MpiDoorbell::MpiDoorbell(MPI_Comm world, MPI_Comm local) {
  int world_size = 0;
  int world_rank = 0;
  int local_size = 0;
  MPI_Comm_size(world, &world_size);
  MPI_Comm_rank(world, &world_rank);
  MPI_Comm_size(local, &local_size);
  void* memory = nullptr;
  const int code =
      MPI_Win_allocate_shared(2 * sizeof(Bell), 1, MPI_INFO_NULL, local, &memory, &window_);
  check(code == MPI_SUCCESS, ErrorKind::communication,
        "MPI gives no shared memory between the ranks of this machine");
  own_ = new (place_in(memory, alignof(Bell), sizeof(Bell))) Bell{};
  std::vector<int> ranks(static_cast<size_t>(local_size));
  MPI_Allgather(&world_rank, 1, MPI_INT, ranks.data(), 1, MPI_INT, local);  // all bells exist now
  bells_.assign(static_cast<size_t>(world_size), nullptr);
  for (int i = 0; i < local_size; ++i) {
    MPI_Aint bytes = 0;
    int unit = 0;
    void* bell = nullptr;
    MPI_Win_shared_query(window_, i, &bytes, &unit, static_cast<void*>(&bell));
    bells_[static_cast<size_t>(ranks[static_cast<size_t>(i)])] =
        static_cast<Bell*>(place_in(bell, alignof(Bell), sizeof(Bell)));
  }
}

MpiDoorbell::~MpiDoorbell() {
  if (!abandoned_) MPI_Win_free(&window_);
}

void MpiDoorbell::ring(Bell& bell) {
  bell.count.fetch_add(1);
  if (bell.is_asleep.load() != 0) {
    syscall(SYS_futex, &bell.count, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }
}

void MpiDoorbell::ring(int rank) {
  Bell* bell = bells_[static_cast<size_t>(rank)];
  if (bell != nullptr) ring(*bell);
}

void MpiDoorbell::ring_self() { ring(*own_); }

uint32_t MpiDoorbell::count() const { return own_->count.load(); }

void MpiDoorbell::sleep(uint32_t seen, std::chrono::nanoseconds longest) {
  const timespec time{.tv_sec = static_cast<time_t>(longest.count() / 1'000'000'000),
                      .tv_nsec = static_cast<long>(longest.count() % 1'000'000'000)};
  own_->is_asleep.store(1);
  // The kernel compares the count again: a ring after `seen` was read is never lost.
  syscall(SYS_futex, &own_->count, FUTEX_WAIT, seen, &time, nullptr, 0);
  own_->is_asleep.store(0);
}

}  // namespace weft::comm
