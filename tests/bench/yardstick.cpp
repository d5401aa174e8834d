// SPDX-License-Identifier: BSD-2-Clause
#include "yardstick.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include <bpf/libbpf.h>

#include "yardstick.skel.h"

namespace xdemux::bench {

Yardsticks::Yardsticks() : skeleton_(yardstick::open_and_load()) {
    if (skeleton_ == nullptr)
        throw std::runtime_error(std::string("cannot load the yardsticks: ") + std::strerror(errno));
}

Yardsticks::~Yardsticks() {
    yardstick::destroy(skeleton_);
}

int Yardsticks::fd(Yardstick which) const {
    switch (which) {
        case Yardstick::least_demux:
            return bpf_program__fd(skeleton_->progs.least_demux);
        case Yardstick::tcp_lookup:
            return bpf_program__fd(skeleton_->progs.tcp_lookup);
        case Yardstick::route_lookup:
            return bpf_program__fd(skeleton_->progs.route_lookup);
        case Yardstick::none:
            break;
    }
    return -1;
}

}  // namespace xdemux::bench
