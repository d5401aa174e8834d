# SPDX-License-Identifier: BSD-2-Clause
# The one place for language level, warnings and sanitizers; a box inherits them all.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Line numbers are what a backtrace needs; all of the types of CLI11 and nlohmann-json double the time of a build.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g")

# Where nothing is hot, a third of the build's time buys more than the last optimizations: add_compile_options(${XDEMUX_QUICK_BUILD}).
set(XDEMUX_QUICK_BUILD $<$<CONFIG:RelWithDebInfo>:-O1>)

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
                    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>)

set(XDEMUX_SANITIZE "" CACHE STRING "sanitizers to build with, e.g. address,undefined")
if(XDEMUX_SANITIZE)
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
  add_compile_options(-fsanitize=${XDEMUX_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${XDEMUX_SANITIZE})
endif()

# Most of the time of a small file goes into headers and templates that the next one has too. The library and the tool
# are compiled file by file for release, so that one that forgets an include is found; sanitizers and tests several files
# at once, so a name in an anonymous namespace is a box's, not a file's. Off: -DXDEMUX_TOGETHER=1.
set(XDEMUX_TOGETHER 8 CACHE STRING "how many files of tests, and with sanitizers of all, are compiled as one")
set(CMAKE_UNITY_BUILD_BATCH_SIZE ${XDEMUX_TOGETHER})
if(XDEMUX_SANITIZE AND XDEMUX_TOGETHER GREATER 1)
  set(CMAKE_UNITY_BUILD ON)
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
