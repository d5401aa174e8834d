// SPDX-License-Identifier: BSD-2-Clause
// How the functions for C say what went wrong: a number, and a sentence in the caller's memory. Private to this box.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <string_view>

#include <xdemux/base/error.h>

namespace xdemux {

/// Where the sentence of a failure goes.
struct Message {
    char* text;
    std::size_t size;

    void set(std::string_view sentence) const {
        if (text == nullptr || size == 0) return;
        const std::size_t length = std::min(sentence.size(), size - 1);
        std::memcpy(text, sentence.data(), length);
        text[length] = '\0';
    }
};

/// Runs `work`, and makes of what it says, or throws, a number and a sentence.
template <typename Work>
int guarded(const Message& message, Work&& work) {
    try {
        const Status done = work();
        if (done) return 0;
        message.set(done.error().message());
        return static_cast<int>(done.error().kind());
    } catch (const std::exception& error) {
        message.set(error.what());
    }
    return static_cast<int>(ErrorKind::failed);
}

}  // namespace xdemux
