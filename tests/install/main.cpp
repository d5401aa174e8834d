// SPDX-License-Identifier: BSD-2-Clause
// A user of the installed library: every header, one function that is pure and one that brings libnl along. It must
// not need more than what the package says. scripts/check_install writes every_header.h.
#include <cstdlib>
#include <iostream>

#include "every_header.h"

extern "C" int lease_from_nowhere(void);
extern "C" int serve_nowhere(void);

int main() {
    const auto endpoint = xdemux::LocalEndpoint::parse("192.0.2.1:8000-8999", xdemux::Proto::tcp);
    if (!endpoint || endpoint->to_string() != "192.0.2.1:8000-8999") {
        std::cerr << "the endpoint does not come back as it was written\n";
        return EXIT_FAILURE;
    }
    const auto loopback = xdemux::interface_by_name("lo");
    if (!loopback || !loopback->loopback) {
        std::cerr << "the loopback interface was not found\n";
        return EXIT_FAILURE;
    }
    if (lease_from_nowhere() != 0) {
        std::cerr << "the allocator of ports does not say that there is no instance\n";
        return EXIT_FAILURE;
    }
    if (serve_nowhere() != 0) {
        std::cerr << "the AF_XDP consumer does not say that there is no instance\n";
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
