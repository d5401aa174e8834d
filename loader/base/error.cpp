// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <xdemux/base/error.h>

namespace xdemux {
namespace {

ErrorKind kind_of(int error_number) {
    switch (error_number) {
        case EPERM:
        case EACCES:
            return ErrorKind::not_permitted;
        case ENODEV:
        case ESRCH:
            return ErrorKind::not_found;
        case EBUSY:
            return ErrorKind::in_use;
        case EOPNOTSUPP:
        case ENOSYS:
            return ErrorKind::unsupported;
        default:
            return ErrorKind::failed;
    }
}

std::string reason_of(int error_number) {
    const char* text = strerrordesc_np(error_number);
    const char* name = strerrorname_np(error_number);
    if (text == nullptr || name == nullptr) return fmt::format("error {}", error_number);
    std::string lower = text;
    lower[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(lower[0])));
    return fmt::format("{} ({})", lower, name);
}

}  // namespace

Error Error::system(int error_number, std::string_view what) {
    Error error(kind_of(error_number), fmt::format("{}: {}", what, reason_of(error_number)));
    error.error_number_ = error_number;
    return error;
}

Error Error::with_remedy(std::string_view remedy) const {
    Error error = *this;
    error.message_ = fmt::format("{}; {}", message_, remedy);
    return error;
}

Error Error::in(std::string_view context) const {
    Error error = *this;
    error.message_ = fmt::format("{}: {}", context, message_);
    return error;
}

}  // namespace xdemux
