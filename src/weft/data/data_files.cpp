#include "weft/data/data_files.hpp"

#include <algorithm>

#include "weft/data/blending.hpp"
#include "weft/data/indexed_dataset.hpp"

namespace weft::data {

std::vector<DataFileSize> measure_data_files(const DataConfig& config) {
  std::vector<DataFileSize> sizes;
  for (const auto* path : {&config.data_path, &config.train_data_path, &config.valid_data_path,
                           &config.test_data_path}) {
    for (const std::string& prefix : parse_blend(*path).prefixes) {
      if (std::ranges::find(sizes, prefix, &DataFileSize::prefix) != sizes.end()) continue;
      const IndexedDataset dataset(prefix);
      sizes.push_back(
          {.prefix = prefix, .documents = dataset.num_documents(), .tokens = dataset.num_tokens()});
    }
  }
  return sizes;
}

}  // namespace weft::data
