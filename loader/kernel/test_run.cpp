// SPDX-License-Identifier: BSD-2-Clause
#include <cerrno>
#include <cstddef>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <xdemux/kernel/test_run.h>

namespace xdemux {
namespace {

constexpr std::size_t reply_room = 256;  // bytes that a program may put in front

}  // namespace

Result<TestRunOutput> test_run(int program, const TestRunInput& input) {
    std::vector<std::uint8_t> data(input.metadata.begin(), input.metadata.end());
    data.insert(data.end(), input.frame.begin(), input.frame.end());
    std::vector<std::uint8_t> out(data.size() + reply_room);
    xdp_md context{};
    context.data = static_cast<__u32>(input.metadata.size());
    context.data_end = static_cast<__u32>(data.size());
    context.ingress_ifindex = input.ifindex;
    context.rx_queue_index = input.queue;

    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = data.data();
    options.data_size_in = static_cast<__u32>(data.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<__u32>(out.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof context;
    options.repeat = 1;
    if (::bpf_prog_test_run_opts(program, &options) != 0) return fail_system(errno, "cannot run the XDP program");
    if (options.data_size_out < input.metadata.size())
        return fail(ErrorKind::failed, "the XDP program gave back less than its metadata");

    const auto split = out.begin() + static_cast<std::ptrdiff_t>(input.metadata.size());
    return TestRunOutput{options.retval,
                         {out.begin(), split},
                         {split, out.begin() + static_cast<std::ptrdiff_t>(options.data_size_out)}};
}

}  // namespace xdemux
