// SPDX-License-Identifier: BSD-2-Clause
// The shape that all JSON output shares: one object with "schema": 1 and one more member; what is absent is null; the
// order of the fields is fixed. What stands in it is the part of the renderer of each thing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <xdemux/ops/snapshot.h>
#include <xdemux/policy/endpoint.h>
#include <xdemux/policy/guard.h>
#include <xdemux/policy/target.h>

#include "render/sink.h"

namespace xdemux {

using Json = nlohmann::ordered_json;

/// {"addr": "192.0.2.1", "port": 443}; a range has "port_last" too; all ports are "*".
Json to_json(const LocalEndpoint& endpoint);
Json to_json(const SocketAddress& address);
Json to_json(const std::optional<SocketAddress>& address);
Json to_json(const std::optional<Target>& target);
Json to_json(const std::optional<std::string>& text);
/// {"pid": 4711, "name": "nginx"}
Json to_json(const std::optional<Process>& process);
/// Null where it is empty.
Json text_or_null(std::string_view text);

/// Puts "from" (a list, null: any source), "rate" and "burst" (null: no limit) behind the members of `object`.
void add_guard(Json& object, const Guard& guard);

/// {"schema": 1, "NAME": VALUE} and a newline.
void print_json(std::string_view name, const Json& value, const Sink& sink);

/// {"schema": 1, "NAME": [...]}, an element a line, written as they come: a million rows need no room.
class JsonList {
  public:
    JsonList(std::string_view name, const Sink& sink);
    void add(const Json& element);
    void end();

  private:
    const Sink& sink_;
    bool first_ = true;
};

}  // namespace xdemux
