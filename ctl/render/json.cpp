// SPDX-License-Identifier: BSD-2-Clause
#include "render/json.h"

#include <fmt/format.h>

namespace xdemux {
namespace {

void write(const Json& value, std::string& text);

/// The members of an array or object between its brackets, ", " apart.
void write_members(const Json& value, std::string& text) {
    text += value.is_object() ? '{' : '[';
    bool first = true;
    for (const auto& [key, member] : value.items()) {
        if (!first) text += ", ";
        first = false;
        if (value.is_object()) text += Json(key).dump() + ": ";
        write(member, text);
    }
    text += value.is_object() ? '}' : ']';
}

/// On one line, with blanks where a reader wants them, which nlohmann's own compact form leaves out.
void write(const Json& value, std::string& text) {
    if (value.is_structured()) return write_members(value, text);
    // Names of interfaces and processes may be any bytes; what is no UTF-8 is replaced, for JSON must be.
    text += value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string dump(const Json& value) {
    std::string text;
    write(value, text);
    return text;
}

}  // namespace

Json to_json(const LocalEndpoint& endpoint) {
    Json json{{"addr", endpoint.address_text()}};
    if (endpoint.ports.is_all()) {
        json["port"] = "*";
        return json;
    }
    json["port"] = endpoint.ports.first;
    if (!endpoint.ports.is_single()) json["port_last"] = endpoint.ports.last;
    return json;
}

Json to_json(const SocketAddress& address) {
    return Json{{"addr", address.address.to_string()}, {"port", address.port}};
}

Json to_json(const std::optional<SocketAddress>& address) {
    return address ? to_json(*address) : Json(nullptr);
}

Json to_json(const std::optional<Target>& target) {
    return target ? Json(target->to_string()) : Json(nullptr);
}

Json to_json(const std::optional<std::string>& text) {
    return text ? Json(*text) : Json(nullptr);
}

Json to_json(const std::optional<Process>& process) {
    if (!process) return nullptr;
    return Json{{"pid", process->pid}, {"name", process->name}};
}

Json text_or_null(std::string_view text) {
    return text.empty() ? Json(nullptr) : Json(text);
}

void add_guard(Json& object, const Guard& guard) {
    Json sources = nullptr;
    for (const Prefix& source : guard.sources)
        sources.push_back(source_text(source));
    object["from"] = std::move(sources);
    object["rate"] = guard.rate ? Json(guard.rate->packets_per_second) : Json(nullptr);
    object["burst"] = guard.rate ? Json(guard.rate->burst) : Json(nullptr);
}

void print_json(std::string_view name, const Json& value, const Sink& sink) {
    sink(fmt::format("{{\"schema\": 1, \"{}\": {}}}\n", name, dump(value)));
}

JsonList::JsonList(std::string_view name, const Sink& sink) : sink_(sink) {
    sink_(fmt::format("{{\"schema\": 1, \"{}\": [", name));
}

void JsonList::add(const Json& element) {
    sink_(first_ ? "\n" : ",\n");
    sink_(dump(element));
    first_ = false;
}

void JsonList::end() {
    sink_(first_ ? "]}\n" : "\n]}\n");
}

}  // namespace xdemux
