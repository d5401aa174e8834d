// SPDX-License-Identifier: BSD-2-Clause
// The sender of the flood, run on live frames: gives each frame another closed port and hands it to a device. It looks
// at no packet.
//
// bpf_helpers.h wants the types of linux/bpf.h.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

#define PORTS 8192  // a power of two

// Offsets in the frame, and the values that they start from.
const volatile __u32 port_at, balance_at;
const volatile __u16 first_port, balance;
const volatile __u32 out_ifindex;
__u32 sent;

// Of the two 16-bit words one goes up as the other goes down, so that the checksum stays right.
static __always_inline int write(struct xdp_md* ctx, __u32 offset, __u16 value) {
    __be16* at = (void*)(long)ctx->data + (offset & 127);

    if ((void*)(at + 1) > (void*)(long)ctx->data_end) return 0;
    *at = bpf_htons(value);
    return 1;
}

SEC("xdp")
int send(struct xdp_md* ctx) {
    __u16 step = sent++ % PORTS;

    if (!write(ctx, port_at, first_port + step) || !write(ctx, balance_at, balance - step)) return XDP_ABORTED;
    return bpf_redirect(out_ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
