#pragma once

#include <mpi.h>

#include <memory>
#include <string>

#include "weft/comm/mpi_doorbell.hpp"
#include "weft/comm/mpi_neighbours.hpp"

namespace weft::comm {

/// MPI from MPI_Init_thread to MPI_Finalize; made, used and destroyed by one thread, once in a
/// process.
class MpiSession {
 public:
  /// Throws Error{communication} when MPI runs or has run already in this process, or does not
  /// allow MPI_THREAD_SERIALIZED. `shares_memory` is equal on all ranks (WorldConfig).
  explicit MpiSession(bool shares_memory);
  /// Calls MPI_Finalize unless the session was abandoned.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// After a failure MPI_Finalize would wait for ranks that never come; the launcher cleans up.
  void abandon() {
    abandoned_ = true;
    doorbell_->abandon();
    neighbours_->abandon();
  }

  MPI_Comm comm() const { return comm_; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  /// Ranks on this machine, this one included.
  int local_size() const { return local_size_; }
  MpiDoorbell& doorbell() { return *doorbell_; }
  const MpiNeighbours& neighbours() const { return *neighbours_; }

 private:
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  int local_size_ = 1;
  std::unique_ptr<MpiDoorbell> doorbell_;
  std::unique_ptr<MpiNeighbours> neighbours_;
  bool abandoned_ = false;
};

/// "Open MPI v4.1.4"
std::string mpi_library_version();

}  // namespace weft::comm
