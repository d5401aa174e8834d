/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract between the XDP program and user space: every map's key and value, and every number
 * that both sides write. Valid C and C++. It holds layouts and enumerations alone, no code. Numbers
 * are append-only. Addresses are bytes in network order (IPv4 in the first four of sixteen, the
 * rest zero), ports are in host order, times are CLOCK_MONOTONIC nanoseconds, lengths are bytes of
 * the frame as XDP sees it.
 */
#ifndef XDEMUX_CONTRACT_H
#define XDEMUX_CONTRACT_H

#include <linux/types.h>

#ifdef __cplusplus
#include <type_traits>
namespace xdemux::contract
{
#define XDEMUX_ASSERT_LAYOUT(type, size)                                                           \
	static_assert(sizeof(type) == (size) && std::is_standard_layout_v<type> &&                 \
		      std::is_trivially_copyable_v<type> &&                                        \
		      std::has_unique_object_representations_v<type>)
#define XDEMUX_CONSTANT(name, value) inline constexpr __u32 name = value
#else
#define XDEMUX_ASSERT_LAYOUT(type, size) _Static_assert(sizeof(type) == (size), #type)
#define XDEMUX_CONSTANT(name, value)	 enum { name = (value) }
#endif

/* Raised when a layout below changes, or what it means: tools refuse tables of another version. */
XDEMUX_CONSTANT(CONTRACT_VERSION, 7);

XDEMUX_CONSTANT(NAME_SIZE, 16); /* a name and its terminating zero */
XDEMUX_CONSTANT(ADDR_SIZE, 16);
XDEMUX_CONSTANT(PORT_COUNT, 65536);
XDEMUX_CONSTANT(PORT_INDEXES, 2 * PORT_COUNT); /* (proto << 16) | port */

enum proto {
	PROTO_TCP = 0,
	PROTO_UDP = 1,
	PROTO_COUNT = 2,
};

enum family {
	FAMILY_IPV4 = 0,
	FAMILY_IPV6 = 1,
	FAMILY_DUAL = 2, /* of a wildcard listener: both */
	FAMILY_LINK = 3, /* of a key of local_routes: Ethernet */
};

XDEMUX_CONSTANT(FAMILY_COUNT, 2); /* of packets; no enumerator, or it would be the name of 2 */

enum mode {
	MODE_MONITOR = 0, /* count what would have been done */
	MODE_ENFORCE = 1, /* do it */
};

/* What enforce mode does with a packet. */
enum verdict {
	VERDICT_PASS = 0,
	VERDICT_DROP = 1,
	VERDICT_REJECT = 2,
	VERDICT_STEER = 3,
	VERDICT_COUNT = 4,
};

/* Where a match goes. */
enum target_kind {
	TARGET_NONE = 0,
	TARGET_PASS = 1,
	TARGET_DROP = 2,
	TARGET_REJECT = 3,
	TARGET_STEER = 4, /* of a listener's entries: one of those below, see listener_targets */
	TARGET_CPU = 5,
	TARGET_DEV = 6,
	TARGET_GROUP = 7,
	TARGET_XSK = 8,
	TARGET_SOCKET = 9,
};

/* A target by its number: TARGET_PASS, TARGET_DROP or TARGET_REJECT, or from TARGET_FIRST on its
 * index in map targets. */
XDEMUX_CONSTANT(TARGET_FIRST, 16);
XDEMUX_CONSTANT(TARGETS, 4096);

/* Why, one for each packet. The names are a promise: the tool prints them in lower case. */
enum reason {
	REASON_UNDECIDED = 0, /* never counted */
	REASON_FLOW = 1,
	REASON_LISTENER_EXACT = 2,
	REASON_LISTENER_PREFIX = 3,
	REASON_LISTENER_WILDCARD = 4,
	REASON_LISTENER_ALL_PORTS = 5,
	REASON_HOST_SOCKET = 6,
	REASON_CLOSED = 7,
	REASON_PORT_ZERO = 8,
	REASON_SOURCE_DENIED = 9,
	REASON_RATE_LIMITED = 10,
	REASON_SOURCE_BLOCKED = 11,
	REASON_TARGET_FALLBACK = 12,
	REASON_ICMP_ERROR = 13,
	REASON_ICMP_OTHER = 14,
	REASON_FRAGMENT = 15,
	REASON_FRAGMENT_ORPHAN = 16,
	REASON_NOT_LOCAL = 17,
	REASON_MULTICAST = 18, /* broadcast too */
	REASON_OTHER_PROTOCOL = 19,
	REASON_NOT_IP = 20,
	REASON_BAD_ETHERNET = 21,
	REASON_BAD_VLAN = 22,
	REASON_BAD_IPV4 = 23,
	REASON_BAD_IPV6 = 24,
	REASON_BAD_EXTENSION = 25,
	REASON_BAD_TCP = 26,
	REASON_BAD_UDP = 27,
	REASON_BAD_ICMP = 28,
	REASON_COUNT = 29,
};

/*
 * Map port_slots, array by (proto << 16) | local port: the wildcard answer and what else is worth
 * asking. Index (proto << 16) | 0 holds the listeners on all ports, since no listener may name port
 * 0. User space writes, each word whole: `listener` before `target` when an answer appears,
 * `target` before `listener` when it goes, so that a target is never seen with nobody behind it.
 * `flows` is counted atomically by whoever adds or removes a flow.
 */
enum slot_hint {
	HINT_EXACT = 1,		    /* listeners on exact addresses */
	HINT_EXACT_BOUND = 2,	    /* ... bound to a device */
	HINT_PREFIX = 4,	    /* listeners on prefixes */
	HINT_PREFIX_BOUND = 8,	    /* ... bound to a device */
	HINT_WILDCARD_BOUND = 16,   /* wildcard listeners bound to a device */
	HINT_WILDCARD_DUAL = 32,    /* the answer in this slot is a dual-stack listener's */
	HINT_WILDCARD_GUARDED = 64, /* the answer in this slot has a guard */
};

struct port_slot {
	__u32 listener[2]; /* by enum family: id of the unbound wildcard listener, 0: none */
	__u8 target[2];	   /* by enum family: its enum target_kind, TARGET_STEER at most */
	__u8 hints[2];	   /* by enum family: enum slot_hint */
	__u32 flows;	   /* flows whose local port this is */
};
XDEMUX_ASSERT_LAYOUT(struct port_slot, 16);

/* Map listeners, hash by listener id (1 and up): what the user asked for. User space alone reads
 * and writes it. */
enum listener_scope {
	SCOPE_EXACT = 0,
	SCOPE_PREFIX = 1,
	SCOPE_WILDCARD = 2,
};

/* A change marks first and commits with one write of struct journal: see there. */
enum listener_state {
	LISTENER_ACTIVE = 0,
	LISTENER_ADDING = 1,
	LISTENER_REMOVING = 2,
};

struct listener {
	__u8 addr[ADDR_SIZE];
	__u32 ifindex;	 /* 0: any device */
	__u16 port;	 /* 0: all ports */
	__u16 port_last; /* as port unless a range */
	enum proto proto;
	enum listener_scope scope;
	enum family family; /* FAMILY_DUAL: a wildcard of both */
	__u32 target;	    /* its number */
	enum listener_state state;
	__u8 prefix_len; /* bits; of an exact address all of them, of a wildcard 0 */
	__u8 reuseport;
	__u8 guarded; /* 1: it has a guard */
	__u8 zero;
	char name[NAME_SIZE];
	char dev[NAME_SIZE]; /* the device's name when the listener was made, for people; ifindex
				counts */
};
XDEMUX_ASSERT_LAYOUT(struct listener, 80);

/*
 * Map journal, array of one: makes a change of listeners complete or undone when its writer is
 * killed. APPLYING: the next writer takes back what is LISTENER_ADDING and revives what is
 * LISTENER_REMOVING; COMMITTED: it goes on; both then make the tables below from what is active.
 */
enum journal_state {
	JOURNAL_IDLE = 0,
	JOURNAL_APPLYING = 1,
	JOURNAL_COMMITTED = 2,
};

struct journal {
	enum journal_state state;
};
XDEMUX_ASSERT_LAYOUT(struct journal, 4);

/* Value of listen_addrs and listen_prefixes. */
struct listen_entry {
	__u32 listener;
	enum target_kind target; /* TARGET_STEER at most */
	__u8 prefix_len;	 /* bits of the prefix that matched */
	__u8 guarded;		 /* 1: the listener has a guard */
	__u8 zero[2];
};
XDEMUX_ASSERT_LAYOUT(struct listen_entry, 12);

/* Key of listen_addrs, hash: exact addresses; and with a zero address the wildcards that are bound
 * to a device. */
struct listen_addr {
	__u8 addr[ADDR_SIZE];
	__u32 ifindex; /* 0: any device */
	__u16 port;    /* 0: all ports */
	__u8 proto;    /* enum proto */
	__u8 family;   /* enum family */
};
XDEMUX_ASSERT_LAYOUT(struct listen_addr, 24);

/*
 * Map destinations, per CPU, array by a keyed hash: what local routes and listeners said of a
 * destination, of which its port's slot does not say all. No table of the instance: the data path
 * alone reads and writes it, by words, and each loaded program has its own.
 */
XDEMUX_CONSTANT(DESTINATIONS, 4096);
struct destination {
	__u64 stamp;	/* (epoch + 1) << 32 | how often the place was written; less: nothing */
	__u64 addr[2];	/* as on the wire; of IPv4 in the lower half of the first */
	__u64 endpoint; /* family << 56 | proto << 48 | port << 32 | ifindex of the packet's device
			 */
	__u64 answer;	/* as bpf/destination.h packs it */
};
XDEMUX_ASSERT_LAYOUT(struct destination, 40);

/* Key of listen_prefixes, longest-prefix trie. The fixed fields are its first 64 bits. */
XDEMUX_CONSTANT(LISTEN_PREFIX_FIXED_BITS, 64);
struct listen_prefix {
	__u32 prefixlen; /* LISTEN_PREFIX_FIXED_BITS + bits of the address */
	__u32 ifindex;
	__u16 port;
	__u8 proto;
	__u8 family;
	__u8 addr[ADDR_SIZE];
};
XDEMUX_ASSERT_LAYOUT(struct listen_prefix, 28);

/*
 * Map guards, array by listener id: who may reach a listener; all zero: anyone. User space writes
 * it before the listener's entries appear, and clears it, with the listener's guard_sources and
 * guard_rates, when they are gone and no packet that met them is under way any more: what stands
 * here of a listener that is to be found never changes. A source that is not among the listener's
 * prefixes is REASON_SOURCE_DENIED; one that sends faster than its rate is REASON_RATE_LIMITED.
 */
struct guard {
	__u64 packet_ns; /* what a packet of one source costs: 1e9 / packets_per_second; 0: no rate
			  */
	__u64 burst_ns;	 /* how far a source may be ahead of its rate */
	__u64 serial;	 /* no other guard of the instance has it, nor ever had; 0: none */
	__u32 prefixes;	 /* how many of guard_sources are this listener's; 0: any source */
	__u32 packets_per_second; /* as the user asked for it */
};
XDEMUX_ASSERT_LAYOUT(struct guard, 32);

/* Key of guard_sources, longest-prefix trie: the sources that a listener admits. The fixed fields
 * are its first 64 bits. */
XDEMUX_CONSTANT(GUARD_SOURCE_FIXED_BITS, 64);
struct guard_source {
	__u32 prefixlen; /* GUARD_SOURCE_FIXED_BITS + bits of the address */
	__u32 listener;
	__u8 family;
	__u8 zero[3];
	__u8 addr[ADDR_SIZE];
};
XDEMUX_ASSERT_LAYOUT(struct guard_source, 28);

struct guard_admits {
	__u32 listener;
};
XDEMUX_ASSERT_LAYOUT(struct guard_admits, 4);

/*
 * Map guard_verdicts, per CPU, array by a hash of source and guard: whether the guard admitted the
 * source when it was last looked up. A guard never changes and its serial never returns, so that no
 * verdict grows old. The data path alone.
 */
XDEMUX_CONSTANT(GUARD_VERDICTS, 1024);
struct guard_verdict {
	__u8 addr[ADDR_SIZE];
	__u64 guard; /* its serial */
	__u8 family;
	__u8 admitted;
	__u8 zero[6];
};
XDEMUX_ASSERT_LAYOUT(struct guard_verdict, 32);

/* Map guard_rates, LRU hash: how far each source of a listener with a rate has used it up. The data
 * path writes. */
struct guard_client {
	__u8 addr[ADDR_SIZE];
	__u32 listener;
	__u8 family;
	__u8 zero[3];
};
XDEMUX_ASSERT_LAYOUT(struct guard_client, 24);

struct guard_rate {
	__u64 paid_until_ns; /* theoretical arrival time of the generic cell rate algorithm (ITU-T
				I.371) */
};
XDEMUX_ASSERT_LAYOUT(struct guard_rate, 8);

/*
 * Map targets, array by number: where packets are steered to. User space writes a row before
 * anything names it, and clears it when nothing does and no packet that met it is under way any
 * more: what stands here of a target that is named never changes.
 */
struct target {
	enum target_kind kind;	   /* TARGET_NONE: free; from TARGET_CPU on */
	enum target_kind fallback; /* what is done where it cannot act: pass, drop or reject */
	__u32 first;		   /* cpu: the first CPU; dev: ifindex */
	__u32 count;		   /* cpu: so many from the first on */
	__u32 queue;		   /* cpu: frames that may wait for each */
	__u8 dst_mac[6];	   /* dev: written into each frame where `rewrite` says so */
	__u8 src_mac[6];
	__u8 rewrite; /* dev: 1: the MACs above */
	__u8 sticky;  /* group: 1: a flow stays with its first member, in the flow table */
	__u8 zero[2];
	char name[NAME_SIZE]; /* group, xsk, socket: the user's; dev: the device's, for people */
};
XDEMUX_ASSERT_LAYOUT(struct target, 52);

/* Map listener_targets, array by listener id: the number of a target from TARGET_CPU on, written
 * before the listener's entries appear; 0: the listener's target is in its entries. */
struct listener_target {
	__u32 target;
};
XDEMUX_ASSERT_LAYOUT(struct listener_target, 4);

/* Map target_counts, per CPU, by a target's number: what went there, and what could not. A group's
 * packets count at their member. */
struct target_count {
	__u64 packets;
	__u64 bytes;
	__u64 fallback_packets;
	__u64 fallback_bytes;
	__u64 unkept_packets; /* sticky group: the flow table had no room for their flow */
};
XDEMUX_ASSERT_LAYOUT(struct target_count, 40);

/*
 * Map group_tables, array of maps by a group's number: an array of one struct group_table, Maglev's
 * look-up table (Eisenbud et al., NSDI 2016), in which a packet's hash finds a member. It is
 * replaced as a whole, never written to.
 */
XDEMUX_CONSTANT(GROUP_PLACES, 65537);
struct group_table {
	__u16 members[GROUP_PLACES]; /* their targets' numbers; 0: the group is empty */
};
XDEMUX_ASSERT_LAYOUT(struct group_table, 131074);

/*
 * Map group_members, hash: what the user asked for. User space alone. A change writes the new
 * members beside the present ones, with GROUP_STAGED in `group`, and commits with one more entry of
 * target 0. Without that entry, the next writer takes back what is staged; with it, he goes on.
 */
XDEMUX_CONSTANT(GROUP_STAGED, 0x80000000);
struct group_member {
	__u32 group;  /* its number */
	__u32 target; /* the member's number; no group */
};
XDEMUX_ASSERT_LAYOUT(struct group_member, 8);

struct group_weight {
	__u32 weight; /* 0: it drains */
};
XDEMUX_ASSERT_LAYOUT(struct group_weight, 4);

/* Map xsk_queues, hash: which AF_XDP socket serves a queue for a target. User space writes. */
struct xsk_queue {
	__u32 ifindex;
	__u32 queue;  /* the receive queue's index */
	__u32 target; /* its number */
};
XDEMUX_ASSERT_LAYOUT(struct xsk_queue, 12);

struct xsk_place {
	__u32 index; /* in map xsks (XSKMAP), from which the kernel takes a socket that is closed */
	__u32 pid;   /* who registered it */
};
XDEMUX_ASSERT_LAYOUT(struct xsk_place, 8);

/* Key of blocks, hash: sources that are blocked for a time. User space writes. */
struct block_source {
	__u8 addr[ADDR_SIZE];
	__u8 family;
	__u8 zero[3];
};
XDEMUX_ASSERT_LAYOUT(struct block_source, 20);

struct block {
	__u64 until_ns;
};
XDEMUX_ASSERT_LAYOUT(struct block, 8);

/* Variable blocking: whether any source is blocked. User space sets it after the entries are in
 * blocks; the data path clears it, by compare and swap, once it has passed. */
struct blocking {
	__u64 until_ns; /* the last of all blocks; 0: none */
};
XDEMUX_ASSERT_LAYOUT(struct blocking, 8);

/*
 * Map scanners, per CPU, array by a keyed hash of the source, settings.scan_slots large: who
 * touched closed endpoints. A slot holds one source; another one that falls into it wears its
 * credit down and takes its place at zero (Misra and Gries, 1982), so that memory is bounded and
 * persistent sources stay. The data path writes, user space merges the CPUs.
 */
struct scanner {
	__u8 addr[ADDR_SIZE]; /* the source */
	__u32 first_seen;     /* CLOCK_MONOTONIC_COARSE in units of 2^30 ns */
	__u32 last_seen;      /* 0: the slot is free */
	__u32 packets;
	__u8 family;
	__u8 credit;
	__u8 protocols; /* bits by enum proto */
	__u8 tcp_flags; /* all that were seen */
	/* Linear counting (Whang et al., 1990) of the closed endpoints by a hash of protocol,
	 * address and port: all of them, one of 16, one of 256. */
	__u64 endpoints[3];
	__u64 addresses; /* ... of the local addresses */
};
XDEMUX_ASSERT_LAYOUT(struct scanner, 64);

/*
 * Map scan_budgets, per CPU, array of one: a flood shall not pay for its evidence. Of the packets
 * to closed endpoints in one jiffy the first SCAN_TOUCHES_MAX are noted, the others only counted
 * here.
 */
XDEMUX_CONSTANT(SCAN_TOUCHES_MAX, 1024);
struct scan_budget {
	__u64 jiffies;
	__u64 touches; /* noted in that jiffy */
	__u64 skipped;
};
XDEMUX_ASSERT_LAYOUT(struct scan_budget, 24);

/* Variable watch: whether somebody reads `events`. The reader renews it; the data path clears it,
 * by compare and swap, once it has passed. */
struct watch {
	__u64 until_ns; /* CLOCK_MONOTONIC_COARSE; 0: nobody */
	__u64 event_ns; /* what an event costs each CPU: 1e9 / its events per second */
	__u32 one_in;	/* sampling: one event of so many; 0 and 1: all */
	__u32 zero;
};
XDEMUX_ASSERT_LAYOUT(struct watch, 24);

/* Map watch_limits, per CPU, array of one: as reject_limits. */
struct watch_limit {
	__u64 paid_until_ns;
	__u64 lost; /* events that were not sent: over the rate, or the ring was full */
};
XDEMUX_ASSERT_LAYOUT(struct watch_limit, 16);

/* What ring buffer `events` carries: a packet that was, or in monitor mode would have been, dropped
 * or rejected. */
XDEMUX_CONSTANT(EVENT_FRAME_SIZE, 184);
struct event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 frame_len;
	__u32 captured_len; /* bytes of `frame` that are set */
	__u32 ifindex;
	__u32 listener; /* id, 0: none */
	__u8 local_addr[ADDR_SIZE];
	__u8 remote_addr[ADDR_SIZE];
	__u16 local_port; /* as in struct trace */
	__u16 remote_port;
	__u8 proto;
	__u8 family;
	__u8 reason;
	__u8 verdict;
	__u8 action;
	__u8 zero[7];
	__u8 frame[EVENT_FRAME_SIZE];
};
XDEMUX_ASSERT_LAYOUT(struct event, 256);

/* An exact 4-tuple of one protocol. Local is the packet's destination. */
struct flow_key {
	__u8 local_addr[ADDR_SIZE];
	__u8 remote_addr[ADDR_SIZE];
	__u16 local_port;
	__u16 remote_port;
	__u8 proto;  /* enum proto */
	__u8 family; /* enum family */
	__u16 zero;
};
XDEMUX_ASSERT_LAYOUT(struct flow_key, 40);

/* Of a flow. The four after the first are leases, which user space makes; the data path moves them
 * on. The last two it makes by itself. */
enum flow_state {
	FLOW_ESTABLISHED = 0,  /* added by hand, stays until it is deleted */
	FLOW_TIME_WAIT = 1,    /* a FIN was seen */
	FLOW_LEASED = 2,       /* handed out, no packet yet */
	FLOW_IN_USE = 3,       /* a packet was seen */
	FLOW_QUARANTINE = 4,   /* an RST was seen, or it was given back */
	FLOW_STICKY = 5,       /* stays with the member of a group that it fell on */
	FLOW_STICKY_ENDED = 6, /* ... and a FIN or RST was seen */
};

/*
 * The flow table: for each family an array of lines and one of entries, where FLOW_LINE_PLACES
 * entries belong to a line, FLOW_SLOTS of them to each of its FLOW_WORDS words. How a flow is found
 * in them, and in which order they are written, is told in <xdemux/flow_layout.h>.
 *
 * Maps flow_lines4 and flow_lines6, arrays, a cache line each.
 */
XDEMUX_CONSTANT(FLOW_WORDS, 7);
XDEMUX_CONSTANT(FLOW_SLOTS, 8);
XDEMUX_CONSTANT(FLOW_LINE_PLACES, 7 * 8); /* words by slots */
struct flow_line {
	/* A byte of the flow's hash, never 0; 0: the place is free. */
	__u8 tags[FLOW_WORDS][FLOW_SLOTS];
	__u32 writer;	 /* who may write the line, 0: nobody does */
	__u32 elsewhere; /* what lives in another word than its own: see flow_layout.h */
};
XDEMUX_ASSERT_LAYOUT(struct flow_line, 64);

/*
 * Maps flows4 and flows6, arrays by place. What `use`, `life` and `traffic` are made of:
 *   use      enum flow_state << FLOW_STATE_SHIFT | the target's number
 *   life     enum proto << FLOW_PROTO_SHIFT | generation: how often the place was used
 *   traffic  more << FLOW_MORE_SHIFT | packets << FLOW_PACKETS_SHIFT | bytes; `more`: there may be
 *            more of both in flow_carries
 */
XDEMUX_CONSTANT(FLOW_STATE_SHIFT, 12);
XDEMUX_CONSTANT(FLOW_TARGET_MASK, 0x0fff);
XDEMUX_CONSTANT(FLOW_PROTO_SHIFT, 15);
XDEMUX_CONSTANT(FLOW_GENERATION_MASK, 0x7fff);
XDEMUX_CONSTANT(FLOW_PACKETS_SHIFT, 40);
XDEMUX_CONSTANT(FLOW_MORE_SHIFT, 63);
XDEMUX_CONSTANT(FLOW_SEEN_SHIFT, 26); /* last_seen counts 2^26 ns of CLOCK_MONOTONIC_COARSE */
struct flow_ipv4 {
	__u8 local_addr[4];
	__u8 remote_addr[4];
	__u16 local_port;
	__u16 remote_port;
	__u16 use;
	__u16 life;
	__u64 traffic;
	__u32 last_seen;
	__u32 owner; /* of a lease: whoever made it says */
};
XDEMUX_ASSERT_LAYOUT(struct flow_ipv4, 32);

struct flow_ipv6 {
	__u8 local_addr[ADDR_SIZE];
	__u8 remote_addr[ADDR_SIZE];
	__u16 local_port;
	__u16 remote_port;
	__u16 use;
	__u16 life;
	__u64 traffic;
	__u32 last_seen;
	__u32 owner;
	__u64 zero;
};
XDEMUX_ASSERT_LAYOUT(struct flow_ipv6, 64);

/* Map flow_carries, hash: what no longer fits into `traffic`. The data path adds, user space reads
 * and erases. */
struct flow_carry_key {
	__u32 place;
	__u16 life;
	__u16 family; /* enum family */
};
XDEMUX_ASSERT_LAYOUT(struct flow_carry_key, 8);

struct flow_carry {
	__u64 packets;
	__u64 bytes;
};
XDEMUX_ASSERT_LAYOUT(struct flow_carry, 16);

/*
 * Map flow_writers, array: the processes that write to the flow table. `writer` of a line is
 * incarnation << FLOW_WRITER_SHIFT | index, or FLOW_WRITER_DATA_PATH.
 */
XDEMUX_CONSTANT(FLOW_WRITERS, 1024);
XDEMUX_CONSTANT(FLOW_WRITER_SHIFT, 10);
XDEMUX_CONSTANT(FLOW_WRITER_DATA_PATH, 0x80000000);
XDEMUX_CONSTANT(FLOW_INCARNATION_MASK, 0x1fffff);
struct flow_writer {
	__u32 incarnation; /* counts who had this index, from 1 */
	__u32 pid;	   /* for messages */
};
XDEMUX_ASSERT_LAYOUT(struct flow_writer, 8);

/*
 * Map local_hot, array of one: the first few local addresses in its first cache line, the rest is
 * asked of local_routes only where `more` says so. Unused places repeat an address that is always
 * local, never zero.
 *
 * `epoch` is that of the local routes and of the listeners. User space makes it odd before it
 * changes any of them that `destinations` may remember, and even again, a greater number, when the
 * change is over. While it is odd nothing is remembered, and what was remembered in another epoch
 * is over. So a writer that is killed leaves them all to be looked up, until the next one has put
 * things right.
 */
XDEMUX_CONSTANT(LOCAL_HOT_IPV4, 4);
XDEMUX_CONSTANT(LOCAL_HOT_IPV6, 3);
struct local_hot {
	__u8 ipv4[LOCAL_HOT_IPV4][4];
	__u8 ipv6[LOCAL_HOT_IPV6][ADDR_SIZE];
	__u8 more[2]; /* by enum family */
	__u16 zero;
	__u32 epoch;
	__u8 reserved[56];
};
XDEMUX_ASSERT_LAYOUT(struct local_hot, 128);

/* Key of local_routes, longest-prefix trie: what is local by route (AnyIP too), or named by a
 * listener; and the Ethernet addresses that frames for this host have, by the device on which they
 * arrive: `addr` is struct local_link then, and nothing is shorter than it. */
XDEMUX_CONSTANT(LOCAL_ROUTE_FIXED_BITS, 32);
XDEMUX_CONSTANT(LOCAL_LINK_BITS, 96);
struct local_route {
	__u32 prefixlen; /* LOCAL_ROUTE_FIXED_BITS + bits of the address */
	__u8 family;
	__u8 zero[3];
	__u8 addr[ADDR_SIZE];
};
XDEMUX_ASSERT_LAYOUT(struct local_route, 24);

struct local_link {
	__u32 ifindex;
	__u8 mac[6];
	__u16 zero;
};
XDEMUX_ASSERT_LAYOUT(struct local_link, 12);

enum local_source {
	LOCAL_BY_ROUTE = 0,
	LOCAL_BY_LISTENER = 1,
	LOCAL_BY_LINK = 2,	   /* FAMILY_LINK */
	LOCAL_BY_STACKED_LINK = 3, /* ... where other devices of this host stand on that one */
};

struct local_entry {
	enum local_source source;
};
XDEMUX_ASSERT_LAYOUT(struct local_entry, 4);

/* Map fragments, LRU hash: what became of a datagram's first fragment, for the others (RFC 791, RFC
 * 8200). */
struct fragment_key {
	__u8 src[ADDR_SIZE];
	__u8 dst[ADDR_SIZE];
	__u32 id;      /* network order, as on the wire */
	__u8 protocol; /* IANA number */
	__u8 family;
	__u16 zero;
};
XDEMUX_ASSERT_LAYOUT(struct fragment_key, 40);

struct fragment {
	__u32 seen;  /* when, in CLOCK_MONOTONIC_COARSE >> FLOW_SEEN_SHIFT; for others it is over */
	__u16 steer; /* VERDICT_STEER: the target's number, of a group its member's */
	__u16 verdict; /* enum verdict */
	__u32 hash;    /* of VERDICT_STEER: what chose among its CPUs */
};
XDEMUX_ASSERT_LAYOUT(struct fragment, 12);

/* Maps port_counters and port_drops, per CPU, by (proto << 16) | local port; listener_counts by
 * listener id. */
struct traffic {
	__u64 packets;
	__u64 bytes;
};
XDEMUX_ASSERT_LAYOUT(struct traffic, 16);

/* Map reason_counters, per CPU, by reason * VERDICT_COUNT + verdict. */
struct reason_counter {
	__u64 packets;
	__u64 bytes;
	__u64 monitored_packets; /* of them, those whose verdict was not carried out, the mode being
				    monitor */
};
XDEMUX_ASSERT_LAYOUT(struct reason_counter, 24);

/* Map reject_limits, per CPU, array of one: token bucket of the replies. */
struct reject_limit {
	__u64 tokens_ns; /* credit: a reply costs 1e9 / settings.rejects_per_second */
	__u64 last_ns;
};
XDEMUX_ASSERT_LAYOUT(struct reject_limit, 16);

/*
 * Map forwarding, per CPU, by a hash of ifindex and family: whether packets arriving there are
 * forwarded, as the kernel said within this jiffy, and whether the last frame's destination was one
 * of this host's, as local_routes had it then. Data path alone.
 */
XDEMUX_CONSTANT(FORWARDING_SLOTS, 64);
struct forwarding {
	__u32 ifindex;
	__u32 jiffies; /* the lower half */
	__u8 mac[6];
	__u8 link; /* enum local_source of that address; 0: not of this host */
	__u8 enabled;
};
XDEMUX_ASSERT_LAYOUT(struct forwarding, 16);

/* Random, so that nobody outside can aim at a place of the flow table. */
struct flow_seeds {
	__u64 mix; /* odd */
	__u32 words[10];
};
XDEMUX_ASSERT_LAYOUT(struct flow_seeds, 48);

/* What decides: one set of rules. */
struct rules {
	enum mode mode;
	enum verdict closed; /* of closed endpoints: pass, drop or reject */
	__u32 host;	     /* 1: a closed endpoint must be unknown to the host's sockets too */
};
XDEMUX_ASSERT_LAYOUT(struct rules, 12);

/*
 * Constants of a loaded program (its read-only data, pinned as `settings`). Every change of
 * settings loads the program anew and swaps it in through the links.
 */
struct settings {
	__u32 contract; /* CONTRACT_VERSION, or how far an upgrade came; the first field for ever */
	struct rules rules;
	struct rules fallback;	  /* in force again once confirm_by_ns has passed */
	__u32 shared_counters;	  /* 1: port counters are one atomic array, not one per CPU */
	__u64 confirm_by_ns;	  /* CLOCK_MONOTONIC_COARSE; 0: nothing to confirm */
	__u64 netns_cookie;	  /* the namespace that the instance belongs to (SO_NETNS_COOKIE) */
	__u64 trace_key;	  /* random: who knows it may ask the program for a trace */
	__u64 rejects_per_second; /* per CPU */
	__u64 hash_key;		  /* random: nobody outside can aim at a slot of scanners */
	__u32 scan_slots;	  /* of map scanners, a power of two; 0: scans are not recorded */
	__u32 flow_lines;	  /* of each family's flow table, a prime; 0: there is none */
	struct flow_seeds flow_seeds;
	__u32 flow_capacity; /* flows of each family that were asked for */
	__u32 ordered_loads; /* 1: this machine makes loads in order (x86, s390) */
};
XDEMUX_ASSERT_LAYOUT(struct settings, 136);

/*
 * What explain reads: metadata in front of the frame under BPF_PROG_TEST_RUN. Frames from a driver
 * have none. The tool sets `key`; the program then writes the rest and leaves every counter,
 * limiter and flow alone.
 */
enum stage {
	STAGE_SLOT = 1,
	STAGE_FLOW = 2,
	STAGE_EXACT = 4,
	STAGE_PREFIX = 8,
	STAGE_LOCAL = 16,
	STAGE_WILDCARD = 32,
	STAGE_ALL_EXACT = 64,
	STAGE_ALL_PREFIX = 128,
	STAGE_ALL_WILDCARD = 256,
	STAGE_HOST = 512,
	STAGE_ROUTE = 1024,
	STAGE_FRAGMENT = 2048,
	STAGE_GUARD = 4096,
	STAGE_BLOCK = 8192,
	STAGE_TARGET = 16384, /* answered: it can act */
};

struct trace {
	__u64 key; /* in the answer: the number of the target steered to, of a group its member's */
	__u16 asked;	  /* enum stage: look-ups that were made */
	__u16 answered;	  /* enum stage: those that found something */
	__u8 reason;	  /* enum reason */
	__u8 verdict;	  /* enum verdict */
	__u8 action;	  /* enum verdict: what was done */
	__u8 target;	  /* enum target_kind */
	__u32 listener;	  /* id, 0: none */
	__u16 local_port; /* as parsed; 0 with reasons that have no ports */
	__u16 remote_port;
	__u16 l3_offset;
	__u16 l4_offset;
	__u8 proto;  /* enum proto */
	__u8 family; /* enum family */
	__u8 prefix_len;
	__u8 zero;
};
XDEMUX_ASSERT_LAYOUT(struct trace, 32);

#ifdef __cplusplus
} /* namespace xdemux::contract */
#endif

#endif
