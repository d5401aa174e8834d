// SPDX-License-Identifier: BSD-2-Clause
#include <xdemux/policy/port_range_info.h>

namespace xdemux {

std::string_view iana_range_name(IanaRange range) {
    switch (range) {
        case IanaRange::well_known:
            return "well-known";
        case IanaRange::registered:
            return "registered";
        case IanaRange::dynamic:
            break;
    }
    return "dynamic";
}

}  // namespace xdemux
