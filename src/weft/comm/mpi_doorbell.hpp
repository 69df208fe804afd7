#pragma once

#include <mpi.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace weft::comm {

/// Wakes the communication threads of ranks on this machine: a counter per rank in memory that the
/// processes share, and a futex on it. MPI itself can only be polled. Made and destroyed by the
/// thread that makes the MPI calls; the other functions make none and may be called by any.
class MpiDoorbell {
 public:
  /// `local` has this machine's ranks of `world`; all of them call it.
  MpiDoorbell(MPI_Comm world, MPI_Comm local);
  ~MpiDoorbell();
  MpiDoorbell(const MpiDoorbell&) = delete;
  MpiDoorbell& operator=(const MpiDoorbell&) = delete;

  /// Wakes the thread of a rank; does nothing for ranks of other machines.
  void ring(int rank);
  void ring_self();

  /// How often this rank's bell has been rung.
  uint32_t count() const;
  /// Sleeps until the bell has been rung more often than `seen`, at most `longest`.
  void sleep(uint32_t seen, std::chrono::nanoseconds longest);

  /// Leaves the memory to the end of the process, after a failure.
  void abandon() { abandoned_ = true; }

 private:
  struct alignas(64) Bell {
    std::atomic<uint32_t> count;
    std::atomic<uint32_t> is_asleep;
  };

  static void ring(Bell& bell);

  MPI_Win window_ = MPI_WIN_NULL;
  Bell* own_ = nullptr;
  std::vector<Bell*> bells_;  // by rank of the world; null on other machines
  bool abandoned_ = false;
};

}  // namespace weft::comm
