# Interface target with the settings that every target of this project is compiled with.
add_library(b2b_settings INTERFACE)
target_include_directories(b2b_settings INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(b2b_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  -Woverloaded-virtual -Wcast-align $<$<BOOL:${B2B_WARNINGS_AS_ERRORS}>:-Werror>)
target_compile_definitions(b2b_settings INTERFACE B2B_VERSION="${PROJECT_VERSION}" _FILE_OFFSET_BITS=64)

if(B2B_SANITIZE)
  # GCC follows the code that the sanitizers add and warns about the standard library's own headers.
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(b2b_settings INTERFACE -Wno-maybe-uninitialized)
  endif()
  add_compile_options(-fsanitize=${B2B_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${B2B_SANITIZE})
endif()
if(B2B_FUZZ)
  # Only our own code is instrumented for coverage; the fuzz targets add -fsanitize=fuzzer when they link.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(B2B_CCACHE ccache)
if(B2B_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${B2B_CCACHE})
endif()
find_program(B2B_MOLD ld.mold)
if(B2B_MOLD AND NOT B2B_SANITIZE AND NOT B2B_FUZZ)
  add_link_options(-fuse-ld=mold)
endif()

# b2b_layer(NAME SOURCES... DEPENDS targets...): one static library per layer, so that the linker keeps the direction.
function(b2b_layer name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC b2b_settings ${arg_DEPENDS} PRIVATE ${arg_PRIVATE})
endfunction()
