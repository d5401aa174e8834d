// SPDX-License-Identifier: BSD-2-Clause
// Filters in the words of ss(8): any words are a filter or an error, and a filter decides about any row.
#include <vector>

#include <xdemux/policy/filter.h>

#include "text.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace xdemux;
    const std::string_view text = fuzz::text_of(data, size);
    std::vector<std::string> words;
    for (std::size_t from = 0; from <= text.size();) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        words.emplace_back(text.substr(from, end - from));
        from = end + 1;
    }
    const auto filter = Filter::parse(words);
    fuzz::check_refusal(filter, text);
    if (!filter) return 0;
    static const std::vector<Row> rows = {
        {Proto::tcp,
         Family::ipv4,
         SocketState::listening,
         LocalEndpoint::parse("192.0.2.1:80", Proto::tcp).value(),
         {}},
        {Proto::udp, Family::ipv6, SocketState::established,
         LocalEndpoint::parse("[2001:db8::1]:53", Proto::udp).value(),
         SocketAddress::parse("[2001:db8::2]:4711", Proto::udp).value()},
        {Proto::tcp, Family::ipv6, SocketState::listening, LocalEndpoint::parse("*:1000-2000", Proto::tcp).value(), {}},
    };
    for (const Row& row : rows)
        if (filter->only(row.family == Family::ipv4 ? Family::ipv6 : Family::ipv4).matches(row))
            fuzz::require(filter->empty() && false, "a filter for the other family matches");
    for (const Row& row : rows)
        fuzz::require(filter->matches(row) == filter->only(row.family).matches(row), "the row's own family changes it");
    return 0;
}
