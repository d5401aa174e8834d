// SPDX-License-Identifier: BSD-2-Clause
#include <xdemux/ops/xsk_consumer.h>
#include <xdemux/ops/xsk_consumer_c.h>
#include <xdemux/ops/xsks.h>

#include "c_api.h"

struct xdemux_xsk {
    xdemux::XskConsumer consumer;
};

using namespace xdemux;

int xdemux_xsk_open(const char* instance, const char* name, const char* fallback, xdemux_xsk** consumer, char* message,
                    size_t size) {
    return guarded({message, size}, [&]() -> Status {
        if (instance == nullptr || name == nullptr || consumer == nullptr)
            return fail(ErrorKind::usage, "an argument is missing");
        *consumer = nullptr;
        XskConsumerOptions options{instance};
        if (fallback != nullptr) {
            const auto target = parse_fallback(fallback);
            if (!target) return fail(target.error());
            options.fallback = *target;
        }
        auto opened = XskConsumer::open(name, std::move(options));
        if (!opened) return fail(opened.error());
        *consumer = new xdemux_xsk{std::move(*opened)};
        return {};
    });
}

void xdemux_xsk_close(xdemux_xsk* consumer) {
    delete consumer;
}

int xdemux_xsk_serve(xdemux_xsk* consumer, const char* dev, uint32_t queue, int fd, char* message, size_t size) {
    return guarded({message, size}, [&]() -> Status {
        if (consumer == nullptr || dev == nullptr) return fail(ErrorKind::usage, "an argument is missing");
        return consumer->consumer.serve(dev, queue, fd);
    });
}

int xdemux_xsk_withdraw(xdemux_xsk* consumer, char* message, size_t size) {
    return guarded({message, size}, [&]() -> Status {
        if (consumer == nullptr) return fail(ErrorKind::usage, "an argument is missing");
        return consumer->consumer.withdraw();
    });
}
