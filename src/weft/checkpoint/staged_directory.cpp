#include "weft/checkpoint/staged_directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::checkpoint {
namespace fs = std::filesystem;

namespace {

constexpr int kMaxRemovals = 100;

/// Makes the names in `directory` survive a power failure. File systems that cannot are no error.
void sync_directory(const fs::path& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  fsync(fd);
  close(fd);
}

bool rename_path(const fs::path& from, const fs::path& to) {
  return std::rename(from.c_str(), to.c_str()) == 0;
}

}  // namespace

StagedDirectory::StagedDirectory(fs::path path)
    : final_(std::move(path)), temporary_(final_.string() + fmt::format(".tmp-{}", getpid())) {
  std::error_code error;
  // A killed process with the same id may have left its own.
  fs::remove_all(temporary_, error);
  fs::create_directories(temporary_, error);
  check(!error, ErrorKind::checkpoint, "cannot create {} ({})", temporary_.string(),
        error.message());
}

StagedDirectory::~StagedDirectory() {
  // When one rank fails, others may still add files: each can get in the way once.
  std::error_code error;
  for (int tries = 0; tries < kMaxRemovals; ++tries) {
    fs::remove_all(temporary_, error);
    if (!error) return;
  }
}

void StagedDirectory::commit() {
  sync_directory(temporary_);
  const bool renamed = rename_path(temporary_, final_) ||
                       ((errno == ENOTEMPTY || errno == EEXIST) && replace_existing());
  check(renamed, ErrorKind::checkpoint, "cannot rename {} to {} ({})", temporary_.string(),
        final_.string(), std::strerror(errno));
  sync_directory(final_.parent_path());
}

bool StagedDirectory::replace_existing() const {
  // One atomic step where the file system has it; the destructor then removes the old directory.
  if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, final_.c_str(), RENAME_EXCHANGE) == 0) {
    return true;
  }
  const fs::path old = final_.string() + fmt::format(".old-{}", getpid());
  if (!rename_path(final_, old)) return false;
  if (!rename_path(temporary_, final_)) {
    const int reason = errno;
    rename_path(old, final_);
    errno = reason;
    return false;
  }
  std::error_code ignored;
  fs::remove_all(old, ignored);
  return true;
}

}  // namespace weft::checkpoint
