// SPDX-License-Identifier: BSD-2-Clause
// Passes everything. It stands on the peer's end of the veth pair: what a program sends back (XDP_TX) is received there
// at once only where a program is attached, else when something else happens to be sent.
//
// bpf_helpers.h wants the types of linux/bpf.h.
// clang-format off
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
// clang-format on

SEC("xdp.frags")
int pass(struct xdp_md* ctx) {
    (void)ctx;
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
