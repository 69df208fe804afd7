#include "weft/comm/mpi_requests.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "weft/base/error.hpp"

namespace weft::comm {

namespace {

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  fail(ErrorKind::communication, "{} failed: {}", call,
       std::string(text.data(), static_cast<size_t>(length)));
}

/// Calls `post(offset, bytes)` for every message of a transfer; a transfer of nothing is a message
/// too. Returns their number.
template <typename Post>
int for_each_message(int64_t bytes, int64_t max_message_bytes, Post post) {
  int count = 0;
  int64_t offset = 0;
  do {
    const int64_t part = std::min(bytes - offset, max_message_bytes);
    post(offset, static_cast<int>(part));
    offset += part;
    ++count;
  } while (offset < bytes);
  return count;
}

}  // namespace

void MpiRequests::send(const std::byte* data, int64_t bytes, int to, int tag,
                       std::function<void()> done) {
  const auto left = std::make_shared<int>(0);
  *left = for_each_message(bytes, max_message_bytes_, [&](int64_t offset, int part) {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Isend(data + offset, part, MPI_BYTE, to, tag, comm_, &request), "MPI_Isend");
    requests_.push_back(request);
    active_.push_back({.done =
                           [left, done] {
                             if (--*left == 0 && done) done();
                           },
                       .heard = nullptr});
  });
}

void MpiRequests::receive(std::byte* data, int64_t bytes, int from, int tag,
                          std::function<void()> done) {
  const auto left = std::make_shared<int>(0);
  *left = for_each_message(bytes, max_message_bytes_, [&](int64_t offset, int part) {
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Irecv(data + offset, part, MPI_BYTE, from, tag, comm_, &request), "MPI_Irecv");
    requests_.push_back(request);
    active_.push_back({.done =
                           [left, done] {
                             if (--*left == 0) done();
                           },
                       .heard = nullptr});
  });
}

void MpiRequests::send_whole(const std::byte* data, int64_t bytes, int to, int tag,
                             std::function<void()> done) {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Isend(data, static_cast<int>(bytes), MPI_BYTE, to, tag, comm_, &request),
            "MPI_Isend");
  requests_.push_back(request);
  active_.push_back({.done = std::move(done), .heard = nullptr});
}

void MpiRequests::receive_any(std::byte* data, int64_t bytes, int tag,
                              std::function<void(int from, int64_t bytes)> done) {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(
      MPI_Irecv(data, static_cast<int>(bytes), MPI_BYTE, MPI_ANY_SOURCE, tag, comm_, &request),
      "MPI_Irecv");
  requests_.push_back(request);
  active_.push_back({.done = nullptr, .heard = std::move(done)});
}

int MpiRequests::poll() {
  if (requests_.empty()) return 0;
  indices_.resize(requests_.size());
  statuses_.resize(requests_.size());
  int count = 0;
  check_mpi(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count,
                         indices_.data(), statuses_.data()),
            "MPI_Testsome");
  if (count == MPI_UNDEFINED || count == 0) return 0;
  struct Completed {
    Active active;
    int from;
    int bytes;
  };
  std::vector<Completed> completed;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    int bytes = 0;
    MPI_Get_count(&statuses_[i], MPI_BYTE, &bytes);
    completed.push_back(
        {std::move(active_[static_cast<size_t>(indices_[i])]), statuses_[i].MPI_SOURCE, bytes});
  }
  // Completed requests are null now; keep the others in their order, then run what may add more.
  size_t kept = 0;
  for (size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] == MPI_REQUEST_NULL) continue;
    if (kept != i) {
      requests_[kept] = requests_[i];
      active_[kept] = std::move(active_[i]);
    }
    ++kept;
  }
  requests_.resize(kept);
  active_.resize(kept);
  for (Completed& one : completed) {
    if (stopped_) break;
    if (one.active.done) one.active.done();
    if (one.active.heard) one.active.heard(one.from, one.bytes);
  }
  return count;
}

bool MpiRequests::only_listens() const {
  return std::ranges::all_of(active_, [](const Active& one) { return one.heard != nullptr; });
}

void MpiRequests::cancel_receives() {
  for (size_t i = 0; i < requests_.size(); ++i) {
    if (!active_[i].heard) continue;
    MPI_Cancel(&requests_[i]);
    MPI_Request_free(&requests_[i]);
  }
  requests_.clear();
  active_.clear();
}

}  // namespace weft::comm
