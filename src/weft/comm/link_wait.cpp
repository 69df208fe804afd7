#include "weft/comm/link_wait.hpp"

#include <algorithm>

namespace weft::comm {

bool LinkWait::wait(Endpoint::Clock::time_point until) {
  const auto any = [this] {
    return std::ranges::any_of(awaited_,
                               [](const LinkReceiver::Awaited& one) {
                                 return one.link->is_settled(one.microbatch);
                               }) ||
           std::ranges::any_of(leaving_, [](const LinkSender* link) { return link->is_settled(); });
  };
  return endpoint_.wait_until(
      any,
      [this](std::vector<Debt>& debts, double seconds) {
        for (const LinkReceiver::Awaited& one : awaited_) {
          one.link->add_debts(one.microbatch, debts, seconds);
        }
        for (const LinkSender* link : leaving_) link->add_debts(debts, seconds);
      },
      until);
}

}  // namespace weft::comm
