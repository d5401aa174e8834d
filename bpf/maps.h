/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All maps and the settings. Layouts are the contract's; sizes marked "loader" are set before load.
 */
#ifndef XDEMUX_MAPS_H
#define XDEMUX_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <xdemux/contract.h>

/* Set by the loader before load, so that what is switched off is not in the program. */
const volatile struct settings settings SEC(".rodata.settings");

/* Key (proto << 16) | local port. User space writes, through a mapping and by word; the data path
 * reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, PORT_INDEXES);
	__type(key, __u32);
	__type(value, struct port_slot);
} port_slots SEC(".maps");

/* User space writes and reads: what the user asked for, by listener id. Size: loader. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct listener);
} listeners SEC(".maps");

/* User space writes and reads: whether a change of listeners is under way. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct journal);
} journal SEC(".maps");

/* User space writes, the data path reads where a slot's hints say so. Size: loader. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct listen_addr);
	__type(value, struct listen_entry);
} listen_addrs SEC(".maps");

/* User space writes, the data path reads where a slot's hints say so. Size: loader. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct listen_prefix);
	__type(value, struct listen_entry);
} listen_prefixes SEC(".maps");

/* The data path alone: what it found out lately of local routes and listeners. No table of the
 * instance: each loaded program has its own. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DESTINATIONS);
	__type(key, __u32);
	__type(value, struct destination);
} destinations SEC(".maps");

/* The flow table: user space writes, the data path reads where a slot has flows, and counts. Sizes:
 * loader (settings.flow_lines). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 23);
	__type(key, __u32);
	__type(value, struct flow_line);
} flow_lines4 SEC(".maps"), flow_lines6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 23 * 56);
	__type(key, __u32);
	__type(value, struct flow_ipv4);
} flows4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 23 * 56);
	__type(key, __u32);
	__type(value, struct flow_ipv6);
} flows6 SEC(".maps");

/* The data path adds, user space reads and erases. A flow needs a place here once it has millions
 * of packets, or half a terabyte. Size: loader. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 2 * 23 * 56);
	__type(key, struct flow_carry_key);
	__type(value, struct flow_carry);
} flow_carries SEC(".maps");

/* The data path alone: what the clock of the flows' last_seen says. It moves with the jiffies, so
 * the kernel is asked once a jiffy, by whoever finds the answer old. No table of the instance: each
 * loaded program has its own. */
volatile struct {
	__u64 jiffies;
	__u64 now; /* written before `jiffies` */
} flow_clock SEC(".data.flow_clock");

/* User space alone: the processes that write to the flow table. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, FLOW_WRITERS);
	__type(key, __u32);
	__type(value, struct flow_writer);
} flow_writers SEC(".maps");

/* User space writes, the data path reads: is a destination this host's, and are answers from before
 * still good? A variable, so that it is read by its address. */
struct local_hot local_hot SEC(".data.local_hot") __attribute__((aligned(64)));

/* User space writes, the data path reads where local_hot has `more`. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct local_route);
	__type(value, struct local_entry);
} local_routes SEC(".maps");

/* User space writes, the data path reads where a listener is guarded. Key: listener id. Size:
 * loader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16385);
	__type(key, __u32);
	__type(value, struct guard);
} guards SEC(".maps");

/* User space writes, the data path reads where a guard has prefixes. Size: loader. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct guard_source);
	__type(value, struct guard_admits);
} guard_sources SEC(".maps");

/* The data path alone: what it found in guard_sources lately. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, GUARD_VERDICTS);
	__type(key, __u32);
	__type(value, struct guard_verdict);
} guard_verdicts SEC(".maps");

/* The data path alone, where a guard has a rate. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct guard_client);
	__type(value, struct guard_rate);
} guard_rates SEC(".maps");

/* User space writes, the data path reads where a listener or a flow steers. Key: a target's number.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TARGETS);
	__type(key, __u32);
	__type(value, struct target);
} targets SEC(".maps");

/* User space writes, the data path reads where an entry says TARGET_STEER. Key: listener id. Size:
 * loader. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 16385);
	__type(key, __u32);
	__type(value, struct listener_target);
} listener_targets SEC(".maps");

/* The data path writes, user space reads. Key: a target's number. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TARGETS);
	__type(key, __u32);
	__type(value, struct target_count);
} target_counts SEC(".maps");

/* User space makes a table and puts it in, the data path reads. Key: a group's number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, TARGETS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(key_size, sizeof(__u32));
			__uint(value_size, sizeof(struct group_table));
		});
} group_tables SEC(".maps");

/* User space alone. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct group_member);
	__type(value, struct group_weight);
} group_members SEC(".maps");

/* Where steered packets are handed over. User space writes; the kernel takes out devices and
 * sockets that are gone. Keys: CPU; ifindex; index from xsk_queues; a target's number. Size of the
 * first: loader, as many as the kernel may have. */
struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32); /* frames that may wait */
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32); /* ifindex */
} devs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, TARGETS);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

/* User space writes, the data path reads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct xsk_queue);
	__type(value, struct xsk_place);
} xsk_queues SEC(".maps");

/* User space writes, the data path reads while `blocking` has not passed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct block_source);
	__type(value, struct block);
} blocks SEC(".maps");

struct blocking blocking SEC(".data.blocking");

/* The data path writes, user space reads. Size: loader (settings.scan_slots). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct scanner);
} scanners SEC(".maps");

/* The data path writes, user space reads what was skipped. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scan_budget);
} scan_budgets SEC(".maps");

/* User space sets how the data path writes to `events`. */
struct watch watch SEC(".data.watch");

/* The data path alone. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct watch_limit);
} watch_limits SEC(".maps");

/* The data path writes struct event, one reader takes. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* The data path writes and reads: verdicts of first fragments. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct fragment_key);
	__type(value, struct fragment);
} fragments SEC(".maps");

/* The data path writes, user space reads. Key (proto << 16) | local port. Type: loader (see
 * settings.shared_counters). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PORT_INDEXES);
	__type(key, __u32);
	__type(value, struct traffic);
} port_counters SEC(".maps");

/* As port_counters, of what was really dropped or rejected. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PORT_INDEXES);
	__type(key, __u32);
	__type(value, struct traffic);
} port_drops SEC(".maps");

/* The data path writes, user space reads. Key: listener id. Size: loader. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct traffic);
} listener_counts SEC(".maps");

/* The data path writes, user space reads. Key: reason * VERDICT_COUNT + verdict. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, REASON_COUNT *VERDICT_COUNT);
	__type(key, __u32);
	__type(value, struct reason_counter);
} reason_counters SEC(".maps");

/* The data path alone: credit for replies. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct reject_limit);
} reject_limits SEC(".maps");

/* The data path alone: does an interface forward? */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FORWARDING_SLOTS);
	__type(key, __u32);
	__type(value, struct forwarding);
} forwarding SEC(".maps");

#endif
