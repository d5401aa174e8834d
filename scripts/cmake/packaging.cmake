# SPDX-License-Identifier: BSD-2-Clause
# What `cmake --install` puts where: the tool, the library, its headers by box, and what finds them, a pkg-config file
# and a CMake package. Included after the targets exist.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/xdemux)

install(TARGETS xdemux EXPORT xdemuxTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

install(FILES ${PROJECT_SOURCE_DIR}/bpf/include/xdemux/contract.h ${PROJECT_SOURCE_DIR}/bpf/include/xdemux/flow_layout.h
              ${PROJECT_SOURCE_DIR}/bpf/include/xdemux/oracle.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/xdemux)
foreach(box base policy kernel ops)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/loader/${box}/include/xdemux/${box}
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/xdemux FILES_MATCHING PATTERN "*.h")
endforeach()

install(DIRECTORY ${PROJECT_SOURCE_DIR}/loader/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The tool is the one executable of ctl/, whatever its target is called: "xdemux" is the library's.
get_property(ctl_targets DIRECTORY ${PROJECT_SOURCE_DIR}/ctl PROPERTY BUILDSYSTEM_TARGETS)
foreach(target ${ctl_targets})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    if(BUILD_SHARED_LIBS)
      set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    endif()
    install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()

# A static library passes on what it links; a shared one keeps it to itself, but for what its headers use.
set(pc_requires "fmt")
set(pc_requires_private "libbpf >= 1.1, libnl-route-3.0, libpcap")
if(NOT BUILD_SHARED_LIBS)
  string(APPEND pc_requires ", ${pc_requires_private}")
  set(pc_requires_private "")
endif()
file(RELATIVE_PATH pc_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" pc_to_prefix ${pc_to_prefix})
configure_file(${CMAKE_CURRENT_LIST_DIR}/xdemux.pc.in ${PROJECT_BINARY_DIR}/xdemux.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/xdemux.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(EXPORT xdemuxTargets NAMESPACE xdemux:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/xdemuxConfig.cmake.in ${PROJECT_BINARY_DIR}/xdemuxConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/xdemuxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/xdemuxConfig.cmake ${PROJECT_BINARY_DIR}/xdemuxConfigVersion.cmake
        DESTINATION ${package_dir})
