#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/data/data_config.hpp"

namespace weft::data {

/// What one data set on disk holds.
struct DataFileSize {
  std::string prefix;
  int64_t documents = 0;
  int64_t tokens = 0;
};

/// Opens and checks every data set that `config` names, without building an index of samples: each
/// prefix once, in the order of the flags. Throws as IndexedDataset and parse_blend do.
std::vector<DataFileSize> measure_data_files(const DataConfig& config);

}  // namespace weft::data
