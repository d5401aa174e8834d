/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What surrounds the program when it runs in user space: a frame that ends where memory ends, tables
 * whose content is drawn from the fuzzer's input, a clock, sockets. It knows no packet.
 */
#ifndef XDEMUX_FUZZ_WORLD_H
#define XDEMUX_FUZZ_WORLD_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

/* A frame in front of a page that may not be touched, below 4 GiB, as struct xdp_md wants it.
 * `metadata`: bytes of it in front of the frame, a multiple of four. */
void world_begin(const uint8_t* frame, size_t size, const uint8_t* metadata, size_t metadata_size,
                 const uint8_t* choices, size_t choices_size);
struct xdp_md* world_context(void);
/* As it is now. */
const uint8_t* world_frame(size_t* size);
/* Frees what the run used; fails where a socket was not given back. */
void world_end(void);

/* The tables that keep what the program writes into them. */
void world_keep(const void* map, void* values);
/* Told by the target: makes of any bytes a value that user space could have put into the table. */
void world_shape(const void* map, void* value);
/* Makes a constant of the program's writable. */
void* world_writable(const volatile void* constant, size_t size);
/* The next bytes of the choices; zero when they are used up. */
void world_draw(void* to, size_t size);

#endif
