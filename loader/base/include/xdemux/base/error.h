// SPDX-License-Identifier: BSD-2-Clause
// The one error vocabulary. Anything that the world can cause is a Result; a broken promise of our own code is an
// assert. Nothing here prints or exits: that is a front end's part.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace xdemux {

/// What went wrong, in the classes that a caller can act on. The value is the control tool's exit code.
enum class ErrorKind {
    failed = 1,         ///< the operation failed
    usage = 2,          ///< the command line or the configuration is wrong
    not_loaded = 3,     ///< no such instance, or the interface is not attached
    in_use = 4,         ///< address, interface, target or settings are taken
    not_found = 5,      ///< no such entry, interface or process
    not_permitted = 6,  ///< a capability is missing
    unsupported = 7,    ///< the kernel lacks a feature, or bpffs is not mounted
    full = 8,           ///< a table is full, or the ports are exhausted
    refused = 9,        ///< it would cut off the operator's session or live traffic
    mismatch = 10,      ///< verify found a difference
};

/// One failure: its class and a sentence for people (what failed, on which object, why, what to do next; lower case,
/// no full stop).
class Error {
  public:
    Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

    /// From errno, read on the line after the call that set it. `what` names the operation and its object; the text
    /// becomes "WHAT: REASON (ENAME)". EPERM and EACCES become `not_permitted`, ENODEV and ESRCH `not_found`, EBUSY
    /// `in_use`, EOPNOTSUPP and ENOSYS `unsupported`, all others `failed`.
    static Error system(int error_number, std::string_view what);

    [[nodiscard]] ErrorKind kind() const { return kind_; }
    [[nodiscard]] const std::string& message() const { return message_; }
    /// The errno that it came from; 0 where there was none.
    [[nodiscard]] int error_number() const { return error_number_; }

    /// The same failure with a way out appended: "MESSAGE; REMEDY".
    [[nodiscard]] Error with_remedy(std::string_view remedy) const;
    /// The same failure seen from further out: "CONTEXT: MESSAGE".
    [[nodiscard]] Error in(std::string_view context) const;

  private:
    ErrorKind kind_;
    std::string message_;
    int error_number_ = 0;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

/// A Result's failing arm: `return fail(ErrorKind::usage, "...")`.
inline tl::unexpected<Error> fail(ErrorKind kind, std::string message) {
    return tl::unexpected<Error>(Error(kind, std::move(message)));
}
inline tl::unexpected<Error> fail(Error error) {
    return tl::unexpected<Error>(std::move(error));
}
/// `return fail_system(errno, "cannot open \"...\"")`.
inline tl::unexpected<Error> fail_system(int error_number, std::string_view what) {
    return tl::unexpected<Error>(Error::system(error_number, what));
}

}  // namespace xdemux
