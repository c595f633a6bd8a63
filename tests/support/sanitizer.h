// Are we built with a sanitizer? They keep freed memory and slow everything down: figures are not judged under them, and what is random
// takes fewer rounds.
#pragma once

namespace b2b::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define B2B_UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(B2B_UNDER_SANITIZER)
inline constexpr bool under_sanitizer = true;
#else
inline constexpr bool under_sanitizer = false;
#endif

}  // namespace b2b::test
