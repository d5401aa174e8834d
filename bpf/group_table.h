/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A group's look-up table, out of the map of maps.
 */
#ifndef XDEMUX_GROUP_TABLE_H
#define XDEMUX_GROUP_TABLE_H

#include "maps.h"

static __always_inline const struct group_table *group_table_of(__u32 group)
{
	void *table = bpf_map_lookup_elem(&group_tables, &group);
	__u32 zero = 0;

	return table ? bpf_map_lookup_elem(table, &zero) : NULL;
}

#endif
