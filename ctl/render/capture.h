// SPDX-License-Identifier: BSD-2-Clause
// The packets of a capture and what becomes of each, one after the other: a line each, or elements of one JSON list.
#pragma once

#include <memory>

#include <xdemux/ops/capture.h>
#include <xdemux/ops/explain.h>

#include "render/port_names.h"
#include "render/sink.h"

namespace xdemux {

class CapturePrinter {
  public:
    CapturePrinter() = default;
    virtual ~CapturePrinter() = default;
    CapturePrinter(const CapturePrinter&) = delete;
    CapturePrinter& operator=(const CapturePrinter&) = delete;
    virtual void add(const CapturedPacket& packet, const Explanation& explanation) = 0;
    virtual void end() = 0;
};

/// Number, time (UTC), protocol, source, destination, verdict, reason. What is passed must outlive the printer.
std::unique_ptr<CapturePrinter> make_capture_text(const PortNames& names, const Sink& sink);
/// "explanations": number, time_ns, proto, source, destination (a port of 0 of what has none), and the members of an
/// explanation.
std::unique_ptr<CapturePrinter> make_capture_json(const Sink& sink);

}  // namespace xdemux
