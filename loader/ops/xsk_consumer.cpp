// SPDX-License-Identifier: BSD-2-Clause
#include <mutex>
#include <utility>
#include <vector>

#include <unistd.h>

#include <xdemux/kernel/netlink.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/xsk_consumer.h>
#include <xdemux/ops/xsks.h>

namespace xdemux {

class XskConsumer::Impl {
  public:
    Impl(std::string_view name, XskConsumerOptions options) : name_(name), options_(std::move(options)) {}

    Status serve(std::string_view dev, std::uint32_t queue, int fd) {
        const std::lock_guard lock(mutex_);
        const auto device = interface_by_name(dev);
        if (!device) return fail(device.error());
        auto instance = Instance::open_for_change(options_.instance);
        if (!instance) return fail(instance.error());
        XskRegistration registration{name_, std::string(dev), queue, fd, ::getpid(), options_.fallback};
        if (auto registered = register_xsk(*instance, registration); !registered) return registered;
        served_.push_back({name_, std::string(dev), device->ifindex, queue, ::getpid(), true});
        return {};
    }

    Status withdraw() {
        const std::lock_guard lock(mutex_);
        // What the parent of this process serves is not its child's to end.
        std::erase_if(served_, [](const XskSelection& each) { return each.pid != ::getpid(); });
        if (served_.empty()) return {};
        auto instance = Instance::open_for_change(options_.instance);
        if (!instance) return fail(instance.error());
        while (!served_.empty()) {
            const auto withdrawn = unregister_xsk(*instance, served_.back());
            // A socket that was closed before, or an interface that is gone, was swept with the instance's opening.
            if (!withdrawn && withdrawn.error().kind() != ErrorKind::not_found) return fail(withdrawn.error());
            served_.pop_back();
        }
        return {};
    }

  private:
    std::mutex mutex_;
    std::string name_;
    XskConsumerOptions options_;
    std::vector<XskSelection> served_;
};

XskConsumer::XskConsumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XskConsumer::XskConsumer(XskConsumer&&) noexcept = default;
XskConsumer& XskConsumer::operator=(XskConsumer&&) noexcept = default;

XskConsumer::~XskConsumer() {
    // Nobody is left to be told; the kernel takes the sockets out when they are closed.
    if (impl_) [[maybe_unused]]
        const Status best_effort = impl_->withdraw();
}

Result<XskConsumer> XskConsumer::open(std::string_view name, XskConsumerOptions options) {
    if (auto valid = check_xsk_name(name); !valid) return fail(valid.error());
    if (const auto instance = Instance::open(options.instance); !instance) return fail(instance.error());
    return XskConsumer(std::make_unique<Impl>(name, std::move(options)));
}

Status XskConsumer::serve(std::string_view dev, std::uint32_t queue, int fd) {
    return impl_->serve(dev, queue, fd);
}

Result<XskSocket> XskConsumer::open_queue(std::string_view dev, std::uint32_t queue, const XskSocketOptions& options) {
    const auto device = interface_by_name(dev);
    if (!device) return fail(device.error());
    auto socket = XskSocket::open({device->ifindex, queue}, options);
    if (!socket) return socket;
    if (auto served = impl_->serve(dev, queue, socket->fd()); !served) return fail(served.error());
    return socket;
}

Status XskConsumer::withdraw() {
    return impl_->withdraw();
}

}  // namespace xdemux
