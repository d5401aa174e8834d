// SPDX-License-Identifier: BSD-2-Clause
// Flows as text and JSON.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

#include <xdemux/policy/flow.h>

#include "render/json.h"
#include "render/port_names.h"
#include "render/sink.h"
#include "render/text_table.h"

namespace xdemux {

/// proto, local, remote, state, target, packets, bytes, last_seen_ns (null: never).
Json to_json(const Flow& flow);

/// Flows as they come, any number of them: up to `sorted_flows` are sorted by key, more are printed as the table has
/// them, so that a million need no room.
class FlowPrinter {
  public:
    virtual ~FlowPrinter() = default;
    FlowPrinter(const FlowPrinter&) = delete;
    FlowPrinter& operator=(const FlowPrinter&) = delete;

    static constexpr std::size_t sorted_flows = 4096;

    void add(const Flow& flow);
    /// Once, after the last.
    void end();

  protected:
    FlowPrinter() = default;
    virtual void print(std::span<const Flow> flows) = 0;
    virtual void finish() = 0;

  private:
    std::vector<Flow> waiting_;
    bool sorted_ = true;
};

class FlowJson : public FlowPrinter {
  public:
    /// `sink` outlives it.
    explicit FlowJson(const Sink& sink) : list_("flows", sink) {}

  private:
    void print(std::span<const Flow> flows) override;
    void finish() override;

    JsonList list_;
};

class FlowText : public FlowPrinter {
  public:
    /// `now` is CLOCK_MONOTONIC, as the flows' last_seen_ns is. `names` and `sink` outlive it.
    FlowText(const PortNames& names, std::chrono::nanoseconds now, const Sink& sink);

  private:
    void print(std::span<const Flow> flows) override;
    void finish() override;

    const PortNames& names_;
    std::chrono::nanoseconds now_;
    const Sink& sink_;
    TextTable table_;
};

}  // namespace xdemux
