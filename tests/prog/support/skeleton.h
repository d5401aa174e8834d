// SPDX-License-Identifier: BSD-2-Clause
// The generated skeleton of the shipped object, which names the types of the program's variables as C does. For the
// files that implement Program alone.
#pragma once

#include <xdemux/contract.h>

using xdemux::contract::blocking;
using xdemux::contract::local_hot;
using xdemux::contract::settings;
using xdemux::contract::watch;
#include "demux.skel.h"
