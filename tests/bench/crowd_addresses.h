// SPDX-License-Identifier: BSD-2-Clause
// Where the sockets of the crowd are, for who opens them and for the yardstick that asks for them: valid C and C++.
#ifndef XDEMUX_TESTS_BENCH_CROWD_ADDRESSES_H
#define XDEMUX_TESTS_BENCH_CROWD_ADDRESSES_H

// Socket number i is at address CROWD_NET + 2 + i / CROWD_PER_ADDRESS, host order, and port CROWD_FIRST_PORT + i %
// CROWD_PER_ADDRESS. The even ones are connected to the server of the process that has them, the nth of CROWD_SERVERS.
#define CROWD_NET 0x7f000000u
#define CROWD_PER_ADDRESS 8192u
#define CROWD_FIRST_PORT 10000u
#define CROWD_SERVERS 0x7f010001u
#define CROWD_SERVER_PORT 443u

#endif
