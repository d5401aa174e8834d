/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers of the protocols that the kernel's headers keep in files which do not compile for BPF
 * (they include <sys/socket.h>).
 */
#ifndef XDEMUX_PROTOCOL_H
#define XDEMUX_PROTOCOL_H

/* <sys/socket.h> */
#define AF_INET	 2
#define AF_INET6 10

/* RFC 792 */
#define ICMP_DEST_UNREACH  3
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT	   5
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETERPROB 12
#define ICMP_PORT_UNREACH  3

/* RFC 4443 */
#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PARAMPROB    4
#define ICMPV6_PORT_UNREACH 4

/* RFC 9293, 3.1 */
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#endif
