// SPDX-License-Identifier: BSD-2-Clause
// What each user of a libbpf object needs: an owner of it, libbpf kept quiet, and descriptors that outlive it.
#pragma once

#include <memory>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>

struct bpf_object;

namespace xdemux {

struct CloseObject {
    void operator()(bpf_object* object) const;
};
using ObjectPtr = std::unique_ptr<bpf_object, CloseObject>;

/// libbpf's warnings go to stderr, which belongs to the front end; what they say is in our errors.
void silence_libbpf();

/// A descriptor of the caller's own, for one that the object closes.
Result<Fd> duplicate(int fd);

}  // namespace xdemux
