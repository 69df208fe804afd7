#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace weft::comm {

/// The messages of one operation that complete together. Everything in it is guarded by the lock
/// of the endpoint that posted them; it must stay where it is until Endpoint::wait or
/// Endpoint::settle has returned.
struct Batch {
  struct Item {
    int peer = 0;
    bool is_send = false;
    bool done = false;
  };

  std::vector<Item> items;
  size_t pending = 0;
  std::string fault;  ///< why the operation cannot complete; empty while it can

  size_t add(int peer, bool is_send) {
    items.push_back({peer, is_send, false});
    ++pending;
    return items.size() - 1;
  }
  void finish(size_t item) {
    if (items[item].done) return;
    items[item].done = true;
    --pending;
  }
  void finish_all() {
    for (size_t item = 0; item < items.size(); ++item) finish(item);
  }
  void clear() {
    items.clear();
    pending = 0;
    fault.clear();
  }
};

}  // namespace weft::comm
