// SPDX-License-Identifier: BSD-2-Clause
// Batches: a stream with one listener or flow a line, in the words that follow `listener add` and its like on the
// command line. It parses all or reports every error; conflicts are the ListenerSet's part, applying is another's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/policy/flow.h>
#include <xdemux/policy/listener.h>

namespace xdemux {

enum class BatchVerb : std::uint8_t { add, del };

/// Finds an interface by name.
using ResolveDevice = std::function<Result<Device>(const std::string& name)>;

struct ListenerLine {
    std::size_t line = 0;  ///< from 1
    Listener listener;     ///< of `del`: what names it; see ListenerSelector::of
};

struct FlowLine {
    std::size_t line = 0;  ///< from 1
    FlowKey key;
    Target target;  ///< of `del`: of no meaning
};

/// At most so many errors are told, then "and N more".
inline constexpr std::size_t batch_errors_shown = 20;

/// `PROTO ENDPOINT [--to TARGET] [--dev DEV] [--v6only] [--reuseport] [--name NAME] [--from PREFIX,...] [--rate N]
/// [--burst N]`, --from as often as wanted; for `del` the endpoint, --dev, --v6only and --name. Blank lines and those
/// that begin with `#` are skipped. `source` names the stream in the messages: "SOURCE:LINE: MESSAGE", one a line.
/// ErrorKind::usage; failed where the stream cannot be read.
Result<std::vector<ListenerLine>> parse_listener_batch(std::istream& in, std::string_view source, BatchVerb verb,
                                                       const ResolveDevice& resolve_device);

/// `PROTO LOCAL REMOTE [--to TARGET]`; for `del` without --to. As parse_listener_batch().
Result<std::vector<FlowLine>> parse_flow_batch(std::istream& in, std::string_view source, BatchVerb verb);

/// Gathers the errors of a batch, so that all are told in one.
class BatchErrors {
  public:
    explicit BatchErrors(std::string_view source) : source_(source) {}

    void add(std::size_t line, const Error& error);
    [[nodiscard]] bool empty() const { return count_ == 0; }
    /// All of them in one; its kind is the first one's. There must be one.
    [[nodiscard]] Error error() const;

  private:
    std::string source_;
    std::string text_;
    std::size_t count_ = 0;
    ErrorKind kind_ = ErrorKind::usage;
};

}  // namespace xdemux
