// SPDX-License-Identifier: BSD-2-Clause
// What the targets that read text share. It knows no grammar.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

inline void require(bool holds, const std::string& what) {
    if (holds) return;
    std::fprintf(stderr, "%s\n", what.c_str());
    std::abort();
}

/// A refusal has words, and is one of usage.
template <typename T>
void check_refusal(const Result<T>& result, std::string_view text) {
    require(result || (result.error().kind() == ErrorKind::usage && !result.error().message().empty()),
            "refused in another way: " + std::string(text));
}

}  // namespace xdemux::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
