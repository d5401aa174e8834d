// SPDX-License-Identifier: BSD-2-Clause
// What every command gets: the global options, standard output, and the instance that it works on. The namespace has
// been entered before. It parses nothing.
#pragma once

#include <string>

#include <xdemux/ops/instance.h>

#include "commands/output.h"

namespace xdemux {

/// The options that every command takes, before or after its words.
struct GlobalOptions {
    std::string instance = std::string(default_instance);
    std::string netns;  ///< empty: where it runs
    bool json = false;
    bool verbose = false;
};

class Session {
  public:
    explicit Session(GlobalOptions options) : options_(std::move(options)) {}

    [[nodiscard]] const std::string& instance() const { return options_.instance; }
    /// Empty: where it runs.
    [[nodiscard]] const std::string& netns() const { return options_.netns; }
    [[nodiscard]] bool json() const { return options_.json; }
    /// Tells the verifier's whole log with -v; else nothing, which asks for its last lines alone.
    [[nodiscard]] VerifierLog verifier_log() const;
    [[nodiscard]] Output& output() { return output_; }
    [[nodiscard]] Sink sink() { return output_.sink(); }

    /// The instance to read, its local addresses brought up to date. Errors as Instance::open().
    [[nodiscard]] Result<Instance> open() const;
    /// To change. Errors as Instance::open_for_change().
    [[nodiscard]] Result<Instance> open_for_change() const;
    /// To change; made where there is none. Errors as Instance::open_or_create().
    [[nodiscard]] Result<Instance> open_or_create() const;

  private:
    GlobalOptions options_;
    Output output_;
};

}  // namespace xdemux
