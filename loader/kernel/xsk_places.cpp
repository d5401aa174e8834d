// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <xdemux/kernel/test_run.h>
#include <xdemux/kernel/xsk_places.h>

#include "libbpf_object.h"
#include "xsk_places.skel.h"

namespace xdemux {
namespace {

constexpr std::size_t batch = 64;          // what xsk_places.bpf.c looks at
constexpr std::size_t smallest_frame = 4;  // words: 14 bytes, which is what BPF_PROG_TEST_RUN wants

Result<ObjectPtr> load_places(const MapHandle& xsks) {
    constexpr auto what = "cannot load the program that looks at the AF_XDP sockets";
    silence_libbpf();
    std::size_t size = 0;
    const void* bytes = xsk_places__elf_bytes(&size);
    ObjectPtr object(::bpf_object__open_mem(bytes, size, nullptr));
    if (object == nullptr) return fail_system(errno, what);
    if (const int failed = ::bpf_map__reuse_fd(::bpf_object__next_map(object.get(), nullptr), xsks.fd()); failed != 0)
        return fail_system(-failed, what);
    if (const int failed = ::bpf_object__load(object.get()); failed != 0) return fail_system(-failed, what);
    return object;
}

}  // namespace

Result<std::set<std::uint32_t>> taken_xsk_places(const MapHandle& xsks, const std::vector<std::uint32_t>& places) {
    std::set<std::uint32_t> taken;
    if (places.empty()) return taken;
    const auto object = load_places(xsks);
    if (!object) return fail(object.error());
    const int program = ::bpf_program__fd(::bpf_object__next_program(object->get(), nullptr));
    for (std::size_t first = 0; first < places.size(); first += batch) {
        const std::size_t count = std::min(places.size() - first, batch);
        std::vector<std::uint8_t> frame(std::max(count, smallest_frame) * sizeof(std::uint32_t));
        std::memcpy(frame.data(), &places[first], count * sizeof(std::uint32_t));
        const auto run = test_run(program, {{}, frame});
        if (!run) return fail(run.error().in("cannot look at the AF_XDP sockets"));
        for (std::size_t i = 0; i < count; ++i) {
            std::uint32_t held = 0;
            std::memcpy(&held, &run->frame[i * sizeof held], sizeof held);
            if (held != 0) taken.insert(places[first + i]);
        }
    }
    return taken;
}

}  // namespace xdemux
