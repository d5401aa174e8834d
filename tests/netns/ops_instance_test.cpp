// SPDX-License-Identifier: BSD-2-Clause
// The life of an instance: made, opened, ended; and what a killed writer leaves behind.
#include <chrono>
#include <optional>

#include <bpf/bpf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xdemux/kernel/encode.h>
#include <xdemux/kernel/ephemeral_sysctl.h>
#include <xdemux/kernel/link.h>
#include <xdemux/kernel/lock.h>
#include <xdemux/kernel/netns.h>
#include <xdemux/kernel/object.h>
#include <xdemux/ops/memory.h>
#include <xdemux/ops/port_allocator.h>
#include <xdemux/ops/settings.h>

#include "support/former_contract.h"
#include "support/instance_fixture.h"

namespace xdemux::test::ops_instance_test {
namespace {

using ::testing::HasSubstr;

class OpsInstance : public InstanceTest {
  protected:
    /// A program as a replacement would load it, for the tables of the instance.
    LoadedObject load_replacement(Mode mode) {
        const auto instance = Instance::open(name_).value();
        ObjectOptions options;
        options.settings = instance.settings();
        options.settings.rules = options.settings.fallback = encode(Settings{mode, ClosedPolicy::pass, true});
        std::vector<Fd> tables;
        for (const auto& table : table_names()) {
            tables.push_back(pins_.open(table).value());
            options.reuse.push_back({table, tables.back().get()});
        }
        return LoadedObject::load(options).value();
    }
    Mode mode_now() {
        const auto instance = Instance::open(name_).value();
        return settings_in_force(instance).mode;
    }
    std::uint32_t linked_program() { return attached().at(0).prog_id; }
    std::uint32_t pinned_program() { return program_id(pins_.open("prog").value().get()).value(); }
    /// As an unload leaves it that is killed at once.
    void make_half_removed_with_leases() {
        make();
        PortAllocatorOptions options;
        options.bound_to_process = false;
        options.range = PortRange{62000, 62003};
        auto ports = PortAllocator::open(name_, options);
        ASSERT_TRUE(ports) << ports.error().message();
        ASSERT_TRUE(ports->lease_block(Proto::tcp, Address::parse("127.0.0.1").value(), 4));
        ASSERT_EQ(::rename(pins_.path().c_str(), (pins_.path() + "~old").c_str()), 0);
    }
    /// Ports that the kernel does not hand out, in the namespace of the calling thread.
    static std::string reserved() { return read_ephemeral_settings()->reserved.to_string(); }
    [[nodiscard]] bool has_leases() const {
        return ::access(fmt::format("{}/{}.leases", InstanceLock::default_directory, name_).c_str(), F_OK) == 0;
    }
    void pin(int fd, const char* name) { ASSERT_EQ(::bpf_obj_pin(fd, pins_.path_of(name).c_str()), 0) << name; }
};

TEST_F(OpsInstance, is_not_loaded_before_its_first_use) {
    EXPECT_THAT(failure(Instance::open(name_), ErrorKind::not_loaded), HasSubstr(name_));
    EXPECT_THAT(failure(Instance::open_for_change(name_), ErrorKind::not_loaded), HasSubstr("is not loaded"));
    EXPECT_THAT(failure(unload_instance(name_), ErrorKind::not_loaded), HasSubstr("is not loaded"));
}

TEST_F(OpsInstance, refuses_names_that_bpffs_or_a_path_would_misread) {
    for (const auto* name : {"", "a.b", "a/b", "..", "a~new", "123456789012345678901234567890123"})
        EXPECT_THAT(failure(Instance::open(name), ErrorKind::usage), HasSubstr("is no name of an instance")) << name;
}

TEST_F(OpsInstance, vanishes_unless_it_is_kept) {
    {
        const auto instance = Instance::open_or_create(name_);
        ASSERT_TRUE(instance) << instance.error().message();
        EXPECT_TRUE(instance->created());
        EXPECT_TRUE(pins_.is_coming());
        EXPECT_FALSE(Instance::open(name_)) << "nobody else finds it yet";
    }
    EXPECT_FALSE(pins_.is_coming());
    EXPECT_FALSE(pins_.exists());
    make();
    EXPECT_TRUE(pins_.exists());
    EXPECT_FALSE(pins_.is_coming());
    EXPECT_FALSE(Instance::open_or_create(name_)->created());
    EXPECT_TRUE(pins_.exists());
}

TEST_F(OpsInstance, every_table_is_pinned_by_its_name) {
    make();
    for (const auto& table : table_names())
        EXPECT_TRUE(pins_.has(table)) << table;
    EXPECT_TRUE(pins_.has("prog"));
    EXPECT_TRUE(pins_.has("settings"));
    EXPECT_THAT(known_instances(), ::testing::Contains(name_));
    ASSERT_TRUE(unload_instance(name_));
    EXPECT_FALSE(pins_.exists());
}

TEST_F(OpsInstance, tables_have_the_sizes_asked_for) {
    InstanceOptions options;
    options.flows = 1000;
    options.listeners = 20'000;
    const auto instance = Instance::open_or_create(name_, options).value();
    EXPECT_EQ(instance.tables().flows.capacity(), 1000U);
    EXPECT_EQ(instance.tables().listeners.capacity(), 20'000U);
    EXPECT_EQ(instance.tables().listener_counts.capacity(), 20'001U);
    EXPECT_EQ(instance.tables().listen_addrs.capacity(), 80'000U);
    EXPECT_EQ(instance.tables().listen_prefixes.capacity(), 80'000U);
}

TEST_F(OpsInstance, shared_port_counters_take_one_array) {
    InstanceOptions options;
    options.shared_port_counters = true;
    auto shared = Instance::open_or_create(name_, options).value();
    EXPECT_FALSE(shared.tables().port_counters.handle().per_cpu());
    const auto compact = table_memory(shared).value();
    EXPECT_EQ(shared.settings().shared_counters, 1U);
    // A change of settings must take the shared arrays over too.
    SettingsRequest request;
    request.change.mode = Mode::enforce;
    const auto changed = change_settings(shared, request);
    ASSERT_TRUE(changed) << changed.error().message();
    ASSERT_TRUE(shared.unload());

    options.shared_port_counters = false;
    InstanceTest::name_ += "b";
    pins_ = PinDirectory(name_);
    const auto wide = Instance::open_or_create(name_, options).value();
    EXPECT_TRUE(wide.tables().port_counters.handle().per_cpu());
    const auto difference = 2 * sizeof(contract::traffic) * contract::PORT_INDEXES * (possible_cpus().value() - 1);
    EXPECT_EQ(table_memory(wide).value() - compact, difference);
}

TEST_F(OpsInstance, a_half_made_one_is_cleared_by_the_next_writer) {
    ::mkdir((std::string(PinDirectory::bpffs) + "/xdemux").c_str(), 0700);
    ASSERT_EQ(::mkdir((pins_.path() + "~new").c_str(), 0700), 0);
    const int map = ::bpf_map_create(BPF_MAP_TYPE_ARRAY, "leftover", 4, 4, 1, nullptr);
    ASSERT_EQ(::bpf_obj_pin(map, (pins_.path() + "~new/flows").c_str()), 0);
    ::close(map);
    EXPECT_EQ(failure(Instance::open(name_), ErrorKind::not_loaded).substr(0, 8), "instance");
    make();
    EXPECT_NE(::access((pins_.path() + "~new").c_str(), F_OK), 0);
    EXPECT_TRUE(Instance::open(name_));
}

/// As an attach leaves it that is killed when the device has its program.
TEST_F(OpsInstance, a_half_made_one_that_is_attached_is_detached_by_the_next_writer) {
    const auto half_make = [&] {
        ASSERT_TRUE(attach(name_, on(near_device)));
        ASSERT_EQ(::rename(pins_.path().c_str(), (pins_.path() + "~new").c_str()), 0);
        ASSERT_NE(interface_by_name(near_device)->xdp, XdpAttachment::none);
    };
    half_make();
    EXPECT_THAT(failure(Instance::open_for_change(name_), ErrorKind::not_loaded), HasSubstr("is not loaded"));
    EXPECT_FALSE(pins_.is_coming());
    EXPECT_EQ(interface_by_name(near_device)->xdp, XdpAttachment::none);
    half_make();
    EXPECT_TRUE(unload_instance(name_)) << "something was there to end";
    EXPECT_EQ(interface_by_name(near_device)->xdp, XdpAttachment::none);
    half_make();
    EXPECT_TRUE(attach(name_, on(near_device))->created);
}

TEST_F(OpsInstance, a_half_removed_one_is_cleared_by_the_next_writer) {
    make();
    ASSERT_EQ(::rename(pins_.path().c_str(), (pins_.path() + "~old").c_str()), 0);
    EXPECT_FALSE(Instance::open_for_change(name_));
    EXPECT_NE(::access((pins_.path() + "~old").c_str(), F_OK), 0);
}

// The ports that its leases keep from the kernel are those of its own namespace.
TEST_F(OpsInstance, a_half_removed_one_of_another_namespace_is_ended_there) {
    const NamedNetns other;
    {
        const auto scope = NetnsScope::enter(other.name());
        ASSERT_TRUE(scope);
        make_half_removed_with_leases();
        ASSERT_EQ(reserved(), "62000-62003");
    }
    ASSERT_TRUE(change_reserved_ports(PortSet::parse("62001").value(), {}));
    EXPECT_THAT(failure(Instance::open_for_change(name_), ErrorKind::not_loaded), HasSubstr("is not loaded"));
    EXPECT_EQ(reserved(), "62001");
    EXPECT_FALSE(has_leases());
    EXPECT_FALSE(pins_.going());
    ASSERT_TRUE(change_reserved_ports({}, PortSet::parse("62001").value()));
    const auto scope = NetnsScope::enter(other.name());
    ASSERT_TRUE(scope);
    EXPECT_EQ(reserved(), "");
}

TEST_F(OpsInstance, of_a_half_removed_one_whose_namespace_is_gone_no_leases_stay) {
    {
        const NamedNetns other;
        const auto scope = NetnsScope::enter(other.name());
        ASSERT_TRUE(scope);
        make_half_removed_with_leases();
    }
    ASSERT_TRUE(change_reserved_ports(PortSet::parse("62001").value(), {}));
    EXPECT_THAT(failure(Instance::open_for_change(name_), ErrorKind::not_loaded), HasSubstr("is not loaded"));
    EXPECT_EQ(reserved(), "62001");
    EXPECT_FALSE(has_leases());
    ASSERT_TRUE(change_reserved_ports({}, PortSet::parse("62001").value()));
}

TEST_F(OpsInstance, a_replacement_that_was_not_committed_is_undone) {
    ASSERT_TRUE(attach(name_, on(near_device)));
    const auto before = pinned_program();
    {
        const auto replacement = load_replacement(Mode::enforce);
        pin(replacement.program(), "prog_new");
        pin(replacement.settings(), "settings_new");
        const auto link = pins_.open_link(attached().at(0).ifindex).value();
        ASSERT_TRUE(update_link(link.get(), replacement.program()));
    }
    EXPECT_NE(linked_program(), before);
    EXPECT_EQ(mode_now(), Mode::monitor) << "readers believe what is committed";
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_EQ(linked_program(), before);
    EXPECT_EQ(pinned_program(), before);
    EXPECT_FALSE(pins_.has("prog_new"));
    EXPECT_FALSE(pins_.has("settings_new"));
    EXPECT_EQ(mode_now(), Mode::monitor);
}

TEST_F(OpsInstance, a_replacement_that_was_committed_is_completed) {
    make();
    {
        const auto replacement = load_replacement(Mode::enforce);
        pin(replacement.program(), "prog_new");
        pin(replacement.settings(), "settings_new");
        ASSERT_EQ(::rename(pins_.path_of("prog_new").c_str(), pins_.path_of("prog").c_str()), 0);
    }
    EXPECT_EQ(mode_now(), Mode::enforce) << "readers believe what is committed";
    ASSERT_TRUE(Instance::open_for_change(name_));
    EXPECT_FALSE(pins_.has("settings_new"));
    EXPECT_EQ(mode_now(), Mode::enforce);
}

TEST_F(OpsInstance, has_one_writer_at_a_time) {
    make();
    auto first = std::make_optional(Instance::open_for_change(name_).value());
    const auto none = std::chrono::milliseconds(0);
    EXPECT_THAT(failure(Instance::open_for_change(name_, {}, none), ErrorKind::in_use), HasSubstr("is changing it"));
    EXPECT_TRUE(Instance::open(name_)) << "readers take no lock";
    first.reset();
    EXPECT_TRUE(Instance::open_for_change(name_, {}, none));
}

TEST_F(OpsInstance, belongs_to_one_network_namespace) {
    const NamedNetns other;
    {
        const auto scope = NetnsScope::enter(other.name());
        ASSERT_TRUE(scope);
        make();
    }
    EXPECT_THAT(failure(Instance::open(name_), ErrorKind::in_use),
                HasSubstr(fmt::format("use --netns {}", other.name())));
    EXPECT_FALSE(Instance::open_or_create(name_));
    EXPECT_THAT(failure(unload_instance(name_), ErrorKind::in_use), HasSubstr(other.name()));
    const auto scope = NetnsScope::enter(other.name());
    ASSERT_TRUE(scope);
    EXPECT_TRUE(unload_instance(name_));
}

TEST_F(OpsInstance, one_of_a_namespace_that_is_gone_can_be_unloaded) {
    {
        const NamedNetns other;
        const auto scope = NetnsScope::enter(other.name());
        ASSERT_TRUE(scope);
        make();
    }
    EXPECT_THAT(failure(Instance::open(name_), ErrorKind::in_use), HasSubstr("another network namespace"));
    EXPECT_TRUE(unload_instance(name_));
}

TEST_F(OpsInstance, tables_of_another_contract_version_are_refused) {
    make();
    pretend_contract(pins_, contract::CONTRACT_VERSION + 1);
    const auto message = failure(Instance::open(name_), ErrorKind::failed);
    EXPECT_THAT(message, HasSubstr(fmt::format("contract version {}, this tool speaks version {}",
                                               contract::CONTRACT_VERSION + 1, contract::CONTRACT_VERSION)));
    EXPECT_EQ(failure(Instance::open_for_change(name_), ErrorKind::failed), message);
    EXPECT_TRUE(unload_instance(name_));
}

}  // namespace
}  // namespace xdemux::test::ops_instance_test
