// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cmath>
#include <memory>
#include <queue>
#include <unordered_map>

#include <fmt/format.h>

#include <xdemux/policy/ephemeral_pool.h>
#include <xdemux/policy/ephemeral_simulation.h>

namespace xdemux {
namespace {

constexpr std::size_t sample_count = 240;
constexpr double most_events = 2e7;

SocketAddress destination(std::uint32_t index) {
    constexpr std::uint16_t https = 443;
    const auto byte = [&](unsigned shift) { return static_cast<std::uint8_t>(index >> shift); };
    return {Address::ipv4({10, byte(16), byte(8), byte(0)}), https};
}

std::shared_ptr<const std::vector<std::uint16_t>> listed(const PortSet& ports) {
    return std::make_shared<const std::vector<std::uint16_t>>(ports.list());
}

EphemeralPool::Claim always() {
    return [](std::uint16_t) -> Result<bool> { return true; };
}

struct Event {
    enum class Kind : std::uint8_t { close, free };
    double at = 0;
    Kind kind = Kind::close;
    std::uint32_t destination = 0;
    std::uint16_t port = 0;
};
struct Later {
    bool operator()(const Event& a, const Event& b) const { return a.at > b.at; }
};

class Simulation {
  public:
    explicit Simulation(const SimulationRequest& request)
        : request_(request),
          random_(derive_key({request.seed, 0}, 1)),
          pool_(listed(request.ports),
                std::make_shared<PortSelector>(request.algorithm, derive_key({request.seed, 0}, 2)),
                derive_key({request.seed, 0}, 3)) {}

    SimulationResult run();

  private:
    double exponential(double mean) { return -mean * std::log1p(-random_.fraction()); }
    void arrive(double now);
    void pass_events(double until);
    void sample(double until);
    void note_reuse(double now, std::uint32_t to, std::uint16_t port);
    [[nodiscard]] TryStatistics try_statistics() const;

    const SimulationRequest& request_;
    KeyedRandom random_;
    EphemeralPool pool_;
    std::priority_queue<Event, std::vector<Event>, Later> events_;
    std::unordered_map<std::uint64_t, double> freed_;  ///< when, by destination and port
    std::vector<std::uint64_t> tries_;                 ///< how often so many were needed
    SimulationSample now_;
    SimulationResult result_;
};

void Simulation::note_reuse(double now, std::uint32_t to, std::uint16_t port) {
    const auto freed = freed_.find(std::uint64_t{to} << 16U | port);
    if (freed == freed_.end()) return;
    const double pause = now - freed->second;
    result_.soonest_reuse = std::min(pause, result_.soonest_reuse.value_or(pause));
}

void Simulation::arrive(double now) {
    const std::uint32_t to = random_.below(request_.destinations);
    const double held = exponential(request_.held);
    ++result_.offered;
    const auto choice = pool_.allocate(destination(to), always());
    if (!choice || !choice->port) {
        if (choice) result_.collisions += choice->tries;
        if (result_.failed++ == 0) result_.exhausted_after = now;
        if (pool_.taken(destination(to)) < pool_.size()) ++result_.failed_early;
        ++now_.failed;
        return;
    }
    ++result_.opened;
    result_.collisions += choice->tries - 1;
    if (tries_.size() <= choice->tries) tries_.resize(choice->tries + 1);
    ++tries_[choice->tries];
    result_.most_taken = std::max(result_.most_taken, pool_.taken(destination(to)));
    note_reuse(now, to, *choice->port);
    ++now_.in_use;
    events_.push({now + held, Event::Kind::close, to, *choice->port});
}

void Simulation::sample(double until) {
    const double step = request_.duration / static_cast<double>(sample_count);
    while (result_.samples.size() < sample_count && static_cast<double>(result_.samples.size() + 1) * step <= until) {
        now_.at = static_cast<double>(result_.samples.size() + 1) * step;
        result_.samples.push_back(now_);
    }
}

void Simulation::pass_events(double until) {
    while (!events_.empty() && events_.top().at <= until) {
        const Event event = events_.top();
        events_.pop();
        sample(event.at);
        if (event.kind == Event::Kind::close) {
            --now_.in_use;
            ++now_.time_wait;
            events_.push({event.at + request_.time_wait, Event::Kind::free, event.destination, event.port});
        } else {
            --now_.time_wait;
            pool_.release(destination(event.destination), event.port);
            freed_[std::uint64_t{event.destination} << 16U | event.port] = event.at;
        }
    }
    sample(until);
}

TryStatistics Simulation::try_statistics() const {
    TryStatistics statistics;
    if (result_.opened == 0) return statistics;
    const auto opened = static_cast<double>(result_.opened);
    std::uint64_t below = 0;
    for (std::uint32_t tries = 1; tries < tries_.size(); ++tries) {
        if (tries_[tries] == 0) continue;
        statistics.mean += static_cast<double>(tries) * static_cast<double>(tries_[tries]) / opened;
        const auto before = static_cast<double>(below);
        below += tries_[tries];
        const auto after = static_cast<double>(below);
        if (before < 0.5 * opened && after >= 0.5 * opened) statistics.median = tries;
        if (before < 0.99 * opened && after >= 0.99 * opened) statistics.percentile_99 = tries;
        statistics.most = tries;
    }
    return statistics;
}

SimulationResult Simulation::run() {
    const double gap = 1 / request_.rate;
    for (double now = exponential(gap); now < request_.duration; now += exponential(gap)) {
        pass_events(now);
        arrive(now);
    }
    pass_events(request_.duration);
    result_.tries = try_statistics();
    // Little's law.
    result_.wanted = request_.rate / request_.destinations * (request_.held + request_.time_wait);
    result_.predictability = predictability_of(request_.algorithm, request_.ports, request_.seed);
    return std::move(result_);
}

Status check(const SimulationRequest& request) {
    const auto check_one = [](const char* what, double value, double least, double most) -> Status {
        if (value >= least && value <= most) return {};
        return fail(ErrorKind::usage, fmt::format("{} {:g} is outside {:g}-{:g}", what, value, least, most));
    };
    constexpr double day = 86'400;
    constexpr double most_rate = 1e7, most_destinations = 1 << 24;
    if (request.ports.empty()) return fail(ErrorKind::full, "no port is left to hand out: all are reserved");
    if (auto right = check_one("--rate", request.rate, 1e-3, most_rate); !right) return right;
    if (auto right = check_one("--hold", request.held, 0, day); !right) return right;
    if (auto right = check_one("--time-wait", request.time_wait, 0, day); !right) return right;
    if (auto right = check_one("--destinations", request.destinations, 1, most_destinations); !right) return right;
    if (auto right = check_one("--duration", request.duration, 1, day); !right) return right;
    if (request.rate * request.duration <= most_events) return {};
    return fail(ErrorKind::usage,
                fmt::format("{:g} connections are more than a simulation takes; lower --rate or --duration until their "
                            "product is at most {:g}",
                            request.rate * request.duration, most_events));
}

/// Minus the logarithm of the chance that two of these are alike.
class CollisionEntropy {
  public:
    void add(std::uint32_t value) { ++counts_[value]; }
    [[nodiscard]] double bits(double most) const {
        double pairs = 0, alike = 0, total = 0;
        for (const auto& [value, count] : counts_) {
            alike += static_cast<double>(count) * static_cast<double>(count - 1);
            total += static_cast<double>(count);
        }
        pairs = total * (total - 1);
        return alike == 0 ? most : std::clamp(-std::log2(alike / pairs), 0.0, most);
    }

  private:
    std::unordered_map<std::uint32_t, std::uint64_t> counts_;
};

}  // namespace

Predictability predictability_of(PortAlgorithm algorithm, const PortSet& ports, std::uint64_t seed) {
    // Pairs grow with the square: of 28,000 ports some 7,000 pairs are alike, so that a figure is right to 0.02 bits.
    constexpr std::uint64_t trials = 20'000;
    constexpr std::uint32_t victim = 1, attacker = 2;
    const auto modulus = static_cast<std::uint32_t>(UINT16_MAX) + 1;
    const auto list = listed(ports);
    CollisionEntropy own, former;
    for (std::uint64_t trial = 0; trial < trials; ++trial) {
        const SipKey secret = derive_key({seed, 1}, trial);
        EphemeralPool pool(list, std::make_shared<PortSelector>(algorithm, secret), derive_key(secret, 1));
        const auto next = [&](std::uint32_t to) -> std::uint32_t {
            return pool.allocate(destination(to), always()).value_or(PortChoice{}).port.value_or(0);
        };
        const std::uint32_t seen = next(attacker);
        const std::uint32_t guessed = next(victim);
        own.add((guessed + modulus - seen) % modulus);
        former.add((next(victim) + modulus - guessed) % modulus);
    }
    const double most = std::log2(static_cast<double>(std::max<std::size_t>(ports.size(), 1)));
    return {most, own.bits(most), former.bits(most)};
}

Result<SimulationResult> simulate(const SimulationRequest& request) {
    if (auto right = check(request); !right) return fail(right.error());
    return Simulation(request).run();
}

}  // namespace xdemux
