# SPDX-License-Identifier: BSD-2-Clause
# Everything that comes from the distribution, found once.
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf>=1.1)
pkg_check_modules(LIBNL_ROUTE REQUIRED IMPORTED_TARGET libnl-route-3.0)
pkg_check_modules(LIBPCAP REQUIRED IMPORTED_TARGET libpcap)
pkg_check_modules(CAIRO REQUIRED IMPORTED_TARGET cairo cairo-svg)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(TL_EXPECTED_INCLUDE tl/expected.hpp REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
find_program(BPF_CLANG NAMES clang clang-14 clang-15 clang-16 REQUIRED)

add_library(tl_expected INTERFACE)
target_include_directories(tl_expected SYSTEM INTERFACE $<BUILD_INTERFACE:${TL_EXPECTED_INCLUDE}>)
