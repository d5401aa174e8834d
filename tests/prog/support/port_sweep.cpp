// SPDX-License-Identifier: BSD-2-Clause
#include "support/port_sweep.h"

#include <array>
#include <cerrno>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "port_sweep.skel.h"
#include "support/bpf_maps.h"

namespace xdemux::test {
constexpr auto cannot_sweep = "cannot sweep the port counters";

PortSweep::PortSweep(const bpf_map* ports) : skeleton_(port_sweep::open(), port_sweep::destroy) {
    if (skeleton_ == nullptr) give_up(cannot_sweep);
    if (bpf_map__reuse_fd(skeleton_->maps.ports, bpf_map__fd(ports)) != 0) give_up(cannot_sweep);
    if (const int error = port_sweep::load(skeleton_.get()); error != 0) give_up(cannot_sweep, -error);
}

contract::traffic PortSweep::take() {
    std::array<unsigned char, 64> frame{};  // any
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = frame.size();
    if (bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.sweep), &options) != 0) give_up(cannot_sweep);
    if (options.retval != XDP_PASS) give_up(cannot_sweep, EINVAL);
    return {skeleton_->bss->packets, skeleton_->bss->bytes};
}

}  // namespace xdemux::test
