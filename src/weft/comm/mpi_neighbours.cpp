#include "weft/comm/mpi_neighbours.hpp"

#include "weft/base/error.hpp"

namespace weft::comm {

MpiNeighbours::MpiNeighbours(MPI_Comm world, MPI_Comm local, bool shares_memory) {
  int world_size = 0;
  int world_rank = 0;
  int local_size = 0;
  MPI_Comm_size(world, &world_size);
  MPI_Comm_rank(world, &world_rank);
  MPI_Comm_size(local, &local_size);
  views_.resize(static_cast<size_t>(world_size));
  reads_own_.assign(static_cast<size_t>(world_size), 0);
  if (!shares_memory || local_size == 1) return;

  struct Card {
    SharedMemoryAddress address;
    int64_t rank;
  };
  Card own_card{.address = {}, .rank = world_rank};
  try {
    own_ = std::make_unique<SharedMemory>();
    own_card.address = own_->address();
  } catch (const Error&) {
    // Payloads travel as between machines.
  }
  std::vector<Card> cards(static_cast<size_t>(local_size));
  MPI_Allgather(&own_card, sizeof(Card), MPI_BYTE, cards.data(), sizeof(Card), MPI_BYTE, local);
  std::vector<char> can_read(cards.size());
  for (size_t i = 0; i < cards.size(); ++i) {
    if (cards[i].rank == world_rank) continue;
    auto& view = views_[static_cast<size_t>(cards[i].rank)];
    view = SharedMemoryView::open(cards[i].address);
    can_read[i] = view != nullptr;
  }
  std::vector<char> reads_own(cards.size());
  MPI_Alltoall(can_read.data(), 1, MPI_CHAR, reads_own.data(), 1, MPI_CHAR, local);
  for (size_t i = 0; i < cards.size(); ++i) {
    reads_own_[static_cast<size_t>(cards[i].rank)] = reads_own[i];
  }
}

SharedMemory* MpiNeighbours::memory_for(int rank) const {
  return reads_own_[static_cast<size_t>(rank)] != 0 ? own_.get() : nullptr;
}

SharedMemoryView* MpiNeighbours::memory_of(int rank) const {
  return views_[static_cast<size_t>(rank)].get();
}

}  // namespace weft::comm
