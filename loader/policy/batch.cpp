// SPDX-License-Identifier: BSD-2-Clause
#include <cassert>
#include <iterator>
#include <map>
#include <optional>
#include <span>

#include <fmt/format.h>

#include <xdemux/policy/batch.h>

namespace xdemux {
namespace {

using Words = std::vector<std::string_view>;

void split_words(std::string_view line, Words& words) {
    constexpr std::string_view blanks = " \t\r\v\f";
    words.clear();
    for (auto begin = line.find_first_not_of(blanks); begin != std::string_view::npos;) {
        const auto end = std::min(line.find_first_of(blanks, begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        begin = line.find_first_not_of(blanks, end);
    }
}

/// The words of a line taken apart: what stands alone, and what the options say. Views into the line.
struct Arguments {
    Words positional;
    std::optional<std::string_view> to;
    std::optional<std::string_view> dev;
    std::optional<std::string_view> name;
    std::optional<std::string_view> rate;
    std::optional<std::string_view> burst;
    Words from;
    bool v6only = false;
    bool reuseport = false;
};

/// An option that a line may have, and where its value or its presence goes.
struct BatchOption {
    std::string_view word;
    std::optional<std::string_view> Arguments::*value = nullptr;
    bool Arguments::*present = nullptr;
    Words Arguments::*values = nullptr;  ///< of one that may be given more than once
};

constexpr BatchOption to_option{"--to", &Arguments::to};
constexpr BatchOption dev_option{"--dev", &Arguments::dev};
constexpr BatchOption name_option{"--name", &Arguments::name};
constexpr BatchOption rate_option{"--rate", &Arguments::rate};
constexpr BatchOption burst_option{"--burst", &Arguments::burst};
constexpr BatchOption from_option{"--from", nullptr, nullptr, &Arguments::from};
constexpr BatchOption v6only_option{"--v6only", nullptr, &Arguments::v6only};
constexpr BatchOption reuseport_option{"--reuseport", nullptr, &Arguments::reuseport};

constexpr BatchOption listener_add_options[] = {to_option,   dev_option,  v6only_option, reuseport_option,
                                                name_option, from_option, rate_option,   burst_option};
constexpr BatchOption listener_del_options[] = {dev_option, v6only_option, name_option};
constexpr BatchOption flow_add_options[] = {to_option};

std::string list_options(std::span<const BatchOption> options) {
    if (options.empty()) return "no options are known here";
    std::string text;
    for (const BatchOption& option : options)
        text += fmt::format("{}{}", text.empty() ? "" : ", ", option.word);
    return "the options are: " + text;
}

/// Reads the option at `words[at]`, and its value; returns how many words that took.
Result<std::size_t> read_option(std::span<const std::string_view> words, std::span<const BatchOption> options,
                                Arguments& into) {
    const std::string_view word = words.front();
    const auto equals = word.find('=');
    const std::string_view key = word.substr(0, equals);
    for (const BatchOption& option : options) {
        if (option.word != key) continue;
        if (option.present != nullptr) {
            if (equals != std::string_view::npos) {
                return fail(ErrorKind::usage, fmt::format("option \"{}\" takes no value", key));
            }
            into.*option.present = true;
            return 1;
        }
        const bool inside = equals != std::string_view::npos;
        if (!inside && words.size() < 2)
            return fail(ErrorKind::usage, fmt::format("option \"{}\" lacks its value", key));
        const std::string_view value = inside ? word.substr(equals + 1) : words[1];
        const std::size_t taken = inside ? 1 : 2;
        if (option.values != nullptr) {
            (into.*option.values).push_back(value);
            return taken;
        }
        if (into.*option.value) return fail(ErrorKind::usage, fmt::format("option \"{}\" is given twice", key));
        into.*option.value = value;
        return taken;
    }
    return fail(ErrorKind::usage, fmt::format("unknown option \"{}\"; {}", key, list_options(options)));
}

Status read_arguments(std::span<const std::string_view> words, std::span<const BatchOption> options, Arguments& into) {
    into.positional.clear();
    into.from.clear();
    into.to = into.dev = into.name = into.rate = into.burst = std::nullopt;
    into.v6only = into.reuseport = false;
    while (!words.empty()) {
        if (!words.front().starts_with("--")) {
            into.positional.push_back(words.front());
            words = words.subspan(1);
            continue;
        }
        const auto taken = read_option(words, options, into);
        if (!taken) return fail(taken.error());
        words = words.subspan(*taken);
    }
    return {};
}

Status check_count(const Words& positional, std::size_t wanted, std::string_view form) {
    if (positional.size() == wanted) return {};
    if (positional.size() < wanted) return fail(ErrorKind::usage, fmt::format("words are missing; a line is {}", form));
    return fail(ErrorKind::usage, fmt::format("unexpected word \"{}\"; a line is {}", positional[wanted], form));
}

Result<Target> target_of(const Arguments& arguments) {
    return arguments.to ? Target::parse(*arguments.to) : Target{};
}

Result<Guard> guard_of(const Arguments& arguments) {
    Guard guard;
    for (const std::string_view list : arguments.from) {
        if (auto parsed = parse_sources(list, guard.sources); !parsed) return fail(parsed.error());
    }
    sort_sources(guard.sources);
    const auto rate = parse_rate(arguments.rate, arguments.burst);
    if (!rate) return fail(rate.error());
    guard.rate = *rate;
    return guard;
}

/// Asks for each interface once, however many lines name it.
class Devices {
  public:
    explicit Devices(const ResolveDevice& resolve) : resolve_(resolve) {}

    Result<Device> find(std::string_view name) {
        const auto known = known_.find(name);
        if (known != known_.end()) return known->second;
        return known_.emplace(std::string(name), resolve_(std::string(name))).first->second;
    }

  private:
    const ResolveDevice& resolve_;
    std::map<std::string, Result<Device>, std::less<>> known_;
};

Result<Listener> listener_of(const Arguments& arguments, Devices& devices) {
    const auto proto = parse_proto(arguments.positional[0]);
    if (!proto) return fail(proto.error());
    const auto local = LocalEndpoint::parse(arguments.positional[1], *proto);
    if (!local) return fail(local.error());
    const auto target = target_of(arguments);
    if (!target) return fail(target.error());
    auto guard = guard_of(arguments);
    if (!guard) return fail(guard.error());
    Listener listener;
    listener.proto = *proto;
    listener.local = *local;
    listener.v6only = arguments.v6only;
    listener.reuseport = arguments.reuseport;
    listener.name = arguments.name.value_or("");
    listener.target = *target;
    listener.guard = std::move(*guard);
    if (arguments.dev) {
        const auto device = devices.find(*arguments.dev);
        if (!device) return fail(device.error());
        listener.device = *device;
    }
    if (const auto valid = listener.validate(); !valid) return fail(valid.error());
    return listener;
}

/// Feeds each line that says something to `parse`, which returns a Status, and gathers the errors.
template <typename Parse>
Status for_each_line(std::istream& in, std::string_view source, std::span<const BatchOption> options, Parse parse) {
    BatchErrors errors(source);
    std::string text;
    Words words;
    Arguments arguments;
    for (std::size_t line = 1; std::getline(in, text); ++line) {
        split_words(text, words);
        if (words.empty() || words.front().starts_with('#')) continue;
        auto status = read_arguments(words, options, arguments);
        if (status) status = parse(line, arguments);
        if (!status) errors.add(line, status.error());
    }
    if (in.bad()) return fail(ErrorKind::failed, fmt::format("cannot read {} to its end", source));
    if (!errors.empty()) return fail(errors.error());
    return {};
}

}  // namespace

Result<std::vector<ListenerLine>> parse_listener_batch(std::istream& in, std::string_view source, BatchVerb verb,
                                                       const ResolveDevice& resolve_device) {
    std::vector<ListenerLine> lines;
    Devices devices(resolve_device);
    const std::span<const BatchOption> options =
        verb == BatchVerb::add ? std::span<const BatchOption>(listener_add_options) : listener_del_options;
    const auto done = for_each_line(in, source, options, [&](std::size_t line, const Arguments& arguments) -> Status {
        if (auto counted = check_count(arguments.positional, 2, "PROTO ENDPOINT [OPTIONS]"); !counted) return counted;
        auto listener = listener_of(arguments, devices);
        if (!listener) return fail(listener.error());
        lines.push_back({line, std::move(*listener)});
        return {};
    });
    if (!done) return fail(done.error());
    return lines;
}

Result<std::vector<FlowLine>> parse_flow_batch(std::istream& in, std::string_view source, BatchVerb verb) {
    std::vector<FlowLine> lines;
    const std::span<const BatchOption> options =
        verb == BatchVerb::add ? std::span<const BatchOption>(flow_add_options) : std::span<const BatchOption>();
    const auto done = for_each_line(in, source, options, [&](std::size_t line, const Arguments& arguments) -> Status {
        const Words& words = arguments.positional;
        if (auto counted = check_count(words, 3, "PROTO LOCAL REMOTE [OPTIONS]"); !counted) return counted;
        const auto key = FlowKey::parse(words[0], words[1], words[2]);
        if (!key) return fail(key.error());
        const auto target = target_of(arguments);
        if (!target) return fail(target.error());
        lines.push_back({line, *key, *target});
        return {};
    });
    if (!done) return fail(done.error());
    return lines;
}

void BatchErrors::add(std::size_t line, const Error& error) {
    if (count_ == 0) kind_ = error.kind();
    if (++count_ > batch_errors_shown) return;
    text_ += fmt::format("{}{}:{}: {}", text_.empty() ? "" : "\n", source_, line, error.message());
}

Error BatchErrors::error() const {
    assert(!empty());
    if (count_ <= batch_errors_shown) return {kind_, text_};
    return {kind_, fmt::format("{}\nand {} more", text_, count_ - batch_errors_shown)};
}

}  // namespace xdemux
