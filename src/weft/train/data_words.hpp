#pragma once

#include <string>
#include <vector>

namespace weft::train {

/// The data sets of a run as the words of --data-path and its siblings.
struct DataWords {
  std::vector<std::string> blend;  ///< shared by all splits
  std::vector<std::string> train;
  std::vector<std::string> valid;
  std::vector<std::string> test;
};

/// The words of --data-args-path's file, separated by white space. Throws Error{usage} when it
/// cannot be read.
DataWords read_data_args(const std::string& path);

/// --per-split-data-args-path: {"train": [...], "valid": [...], "test": [...]}, each a list of
/// texts or null. Throws Error{usage} when the file cannot be read or says anything else.
DataWords read_per_split_data_args(const std::string& path);

}  // namespace weft::train
