// Requests for single objects: put, get, head, copy, each within the limits of one request.
#pragma once

#include <optional>

#include "core/store/s3/client.h"

namespace b2b::s3 {

// A VerifiedSource is read once, as it is sent: its digest, which the signature covers, is known, and an MD5 would cost more than all else
// and find nothing more. Only a store that refuses that gets one. Other bodies are read twice.
Result<ObjectInfo> put_object(Client& client, std::string const& key, ByteSource const& body,
                              std::stop_token const& stop);

Result<ObjectInfo> get_object(Client& client, std::string const& key, std::optional<ByteRange> range,
                              ByteSink& sink, std::stop_token const& stop);

Result<ObjectInfo> head_object(Client& client, std::string const& key, std::stop_token const& stop);

// The same of one version; `version_id` empty: the newest.
Result<ObjectInfo> get_object_version(Client& client, std::string const& key, std::string const& version_id, std::optional<ByteRange> range,
                                      ByteSink& sink, std::stop_token const& stop);

// `source` is what head_object said of the object to copy; its ETag is the condition.
Result<void> copy_object(Client& client, ObjectInfo const& source, std::string const& to,
                         std::stop_token const& stop);

// Value of x-amz-copy-source.
std::string copy_source(std::string const& bucket, std::string const& key);

// The check of an answer whose status came before its outcome: a 200 whose body is an <Error> is an error.
Result<void> check_late_error(Answer const& answer, About const& about);

}  // namespace b2b::s3
