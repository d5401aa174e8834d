// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "render/sockets.h"

namespace xdemux::test::render_sockets {
namespace {

std::vector<SocketRow> rows() {
    SocketRow web{Target::parse("socket:web").value(), 4711};
    web.socket.emplace();
    web.socket->local = Address::parse("::").value();
    web.socket->local_port = 38'123;
    web.process = Process{99, "nginx"};
    web.users = 2;
    web.count.packets = 1000;
    web.count.fallback_packets = 3;
    return {web, {Target::parse("socket:dns,fallback=reject").value()}};
}

template <typename Print>
std::string printed(Print print) {
    std::string text;
    print(Sink([&](std::string_view piece) { text += piece; }));
    return text;
}

TEST(RenderSockets, text_tells_who_is_registered_and_what_was_delivered) {
    EXPECT_EQ(printed([](const Sink& sink) { print_sockets_text(rows(), sink); }),
              "Name  Netid  Local       Process     Cookie  Listeners  Packets  Fallback  Fallback-packets\n"
              "web   tcp    [::]:38123  nginx (99)    4711          2     1000  pass                     3\n"
              "dns   -      -           -                -          0        0  reject                   0\n");
}

TEST(RenderSockets, json_has_every_field) {
    EXPECT_EQ(to_json(rows()[0]).dump(),
              R"({"name":"web","proto":"tcp","local":{"addr":"::","port":38123},"v6only":false,"cookie":4711,)"
              R"("process":{"pid":99,"name":"nginx"},"listeners":2,"fallback":"pass","packets":1000,)"
              R"("fallback_packets":3})");
    EXPECT_EQ(to_json(rows()[1]).dump(),
              R"({"name":"dns","proto":null,"local":null,"v6only":null,"cookie":null,"process":null,"listeners":0,)"
              R"("fallback":"reject","packets":0,"fallback_packets":0})");
    EXPECT_EQ(printed([](const Sink& sink) { print_sockets_json({}, sink); }), "{\"schema\": 1, \"sockets\": []}\n");
}

}  // namespace
}  // namespace xdemux::test::render_sockets
