// SPDX-License-Identifier: BSD-2-Clause
// Batches of listeners and flows: any text is a batch or an error, and what is parsed is valid by itself.
#include <sstream>

#include <xdemux/policy/batch.h>

#include "text.h"

namespace {

xdemux::Result<xdemux::Device> device(const std::string& name) {
    if (name == "eth0") return xdemux::Device{2, name};
    return xdemux::fail(xdemux::ErrorKind::not_found, "no interface of that name");
}

template <typename T>
bool is_told(const xdemux::Result<T>& batch) {
    using xdemux::ErrorKind;
    return batch || ((batch.error().kind() == ErrorKind::usage || batch.error().kind() == ErrorKind::not_found) &&
                     batch.error().message().find("batch:") != std::string::npos);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace xdemux;
    const std::string text(fuzz::text_of(data, size));
    for (const BatchVerb verb : {BatchVerb::add, BatchVerb::del}) {
        std::istringstream listeners(text);
        const auto parsed = parse_listener_batch(listeners, "batch", verb, device);
        fuzz::require(is_told(parsed), "an error without its line: " + text);
        for (std::size_t i = 0; parsed && i < parsed->size(); ++i)
            fuzz::require((*parsed)[i].listener.validate().has_value(), "an invalid listener: " + text);
        std::istringstream flows(text);
        const auto keys = parse_flow_batch(flows, "batch", verb);
        fuzz::require(is_told(keys), "an error without its line: " + text);
        for (std::size_t i = 0; keys && i < keys->size(); ++i)
            fuzz::require((*keys)[i].key.validate().has_value(), "an invalid flow: " + text);
    }
    return 0;
}
