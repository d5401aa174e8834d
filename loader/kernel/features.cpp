// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <xdemux/base/fd.h>
#include <xdemux/kernel/features.h>

namespace xdemux {
namespace {

/// Those that bpf/ calls beyond what every kernel with XDP has.
constexpr std::pair<bpf_func_id, const char*> helpers[] = {
    {BPF_FUNC_skc_lookup_tcp, "bpf_skc_lookup_tcp"},
    {BPF_FUNC_sk_lookup_udp, "bpf_sk_lookup_udp"},
    {BPF_FUNC_sk_release, "bpf_sk_release"},
    {BPF_FUNC_fib_lookup, "bpf_fib_lookup"},
    {BPF_FUNC_jiffies64, "bpf_jiffies64"},
    {BPF_FUNC_ktime_get_coarse_ns, "bpf_ktime_get_coarse_ns"},
    {BPF_FUNC_xdp_adjust_head, "bpf_xdp_adjust_head"},
    {BPF_FUNC_xdp_adjust_tail, "bpf_xdp_adjust_tail"},
    {BPF_FUNC_xdp_get_buff_len, "bpf_xdp_get_buff_len"},
    {BPF_FUNC_xdp_load_bytes, "bpf_xdp_load_bytes"},
    {BPF_FUNC_ringbuf_reserve, "bpf_ringbuf_reserve"},
};

bool is_compiled(int program) {
    bpf_prog_info info{};
    __u32 size = sizeof info;
    return ::bpf_obj_get_info_by_fd(program, &info, &size) == 0 && info.jited_prog_len > 0;
}

/// "r0 = XDP_PASS; exit", once as one that takes fragments (Linux 5.18), else as a plain one. None of the two being let
/// in says nothing of the features.
void load_tiny_program(KernelFeatures& features) {
    const bpf_insn code[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
                             {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
    for (const std::uint32_t flags : {std::uint32_t{BPF_F_XDP_HAS_FRAGS}, std::uint32_t{0}}) {
        bpf_prog_load_opts options{};
        options.sz = sizeof options;
        options.prog_flags = flags;
        const Fd program(::bpf_prog_load(BPF_PROG_TYPE_XDP, "probe", "GPL", code, std::size(code), &options));
        if (!program.valid()) continue;
        features.frags = flags != 0;
        features.compiled = is_compiled(program.get());
        return;
    }
}

std::optional<std::vector<std::string>> find_missing_helpers() {
    std::vector<std::string> missing;
    for (const auto& [helper, name] : helpers) {
        const int known = ::libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, helper, nullptr);
        if (known < 0) return std::nullopt;
        if (known == 0) missing.emplace_back(name);
    }
    return missing;
}

std::optional<bool> has_xdp_link() {
    struct Free {
        void operator()(btf* types) const { ::btf__free(types); }
    };
    const std::unique_ptr<btf, Free> types(::btf__load_vmlinux_btf());
    if (types == nullptr) return std::nullopt;
    return ::btf__find_by_name_kind(types.get(), "bpf_xdp_link", BTF_KIND_STRUCT) > 0;
}

std::optional<std::uint64_t> read_number(const std::string& path) {
    std::ifstream file(path);
    std::uint64_t number = 0;
    if (file >> number) return number;
    return std::nullopt;
}

/// Of the unified hierarchy: the line "0::/PATH".
std::string cgroup_path() {
    std::ifstream file("/proc/self/cgroup");
    constexpr std::string_view unified = "0::";
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(unified)) return line.substr(unified.size());
    }
    return {};
}

}  // namespace

KernelFeatures kernel_features() {
    ::libbpf_set_print(nullptr);  // standard error belongs to the front end
    KernelFeatures features;
    utsname name{};
    if (::uname(&name) == 0) features.release = name.release;
    unsigned major = 0;
    unsigned minor = 0;
    if (std::sscanf(features.release.c_str(), "%u.%u", &major, &minor) == 2) {
        features.major = major;
        features.minor = minor;
    }
    features.btf = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
    features.xdp_link = has_xdp_link();
    load_tiny_program(features);
    if (features.frags) features.missing_helpers = find_missing_helpers();
    return features;
}

std::optional<std::uint64_t> locked_memory_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
    return limit.rlim_cur;
}

std::optional<std::uint64_t> cgroup_memory_left() {
    std::optional<std::uint64_t> least;
    for (std::string path = cgroup_path(); path.size() > 1; path.resize(path.rfind('/'))) {
        const std::string folder = fmt::format("/sys/fs/cgroup{}", path);
        const auto limit = read_number(folder + "/memory.max");  // "max" is no number
        const auto used = read_number(folder + "/memory.current");
        if (!limit || !used) continue;
        const std::uint64_t left = *limit > *used ? *limit - *used : 0;
        least = std::min(least.value_or(left), left);
    }
    return least;
}

}  // namespace xdemux
