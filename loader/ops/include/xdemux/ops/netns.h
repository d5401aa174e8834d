// SPDX-License-Identifier: BSD-2-Clause
// The network namespace that the operations of this box work in: that of the calling thread. A front end enters
// another one by NetnsScope before it opens an instance, and stays there until it is done.
#pragma once

#include <xdemux/kernel/netns.h>
