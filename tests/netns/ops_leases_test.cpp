// SPDX-License-Identifier: BSD-2-Clause
// The register of owners and the kernel's reserved ports, where a writer was killed between the two.
#include <xdemux/kernel/ephemeral_sysctl.h>
#include <xdemux/ops/port_allocator.h>
#include <xdemux/policy/ephemeral_range.h>

#include "support/instance_fixture.h"

namespace xdemux::test::ops_leases_test {
namespace {

constexpr const char* first_ports = "62000-62003";
constexpr const char* both_ports = "62000-62003,62010-62013";

class OpsLeases : public InstanceTest {
  protected:
    static std::string reserved() { return read_ephemeral_settings()->reserved.to_string(); }
    PortAllocator open(const char* range) {
        PortAllocatorOptions options;
        options.bound_to_process = false;
        options.range = parse_ephemeral_range(range).value();
        return PortAllocator::open(name_, options).value();
    }
    void lease_one(const char* range) {
        auto ports = open(range);
        ASSERT_TRUE(ports.lease_block(Proto::tcp, Address::parse("127.0.0.1").value(), 1));
    }
};

TEST_F(OpsLeases, what_the_register_names_and_the_kernel_lacks_is_reserved_by_the_next_change) {
    make();
    lease_one(first_ports);
    ASSERT_EQ(reserved(), first_ports);
    ASSERT_TRUE(change_reserved_ports({}, PortSet::parse(first_ports).value()))
        << "as if killed before it was reserved";
    lease_one(first_ports);
    EXPECT_EQ(reserved(), first_ports);
    ASSERT_TRUE(unload_instance(name_));
    EXPECT_EQ(reserved(), "");
}

TEST_F(OpsLeases, a_register_that_cannot_be_written_keeps_nothing_from_the_kernel) {
    make();
    lease_one(first_ports);
    const std::string path = fmt::format("/run/xdemux/{}.leases", name_);
    run(fmt::format("mkdir {}.new", path));  // the register cannot be written
    PortAllocatorOptions options;
    options.bound_to_process = false;
    options.range = PortRange{62010, 62013};
    EXPECT_THAT(failure(PortAllocator::open(name_, options), ErrorKind::failed), ::testing::HasSubstr("cannot write"));
    EXPECT_EQ(reserved(), first_ports);
    run(fmt::format("rmdir {}.new", path));
    lease_one("62010-62013");
    EXPECT_EQ(reserved(), both_ports);
}

}  // namespace
}  // namespace xdemux::test::ops_leases_test
