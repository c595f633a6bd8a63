# What the project stands on; docs/decisions/0001-dependencies.md says why each is here.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(OpenSSL 3.0 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(zstd 1.5 REQUIRED)
if(NOT TARGET zstd::libzstd)  # older packages name the two forms only
  add_library(zstd::libzstd ALIAS zstd::libzstd_shared)
endif()
find_package(CLI11 2.1 REQUIRED)
if(B2B_BUILD_TESTS)
  find_package(Catch2 2.13 REQUIRED)
endif()
