// SPDX-License-Identifier: BSD-2-Clause
// Why connect(2), or bind(2) before it, fails for want of a port: EADDRNOTAVAIL against EADDRINUSE, and what mends it.
#pragma once

#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/ops/ephemeral_use.h>
#include <xdemux/ops/findings.h>

namespace xdemux {

/// A connection that somebody wants to make.
struct ConnectQuestion {
    Proto proto = Proto::tcp;
    Address local;
    SocketAddress remote;
};

struct ConnectFacts {
    ConnectQuestion question;
    bool local_is_here = true;
    EphemeralSettings settings;
    std::vector<HostSocket> sockets;
    TimeWaitReuse reuse = TimeWaitReuse::loopback;
    bool timestamps = true;
};

/// Pure; all of group `traffic`, one for each way to fail.
std::vector<Finding> judge_connect(const ConnectFacts& facts);

/// Of the calling thread's network namespace. Errors: `usage` (families that differ), `failed`.
Result<std::vector<Finding>> diagnose_connect(const ConnectQuestion& question);

}  // namespace xdemux
