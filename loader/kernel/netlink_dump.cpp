// SPDX-License-Identifier: BSD-2-Clause
#include "netlink_dump.h"

#include <memory>

#include <fmt/format.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>

namespace xdemux {
namespace {

constexpr int attempts = 10;
// The kernel builds dump messages of 32 KiB at most, so with this buffer none is ever cut short.
constexpr std::size_t receive_buffer = 65536;

struct SocketDeleter {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using SocketPtr = std::unique_ptr<nl_sock, SocketDeleter>;

/// What the callbacks of one attempt share. libnl folds errno into codes of its own, so the original is kept here.
struct Attempt {
    const DumpHandler& handler;
    int error_number = 0;
};

int on_message(nl_msg* message, void* context) {
    static_cast<Attempt*>(context)->handler(*nlmsg_hdr(message));
    return NL_OK;
}

int on_error(sockaddr_nl*, nlmsgerr* error, void* context) {
    static_cast<Attempt*>(context)->error_number = -error->error;
    return NL_STOP;
}

// A dump that fails half-way says so in the payload of its last message, which libnl ignores.
int on_finish(nl_msg* message, void* context) {
    const nlmsghdr* header = nlmsg_hdr(message);
    if (nlmsg_datalen(header) >= static_cast<int>(sizeof(int))) {
        int result = 0;
        __builtin_memcpy(&result, nlmsg_data(header), sizeof result);
        if (result < 0) static_cast<Attempt*>(context)->error_number = -result;
    }
    return NL_STOP;
}

Result<SocketPtr> open_socket(const DumpRequest& request, std::string_view what) {
    SocketPtr socket{nl_socket_alloc()};
    if (socket == nullptr) return fail_system(ENOMEM, what);
    if (const int result = nl_connect(socket.get(), request.protocol); result < 0)
        return fail(ErrorKind::failed, fmt::format("{}: no netlink socket: {}", what, nl_geterror(result)));
    nl_socket_set_msg_buf_size(socket.get(), receive_buffer);
    if (request.strict) {
        const int on = 1;
        // Best effort: a kernel without it ignores the filter, and the handler filters again.
        (void)::setsockopt(nl_socket_get_fd(socket.get()), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    }
    return socket;
}

/// True: complete. False: interrupted by a change.
Result<bool> attempt(const DumpRequest& request, int flags, std::string_view what, const DumpHandler& handler) {
    auto socket = open_socket(request, what);
    if (!socket) return fail(std::move(socket.error()));
    nl_sock* sock = socket->get();

    Attempt state{handler};
    nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, on_message, &state);
    nl_socket_modify_cb(sock, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, &state);
    nl_socket_modify_err_cb(sock, NL_CB_CUSTOM, on_error, &state);

    // libnl does not change what it sends; its parameter merely lacks the const.
    void* header = const_cast<std::byte*>(request.header.data());
    int result = nl_send_simple(sock, request.type, flags, header, request.header.size());
    if (result >= 0) result = nl_recvmsgs_default(sock);

    if (state.error_number != 0) return fail_system(state.error_number, what);
    if (result == -NLE_DUMP_INTR) return false;
    if (result < 0) return fail(ErrorKind::failed, fmt::format("{}: {}", what, nl_geterror(result)));
    return true;
}

}  // namespace

Status netlink_dump(const DumpRequest& request, std::string_view what, const std::function<void()>& restart,
                    const DumpHandler& handler) {
    for (int i = 0; i < attempts; ++i) {
        restart();
        const auto complete = attempt(request, NLM_F_DUMP, what, handler);
        if (!complete) return fail(complete.error());
        if (*complete) return {};
    }
    return fail(ErrorKind::failed, fmt::format("{}: it changed during each of {} attempts; try again", what, attempts));
}

Status netlink_ask(const DumpRequest& request, std::string_view what, const DumpHandler& handler) {
    const auto answered = attempt(request, 0, what, handler);
    if (!answered) return fail(answered.error());
    return {};
}

}  // namespace xdemux
