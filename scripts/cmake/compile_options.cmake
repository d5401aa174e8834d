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

# Most of the time of a small file goes into the same few headers.
option(XDEMUX_PRECOMPILE "precompile common headers: a third faster from nothing, but ccache then remembers nothing" OFF)
function(xdemux_precompile target)
  if(XDEMUX_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()

# Of a test, gmock takes the most. For them alone: in CI the library and the tool are built for release as everybody
# builds them, so that a file that forgets an include is found.
option(XDEMUX_PRECOMPILE_TESTS "precompile what most tests include: a third faster from nothing" OFF)
function(xdemux_precompile_tests target)
  if(XDEMUX_PRECOMPILE OR XDEMUX_PRECOMPILE_TESTS)
    target_precompile_headers(${target} PRIVATE <algorithm> <optional> <string> <vector> <fmt/format.h> <gmock/gmock.h>
                                                         <gtest/gtest.h> ${ARGN})
  endif()
endfunction()

find_program(CCACHE ccache)
if(CCACHE AND NOT XDEMUX_PRECOMPILE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
