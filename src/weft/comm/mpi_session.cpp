#include "weft/comm/mpi_session.hpp"

#include <array>

#include "weft/base/error.hpp"

namespace weft::comm {

MpiSession::MpiSession(bool shares_memory) {
  int initialized = 0;
  MPI_Initialized(&initialized);
  check(initialized == 0, ErrorKind::communication, "MPI is in use in this process already");
  int provided = MPI_THREAD_SINGLE;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided) == MPI_SUCCESS,
        ErrorKind::communication, "MPI_Init_thread failed");
  MPI_Comm_dup(MPI_COMM_WORLD, &comm_);
  MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &size_);
  MPI_Comm local = MPI_COMM_NULL;
  MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &local);
  MPI_Comm_size(local, &local_size_);
  doorbell_ = std::make_unique<MpiDoorbell>(comm_, local);
  neighbours_ = std::make_unique<MpiNeighbours>(comm_, local, shares_memory);
  MPI_Comm_free(&local);
  check(provided >= MPI_THREAD_SERIALIZED, ErrorKind::communication,
        "this MPI supports thread level {}; expected at least MPI_THREAD_SERIALIZED ({})", provided,
        static_cast<int>(MPI_THREAD_SERIALIZED));
}

MpiSession::~MpiSession() {
  if (abandoned_) return;
  doorbell_.reset();
  MPI_Comm_free(&comm_);
  MPI_Finalize();
}

std::string mpi_library_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string version(text.data(), static_cast<size_t>(length));
  return version.substr(0, version.find_first_of(",\n"));
}

}  // namespace weft::comm
