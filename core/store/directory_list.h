// Lists the files below a folder as objects, in byte order of their whole keys.
//
// The order of names in one folder is not the order of keys: 'a-b' and 'a.b' sort before 'a/c' although 'a'
// is shorter. So the names of one folder are sorted with '/' after those of folders, and folders are entered
// one after the other; memory is bounded by the names in the folders from the root to the current one, not by
// the number of objects. Nothing is read that lies outside the prefix or wholly before start_after, and with
// a delimiter only as much of a folder as shows that it holds an object at all: empty folders do not exist
// for a reader of keys.
//
// Symbolic links, special files, names that are no valid keys and the temporary folder are left out. What
// vanishes during the listing is left out too; a folder that may not be read is an error, never silently
// absent.
#pragma once

#include <functional>
#include <stop_token>

#include "core/store/directory_files.h"
#include "core/store/store.h"

namespace b2b::directory {

Result<void> list(Bucket const& bucket, ListOptions const& options,
                  std::function<bool(ListEntry const&)> const& visit, std::stop_token const& stop);

// When an object came to be. A file with several names has the time of the first; the folder's own time (its
// last change) is then the better answer, and never too old.
TimePoint modified_time(struct stat const& file, TimePoint folder_modified);

}  // namespace b2b::directory
