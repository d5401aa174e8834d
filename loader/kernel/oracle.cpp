// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/oracle.h>
#include <xdemux/kernel/test_run.h>

#include "libbpf_object.h"

// The generated header names the contract's types without their namespace.
namespace xdemux::contract {
#include "oracle.skel.h"
}

namespace xdemux {
namespace {

Result<ObjectPtr> load_oracle() {
    silence_libbpf();
    std::size_t size = 0;
    const void* bytes = contract::oracle__elf_bytes(&size);
    bpf_object_open_opts options{};
    options.sz = sizeof options;
    options.object_name = "oracle";
    ObjectPtr object(::bpf_object__open_mem(bytes, size, &options));
    if (object == nullptr) return fail_system(errno, "cannot open the program that asks the kernel");
    if (const int failed = ::bpf_object__load(object.get()); failed != 0)
        return fail_system(-failed, "cannot load the program that asks the kernel");
    return object;
}

template <typename Value>
Result<MappedArray<Value>> map_table(const bpf_object* object, const char* name) {
    auto fd = duplicate(::bpf_object__find_map_fd_by_name(object, name));
    if (!fd) return fail(fd.error());
    auto handle = MapHandle::adopt(std::move(*fd), name);
    if (!handle) return fail(handle.error());
    return MappedArray<Value>::open(std::move(*handle));
}

RouteAnswer decode_route(std::uint32_t route) {
    switch (route) {
        case contract::ORACLE_ROUTE_FORWARDS:
            return RouteAnswer::forwards;
        case contract::ORACLE_ROUTE_NO_FORWARDING:
            return RouteAnswer::no_forwarding;
        default:
            return RouteAnswer::here;
    }
}

/// Of an IPv6 socket that speaks IPv4, the IPv4 address, as HostSocket has it.
Address bound_address(const contract::answer& answer) {
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (answer.family != AF_INET6) return decode_address(contract::FAMILY_IPV4, answer.addr);
    if (!std::equal(mapped.begin(), mapped.end(), answer.addr))
        return decode_address(contract::FAMILY_IPV6, answer.addr);
    return Address::ipv4({answer.addr[12], answer.addr[13], answer.addr[14], answer.addr[15]});
}

OracleAnswer decode_answer(const contract::answer& answer, Proto proto) {
    OracleAnswer decoded;
    decoded.route = decode_route(answer.route);
    if (answer.state == 0) return decoded;
    const auto state = host_socket_state(proto, answer.state);
    decoded.socket = {state.value_or(HostSocketState::close), {bound_address(answer), answer.port}, answer.ifindex};
    return decoded;
}

}  // namespace

Result<Oracle> Oracle::load() {
    const auto object = load_oracle();
    if (!object) return fail(object.error());
    auto program = duplicate(::bpf_program__fd(::bpf_object__find_program_by_name(object->get(), "oracle")));
    if (!program) return fail(program.error());
    auto questions = map_table<contract::flow_key>(object->get(), "questions");
    if (!questions) return fail(questions.error());
    auto answers = map_table<contract::answer>(object->get(), "answers");
    if (!answers) return fail(answers.error());
    auto asked = map_table<std::uint64_t>(object->get(), "asked");
    if (!asked) return fail(asked.error());
    return Oracle(std::move(*program), std::move(*questions), std::move(*answers), std::move(*asked));
}

Status Oracle::ask_batch(std::span<const FlowKey> packets, std::uint32_t ifindex,
                         std::vector<OracleAnswer>& answers) const {
    for (std::size_t i = 0; i < packets.size(); ++i)
        questions_[i] = encode(packets[i]);
    asked_[0] = packets.size();
    // The system call that runs the program is a barrier for the compiler, and the program runs on this CPU's time.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    constexpr std::array<std::uint8_t, 64> frame{};
    const auto run = test_run(program_.get(), {{}, frame, ifindex});
    if (!run) return fail(run.error().in("cannot ask the kernel"));
    for (std::size_t i = 0; i < packets.size(); ++i)
        answers.push_back(decode_answer(answers_[i], packets[i].proto));
    return {};
}

Result<std::vector<OracleAnswer>> Oracle::ask(std::span<const FlowKey> packets, std::uint32_t ifindex) const {
    std::vector<OracleAnswer> answers;
    answers.reserve(packets.size());
    while (!packets.empty()) {
        const std::size_t count = std::min(packets.size(), batch);
        if (auto asked = ask_batch(packets.first(count), ifindex, answers); !asked) return fail(asked.error());
        packets = packets.subspan(count);
    }
    return answers;
}

Result<OracleAnswer> Oracle::ask(const FlowKey& packet, std::uint32_t ifindex) const {
    const auto answers = ask(std::span(&packet, 1), ifindex);
    if (!answers) return fail(answers.error());
    return answers->front();
}

}  // namespace xdemux
