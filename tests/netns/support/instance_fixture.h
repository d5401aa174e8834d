// SPDX-License-Identifier: BSD-2-Clause
// An instance name of its own for each test, ended with the test. It asserts nothing about the product.
#pragma once

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <xdemux/kernel/pins.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/instance.h>
#include <xdemux/ops/listeners.h>

#include "support/netns_fixture.h"

namespace xdemux::test {

class InstanceTest : public NetnsTest {
  protected:
    InstanceTest() : name_(fmt::format("test-{}-{}", ::getpid(), ++count_)), pins_(name_) {}
    ~InstanceTest() override {
        if (pins_.exists()) {
            const auto ended = unload_instance(name_);
            if (!ended) ADD_FAILURE() << ended.error().message();
        }
    }

    /// An instance that stays, with nothing attached.
    void make() const {
        auto instance = Instance::open_or_create(name_);
        ASSERT_TRUE(instance) << instance.error().message();
        ASSERT_TRUE(instance->keep());
    }
    [[nodiscard]] AttachRequest on(const std::string& device, AttachMode mode = AttachMode::generic) const {
        AttachRequest request;
        request.devices = {device};
        request.mode = mode;
        return request;
    }
    [[nodiscard]] std::vector<AttachedInterface> attached() const {
        const auto instance = Instance::open(name_);
        if (!instance) return {};
        return attached_interfaces(*instance).value_or(std::vector<AttachedInterface>{});
    }
    [[nodiscard]] static ListenerChange listener(const std::string& endpoint, TargetKind target = TargetKind::pass,
                                                 ListenerVerb verb = ListenerVerb::add) {
        ListenerChange change;
        change.verb = verb;
        change.listener.local = LocalEndpoint::parse(endpoint, Proto::tcp).value();
        change.listener.target = {target};
        return change;
    }

    std::string name_;
    PinDirectory pins_;

  private:
    static inline int count_ = 0;
};

/// The message of a failure of that kind; else what there was instead.
template <typename T>
std::string failure(const Result<T>& result, ErrorKind kind) {
    if (result) return "no failure";
    if (result.error().kind() == kind) return result.error().message();
    return fmt::format("kind {}: {}", static_cast<int>(result.error().kind()), result.error().message());
}

}  // namespace xdemux::test
