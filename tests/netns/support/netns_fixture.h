// SPDX-License-Identifier: BSD-2-Clause
// The test bed: a veth pair between the namespace of the test process (main() has unshared it) and a named peer
// namespace. It sets up and tears down; it asserts nothing about the product.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "shared/shell.h"
#include "shared/waiting.h"

namespace xdemux::test {

/// As run(), in the namespace `netns`. bpffs stays visible there, unlike under `ip netns exec`.
std::string run_in(const std::string& netns, const std::string& command);

/// Whether the running kernel tells what a driver can do with XDP: since Linux 6.3 (the netdev family of generic
/// netlink).
bool tells_driver_features();

/// A named network namespace with its loopback up, deleted with this object. The name holds the pid of the test, so
/// that suites can run side by side.
class NamedNetns {
  public:
    NamedNetns();
    ~NamedNetns();
    NamedNetns(const NamedNetns&) = delete;
    NamedNetns& operator=(const NamedNetns&) = delete;
    [[nodiscard]] const std::string& name() const { return name_; }

  private:
    std::string name_;
};

/// A veth pair `near` - `far`, both up, `far` in the namespace `far_netns` (empty: here). Transmit checksum offload is
/// off on both ends: with it on, frames carry partial checksums, so XDP_TX and CPUMAP lose them and a wrong checksum
/// goes unnoticed. Deleted with this object.
class VethPair {
  public:
    VethPair(std::string near, const std::string& far, const std::string& far_netns = "");
    ~VethPair();
    VethPair(const VethPair&) = delete;
    VethPair& operator=(const VethPair&) = delete;

  private:
    std::string near_;
};

/// One topology per suite, since bringing a pair up takes 0.1 to 0.2 s: `xd0` here, `xd1` in peer(), addresses of both
/// families usable at once (no duplicate address detection) and reachable from either side.
class NetnsTest : public ::testing::Test {
  protected:
    static constexpr const char* near_device = "xd0";
    static constexpr const char* far_device = "xd1";
    static constexpr const char* near_ipv4 = "192.0.2.1";  // both /24
    static constexpr const char* far_ipv4 = "192.0.2.2";
    static constexpr const char* near_ipv6 = "2001:db8::1";  // both /64
    static constexpr const char* far_ipv6 = "2001:db8::2";

    static void SetUpTestSuite();
    static void TearDownTestSuite();

    static const std::string& peer();
    /// A command in the peer namespace.
    static std::string run_in_peer(const std::string& command) { return run_in(peer(), command); }
};

}  // namespace xdemux::test
