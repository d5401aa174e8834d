// SPDX-License-Identifier: BSD-2-Clause
#include "libbpf_object.h"

#include <cerrno>

#include <bpf/libbpf.h>
#include <fcntl.h>

namespace xdemux {

void CloseObject::operator()(bpf_object* object) const {
    ::bpf_object__close(object);
}

void silence_libbpf() {
    ::libbpf_set_print(nullptr);
}

Result<Fd> duplicate(int fd) {
    Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (copy.valid()) return copy;
    return fail_system(errno, "cannot duplicate a descriptor");
}

}  // namespace xdemux
