// SPDX-License-Identifier: BSD-2-Clause
#include "timer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>

#include "mixer.skel.h"
#include "support/bpf_maps.h"

namespace xdemux::bench {
namespace {

constexpr std::size_t room_for_output = 256;
constexpr std::uint32_t only_place = 0;

}  // namespace

Timer::Timer(std::uint32_t ifindex) : ifindex_(ifindex), skeleton_(mixer::open_and_load()) {
    if (skeleton_ == nullptr) test::give_up("cannot load the mixer", errno);
}

Timer::~Timer() {
    release();
    mixer::destroy(skeleton_);
}

int Timer::baseline() const {
    return bpf_program__fd(skeleton_->progs.baseline);
}

void Timer::attach(int program_fd) {
    if (program_fd == attached_) return;
    const int error = bpf_xdp_attach(static_cast<int>(ifindex_), program_fd, XDP_FLAGS_SKB_MODE, nullptr);
    if (error != 0) test::give_up("cannot attach to the idle device", -error);
    attached_ = program_fd;
}

void Timer::release() {
    if (attached_ >= 0) bpf_xdp_detach(static_cast<int>(ifindex_), XDP_FLAGS_SKB_MODE, nullptr);
    bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.next), &only_place);
    attached_ = -1;
}

void Timer::prepare_mix(const Row& row) {
    if (mixed_ == &row) return;
    for (std::uint32_t index = 0; index < MIX_SAMPLES; index++) {
        test::Bytes frame = row.packets[index % row.packets.size()].bytes();
        if (frame.size() > MIX_SAMPLE_SIZE) throw std::logic_error("a sample is too long: " + row.name);
        frame.resize(MIX_SAMPLE_SIZE);
        if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.samples), &index, frame.data(), BPF_ANY) != 0)
            test::give_up("cannot write a sample", errno);
    }
    skeleton_->data_peers->peers = row.peers;
    mixed_ = &row;
}

Timer::Run Timer::run(int program_fd, const Row& row, std::uint32_t repeats) {
    if (!row.drawn()) return run_frame(program_fd, row.packets.front().bytes(), repeats);
    prepare_mix(row);
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.next), &only_place, &program_fd, BPF_ANY) != 0)
        test::give_up("cannot hand the program to the mixer", errno);
    return run_frame(bpf_program__fd(skeleton_->progs.mix), test::Bytes(MIX_SAMPLE_SIZE), repeats);
}

Timer::Run Timer::run_frame(int program_fd, test::Bytes frame, std::uint32_t repeats) {
    using Clock = std::chrono::steady_clock;
    test::Bytes out(frame.size() + room_for_output);
    xdp_md context{};
    context.data_end = static_cast<__u32>(frame.size());
    context.ingress_ifindex = ifindex_;
    bpf_test_run_opts options{};  // LIBBPF_OPTS is C that clang's -Wpedantic refuses
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<__u32>(frame.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<__u32>(out.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    options.repeat = static_cast<int>(repeats);
    attach(program_fd);
    const auto start = Clock::now();
    const int error = bpf_prog_test_run_opts(program_fd, &options);
    const std::chrono::duration<double, std::nano> taken = Clock::now() - start;
    if (error != 0) test::give_up("cannot run the packets", -error);
    return {taken.count() / repeats, static_cast<int>(options.retval)};
}

}  // namespace xdemux::bench
