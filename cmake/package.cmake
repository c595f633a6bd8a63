# Packages (docs/packages.md): `cpack -G DEB` the component debian, laid out as Debian wants it; `cpack -G TGZ` the component archive, a
# folder that runs from anywhere and whose scripts/install puts it in place. scripts/package makes both.
set(B2B_MAINTAINER "The b2backupd authors <b2backupd@localhost>" CACHE STRING "Who answers for the packages")
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY TRUE)  # packages do not need the tests
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
find_program(B2B_GZIP gzip)
if(NOT CMAKE_SYSTEM_NAME STREQUAL Linux OR NOT B2B_GZIP)
  return()
endif()

set(made ${CMAKE_BINARY_DIR}/package)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)

# --- debian
# b2b_unit(SOURCE DESTINATION): with what scripts/install fills in, filled in for /usr.
function(b2b_unit source destination)
  get_filename_component(name ${source} NAME)
  file(READ ${source} text)
  string(REPLACE "@bindir@" "/usr/bin" text "${text}")
  string(REPLACE "@docdir@" "/usr/share/doc/b2backupd" text "${text}")
  file(CONFIGURE OUTPUT ${made}/${destination}/${name} CONTENT "${text}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${source})
  install(FILES ${made}/${destination}/${name} DESTINATION ${destination} COMPONENT debian)
endfunction()

# b2b_compressed(SOURCE NAME DESTINATION): as Debian wants pages and changelogs.
function(b2b_compressed source name destination)
  set(output ${made}/${destination}/${name}.gz)
  get_filename_component(folder ${output} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  add_custom_command(OUTPUT ${output} COMMAND ${B2B_GZIP} -9nc ${source} > ${output} DEPENDS ${source} ${B2B_PAGES}/made VERBATIM)
  set_property(GLOBAL APPEND PROPERTY B2B_COMPRESSED ${output})
  install(FILES ${output} DESTINATION ${destination} COMPONENT debian)
endfunction()

install(TARGETS b2backupd daemonctl RUNTIME DESTINATION bin COMPONENT debian)
b2b_unit(systemd/b2backupd.service lib/systemd/user)
b2b_unit(systemd/b2backupd@.service lib/systemd/user)
b2b_unit(systemd/system/b2backupd@.service lib/systemd/system)
set(example systemd/b2backupd.service.d/credentials.conf.example)
install(FILES ${example} DESTINATION lib/systemd/user/b2backupd.service.d COMPONENT debian)
install(FILES ${example} DESTINATION lib/systemd/system/b2backupd@.service.d COMPONENT debian)

set(documents share/doc/b2backupd)
file(GLOB pages CONFIGURE_DEPENDS docs/*.md)
install(FILES ${pages} config/config.example.json5 DESTINATION ${documents} COMPONENT debian)
install(DIRECTORY gateway-plugin/ DESTINATION share/b2backupd/gateway-plugin COMPONENT debian
  FILES_MATCHING PATTERN "*.js" PATTERN "*.json" PATTERN "README.md" PATTERN "node_modules" EXCLUDE)
b2b_compressed(${B2B_PAGES}/man/daemonctl.1 daemonctl.1 share/man/man1)
b2b_compressed(${B2B_PAGES}/man/b2backupd.8 b2backupd.8 share/man/man8)
b2b_compressed(${B2B_PAGES}/man/b2backupd-config.5 b2backupd-config.5 share/man/man5)
foreach(program b2backupd daemonctl)
  install(FILES ${B2B_PAGES}/bash/${program} DESTINATION share/bash-completion/completions COMPONENT debian)
  install(FILES ${B2B_PAGES}/zsh/_${program} DESTINATION share/zsh/vendor-completions COMPONENT debian)
  install(FILES ${B2B_PAGES}/fish/${program}.fish DESTINATION share/fish/vendor_completions.d COMPONENT debian)
  install(FILES ${B2B_PAGES}/powershell/${program}.ps1 DESTINATION share/b2backupd/completions COMPONENT debian)
endforeach()

file(READ LICENSE license)
string(REGEX REPLACE "^MIT License\n+Copyright[^\n]*\n+" "" license "${license}")
string(REGEX REPLACE "\n+$" "" license "${license}")
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REPLACE "\n" "\n " license " ${license}")
configure_file(packaging/debian/copyright.in ${made}/copyright @ONLY)
install(FILES ${made}/copyright DESTINATION ${documents} COMPONENT debian)
execute_process(COMMAND date -u -R -d ${B2B_RELEASE_DATE} OUTPUT_VARIABLE release_time OUTPUT_STRIP_TRAILING_WHITESPACE)
configure_file(packaging/debian/changelog.in ${made}/changelog.Debian @ONLY)
b2b_compressed(${made}/changelog.Debian changelog.Debian ${documents})
b2b_compressed(${CMAKE_SOURCE_DIR}/CHANGELOG.md changelog ${documents})

# --- archive: as the sources are laid out, with programs and pages made
install(TARGETS b2backupd daemonctl RUNTIME DESTINATION bin COMPONENT archive)
install(DIRECTORY ${B2B_PAGES}/ DESTINATION pages COMPONENT archive PATTERN "made" EXCLUDE)
install(DIRECTORY docs config systemd DESTINATION . COMPONENT archive)
install(DIRECTORY gateway-plugin DESTINATION . COMPONENT archive
  FILES_MATCHING PATTERN "*.js" PATTERN "*.json" PATTERN "README.md" PATTERN "node_modules" EXCLUDE)
install(FILES README.md LICENSE CHANGELOG.md DESTINATION . COMPONENT archive)
install(PROGRAMS scripts/install scripts/uninstall DESTINATION scripts COMPONENT archive)
install(FILES scripts/lib/places.sh DESTINATION scripts/lib COMPONENT archive)

get_property(compressed GLOBAL PROPERTY B2B_COMPRESSED)
add_custom_target(package-files ALL DEPENDS b2backupd daemonctl pages ${compressed})  # what cpack takes

file(READ packaging/debian/description description)
set(CPACK_PACKAGE_NAME b2backupd)
set(CPACK_PACKAGE_VENDOR "The b2backupd authors")
set(CPACK_PACKAGE_CONTACT "${B2B_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGE_FILE_NAME b2backupd-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES TRUE)
set(CPACK_COMPONENTS_ALL debian archive)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_SOURCE_DIR}/cmake/package_generator.cmake)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_ARCHIVE_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "${description}")
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# /bin/kill, which the units reload with; what the programs are linked with is added to it.
set(CPACK_DEBIAN_PACKAGE_DEPENDS procps)
# Stores are reached over TLS, and schedules have time zones; a directory on this machine needs neither.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, tzdata")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "systemd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${CMAKE_SOURCE_DIR}/packaging/debian/postinst" "${CMAKE_SOURCE_DIR}/packaging/debian/prerm"
  "${CMAKE_SOURCE_DIR}/packaging/debian/postrm")
include(CPack)
