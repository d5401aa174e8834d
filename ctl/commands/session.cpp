// SPDX-License-Identifier: BSD-2-Clause
#include "commands/session.h"

#include <xdemux/ops/locals.h>

namespace xdemux {

VerifierLog Session::verifier_log() const {
    if (!options_.verbose) return {};
    return [](std::string_view log) { tell(log); };
}

Result<Instance> Session::open() const {
    refresh_locals_if_possible(options_.instance);
    return Instance::open(options_.instance);
}

Result<Instance> Session::open_for_change() const {
    refresh_locals_if_possible(options_.instance);
    return Instance::open_for_change(options_.instance, verifier_log());
}

Result<Instance> Session::open_or_create() const {
    refresh_locals_if_possible(options_.instance);
    InstanceOptions options;
    options.verifier_log = verifier_log();
    return Instance::open_or_create(options_.instance, options);
}

}  // namespace xdemux
