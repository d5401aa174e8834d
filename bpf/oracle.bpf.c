/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's word, asked apart from the data path: which socket would a packet reach, and is it
 * for this host? It runs under BPF_PROG_TEST_RUN alone, on a frame of no meaning, in the namespace
 * and with the ingress device of the run; it is never attached.
 *
 * Each question is answered in a global function, which the verifier looks at once, however large
 * the batch. The look-ups are those of host.h and local.h, written anew on purpose: who checks
 * shares no code with what is checked.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <xdemux/oracle.h>

#define AF_INET	 2
#define AF_INET6 10

/* What the tool asks, and what it reads afterwards. Through mappings, one user at a time. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ORACLE_BATCH);
	__type(key, __u32);
	__type(value, struct flow_key);
} questions SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ORACLE_BATCH);
	__type(key, __u32);
	__type(value, struct answer);
} answers SEC(".maps");

/* How many of them are questions. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} asked SEC(".maps");

static __always_inline __u32 tuple_of(const struct flow_key *q, struct bpf_sock_tuple *tuple)
{
	if (q->family == FAMILY_IPV6) {
		__builtin_memcpy(tuple->ipv6.saddr, q->remote_addr, sizeof(tuple->ipv6.saddr));
		__builtin_memcpy(tuple->ipv6.daddr, q->local_addr, sizeof(tuple->ipv6.daddr));
		tuple->ipv6.sport = bpf_htons(q->remote_port);
		tuple->ipv6.dport = bpf_htons(q->local_port);
		return sizeof(tuple->ipv6);
	}
	__builtin_memcpy(&tuple->ipv4.saddr, q->remote_addr, sizeof(tuple->ipv4.saddr));
	__builtin_memcpy(&tuple->ipv4.daddr, q->local_addr, sizeof(tuple->ipv4.daddr));
	tuple->ipv4.sport = bpf_htons(q->remote_port);
	tuple->ipv4.dport = bpf_htons(q->local_port);
	return sizeof(tuple->ipv4);
}

/* Inlined for each protocol's own type of pointer. */
static __always_inline void describe(const struct bpf_sock *sk, struct answer *a)
{
	__u32 *words = (__u32 *)a->addr;

	a->state = sk->state;
	a->port = sk->src_port;
	a->ifindex = sk->bound_dev_if;
	a->family = sk->family;
	if (sk->family == AF_INET6) {
		words[0] = sk->src_ip6[0];
		words[1] = sk->src_ip6[1];
		words[2] = sk->src_ip6[2];
		words[3] = sk->src_ip6[3];
	} else {
		words[0] = sk->src_ip4;
	}
}

static __always_inline void ask_route(struct xdp_md *ctx, const struct flow_key *q,
				      struct answer *a)
{
	struct bpf_fib_lookup fib = {
		.family = q->family == FAMILY_IPV6 ? AF_INET6 : AF_INET,
		.l4_protocol = q->proto == PROTO_TCP ? 6 : 17,
		.ifindex = ctx->ingress_ifindex,
	};
	long result;

	if (q->family == FAMILY_IPV6) {
		__builtin_memcpy(fib.ipv6_src, q->remote_addr, sizeof(fib.ipv6_src));
		__builtin_memcpy(fib.ipv6_dst, q->local_addr, sizeof(fib.ipv6_dst));
	} else {
		__builtin_memcpy(&fib.ipv4_src, q->remote_addr, sizeof(fib.ipv4_src));
		__builtin_memcpy(&fib.ipv4_dst, q->local_addr, sizeof(fib.ipv4_dst));
	}
	result = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (result == BPF_FIB_LKUP_RET_FWD_DISABLED)
		a->route = ORACLE_ROUTE_NO_FORWARDING;
	else if (result == BPF_FIB_LKUP_RET_NOT_FWDED)
		a->route = ORACLE_ROUTE_HERE;
	else
		a->route = ORACLE_ROUTE_FORWARDS;
}

/* A function for each protocol: the two look-ups return pointers of different types. */
__noinline int answer_tcp(struct xdp_md *ctx, __u32 index)
{
	const struct flow_key *q = bpf_map_lookup_elem(&questions, &index);
	struct answer *a = bpf_map_lookup_elem(&answers, &index);
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	if (!q || !a)
		return 0;
	sk = bpf_skc_lookup_tcp(ctx, &tuple, tuple_of(q, &tuple), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	describe(sk, a);
	bpf_sk_release(sk);
	return 1;
}

__noinline int answer_udp(struct xdp_md *ctx, __u32 index)
{
	const struct flow_key *q = bpf_map_lookup_elem(&questions, &index);
	struct answer *a = bpf_map_lookup_elem(&answers, &index);
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;

	if (!q || !a)
		return 0;
	sk = bpf_sk_lookup_udp(ctx, &tuple, tuple_of(q, &tuple), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	describe(sk, a);
	bpf_sk_release(sk);
	return 1;
}

__noinline int answer_route(struct xdp_md *ctx, __u32 index)
{
	const struct flow_key *q = bpf_map_lookup_elem(&questions, &index);
	struct answer *a = bpf_map_lookup_elem(&answers, &index);

	if (!q || !a)
		return 0;
	ask_route(ctx, q, a);
	return 1;
}

/* Answers one question, whatever stood there before. */
static __always_inline void answer(struct xdp_md *ctx, __u32 index)
{
	const struct flow_key *q = bpf_map_lookup_elem(&questions, &index);
	struct answer *a = bpf_map_lookup_elem(&answers, &index);

	if (!q || !a)
		return;
	__builtin_memset(a, 0, sizeof(*a));
	if (q->proto == PROTO_TCP)
		answer_tcp(ctx, index);
	else
		answer_udp(ctx, index);
	answer_route(ctx, index);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp")
int oracle(struct xdp_md *ctx)
{
	__u32 zero = 0, i;
	const __u64 *count = bpf_map_lookup_elem(&asked, &zero);

	if (!count)
		return XDP_ABORTED;
	for (i = 0; i < ORACLE_BATCH && i < *count; i++)
		answer(ctx, i);
	return XDP_PASS;
}
