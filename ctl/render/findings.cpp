// SPDX-License-Identifier: BSD-2-Clause
#include "render/findings.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

namespace xdemux {
namespace {

constexpr std::size_t width = 100;  // of a line of text, where its words allow
constexpr std::size_t severity_width = 7;

std::string heading(const Finding& finding) {
    switch (finding.group) {
        case FindingGroup::kernel:
            return "kernel";
        case FindingGroup::interface:
            return fmt::format("interface {}", finding.object);
        case FindingGroup::traffic:
            return "traffic";
        case FindingGroup::target:
            break;
    }
    return "targets";
}

/// In lines of at most `room` characters, each but the first after `indent`.
std::string wrapped(std::string_view text, std::size_t indent) {
    std::string out;
    std::size_t column = indent;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (column > indent && column + 1 + word.size() > width) {
            out += fmt::format("\n{:{}}", "", indent);
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    return out;
}

void print_finding(const Finding& finding, std::size_t id_width, const Sink& sink) {
    const std::size_t indent = 2 + severity_width + 2 + id_width + 2;
    // The interface stands in the heading already.
    const bool names_object = finding.group == FindingGroup::traffic || finding.group == FindingGroup::target;
    const std::string what = names_object ? fmt::format("{}: {}", finding.object, finding.what) : finding.what;
    sink(fmt::format("  {:<{}}  {:<{}}  {}\n", severity_name(finding.severity), severity_width, finding.id, id_width,
                     wrapped(what, indent)));
    if (!finding.why.empty()) sink(fmt::format("{:{}}{}\n", "", indent, wrapped(finding.why, indent)));
    // A command is never broken, so that it can be copied.
    if (finding.remedy) sink(fmt::format("{:{}}$ {}\n", "", indent, *finding.remedy));
}

std::string sum(std::span<const Finding> findings) {
    std::string text;
    for (const auto severity : {Severity::blocker, Severity::warning, Severity::note, Severity::ok}) {
        const auto count = std::ranges::count(findings, severity, &Finding::severity);
        if (count == 0) continue;
        const bool plural = count != 1 && severity != Severity::ok;
        text += fmt::format("{}{} {}{}", text.empty() ? "" : ", ", count, severity_name(severity), plural ? "s" : "");
    }
    return text;
}

}  // namespace

Json to_json(const Finding& finding) {
    return Json{{"severity", severity_name(finding.severity)},
                {"id", finding.id},
                {"group", finding_group_name(finding.group)},
                {"object", finding.object},
                {"what", finding.what},
                {"why", text_or_null(finding.why)},
                {"remedy", to_json(finding.remedy)},
                {"cuts_off", finding.cuts_off}};
}

void print_findings_json(std::span<const Finding> findings, const Sink& sink) {
    JsonList list("findings", sink);
    for (const Finding& finding : findings)
        list.add(to_json(finding));
    list.end();
}

void print_findings_text(std::span<const Finding> findings, const Sink& sink) {
    std::size_t id_width = 0;
    for (const Finding& finding : findings)
        id_width = std::max(id_width, finding.id.size());
    std::string last;
    for (const Finding& finding : findings) {
        if (std::string next = heading(finding); next != last) {
            sink(fmt::format("{}{}\n", last.empty() ? "" : "\n", next));
            last = std::move(next);
        }
        print_finding(finding, id_width, sink);
    }
    sink(fmt::format("\n{}\n", sum(findings)));
}

}  // namespace xdemux
