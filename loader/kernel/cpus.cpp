// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include <xdemux/kernel/cpus.h>

namespace xdemux {

// "0-3,6", as the kernel prints a mask (Documentation/admin-guide/cputopology).
Result<std::set<std::uint32_t>> online_cpus() {
    constexpr const char* path = "/sys/devices/system/cpu/online";
    std::ifstream file(path);
    std::set<std::uint32_t> cpus;
    for (std::string item; std::getline(file, item, ',');) {
        std::istringstream range(item);
        std::uint32_t first = 0;
        if (!(range >> first)) continue;
        std::uint32_t last = first;
        if (range.peek() == '-' && range.ignore()) range >> last;
        for (std::uint32_t cpu = first; cpu <= last; ++cpu)
            cpus.insert(cpu);
    }
    if (cpus.empty()) return fail(ErrorKind::failed, std::string("cannot read the CPUs from ") + path);
    return cpus;
}

}  // namespace xdemux
