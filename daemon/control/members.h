// Members of an answer (daemon/jobs/members.h), by their short names here.
#pragma once

#include "daemon/jobs/members.h"

namespace b2b::daemonctl {

using jobs::as_object;
using jobs::as_text;
using jobs::count_of;
using jobs::counted;
using jobs::flag_of;
using jobs::has_value;
using jobs::list_of;
using jobs::number_of;
using jobs::object_of;
using jobs::real_of;
using jobs::text_of;

}  // namespace b2b::daemonctl
