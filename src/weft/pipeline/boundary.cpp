#include "weft/pipeline/boundary.hpp"

#include <cassert>
#include <utility>

namespace weft::pipeline {

Handover::Handover(const BoundaryTensor& tensor, size_t num_buffers, MemoryResource& memory)
    : places_(num_buffers) {
  for (Place& place : places_) place.buffer = Buffer(tensor.size_bytes(), memory);
}

void Handover::send(int64_t microbatch, Buffer& full) {
  assert(is_free(microbatch));
  Place& place = at(microbatch);
  std::swap(place.buffer, full);
  place.microbatch = microbatch;
}

void Handover::take(int64_t microbatch, Buffer& empty) {
  assert(has_arrived(microbatch));
  Place& place = at(microbatch);
  std::swap(place.buffer, empty);
  place.microbatch = -1;
}

}  // namespace weft::pipeline
