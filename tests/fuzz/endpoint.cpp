// SPDX-License-Identifier: BSD-2-Clause
// Endpoints, addresses, prefixes and ports: what parses says itself again in its own text.
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/flow.h>

#include "text.h"

namespace xdemux::fuzz {
namespace {

template <typename Parse>
void check(std::string_view text, Parse parse) {
    const auto parsed = parse(text);
    check_refusal(parsed, text);
    if (!parsed) return;
    const std::string said = parsed->to_string();
    const auto again = parse(std::string_view(said));
    require(again && *again == *parsed, std::string(text) + " became " + said);
}

}  // namespace
}  // namespace xdemux::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace xdemux;
    const std::string_view text = fuzz::text_of(data, size);
    for (const Proto proto : {Proto::tcp, Proto::udp}) {
        fuzz::check(text, [&](std::string_view word) { return LocalEndpoint::parse(word, proto); });
        fuzz::check(text, [&](std::string_view word) { return SocketAddress::parse(word, proto); });
        fuzz::check(text, [&](std::string_view word) { return PortRange::parse(word, proto); });
    }
    fuzz::check(text, [](std::string_view word) { return Address::parse(word); });
    fuzz::check(text, [](std::string_view word) { return Prefix::parse(word); });
    return 0;
}
